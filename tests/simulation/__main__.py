"""Plays simulated worlds, or one again with its story; see ``make simulate``."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.faults import FAULTS
from simulation.scenario import Result, play

if TYPE_CHECKING:
    from simulation.lines import Lines

_MEMORY = Path("/dev/shm")
_CHUNK = 25
_STORY_LINES = 40
_MOST_STORIES = 5
_MOST_LINES = 25


@dataclass
class Tally:
    """What came of many worlds."""

    n_worlds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[Result] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.n_worlds += other.n_worlds
        self.faults += other.faults
        self.broken += other.broken


def main() -> int:
    """Play as many worlds as asked for; 1 if a promise was broken in any."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--seed", type=int, help="play this one and tell its story")
    parser.add_argument("--lines", action="store_true", help="tell which lines of the client ran")
    given = parser.parse_args()
    if given.lines:
        return tell_lines(range(given.first, given.first + given.seeds))
    if given.seed is not None:
        return replay(given.seed)
    began = time.monotonic()
    tally = play_all(range(given.first, given.first + given.seeds))
    for result in tally.broken[:_MOST_STORIES]:
        print(story(result))
    print(f"faults: {', '.join(f'{name} {tally.faults[name]:,}' for name in FAULTS)}")
    print(
        f"{tally.n_worlds:,} worlds, {len(tally.broken)} with a broken promise,"
        f" {time.monotonic() - began:.0f} s"
    )
    for result in tally.broken[_MOST_STORIES:_MOST_LINES]:
        print(f"SEED={result.seed}: {(result.broken or '').splitlines()[0][:150]}")
    missing = [name for name in FAULTS if not tally.faults[name]]
    if missing and given.seeds >= 1000:
        print(f"never injected: {', '.join(missing)}")
    return 1 if tally.broken or (missing and given.seeds >= 1000) else 0


def replay(seed: int) -> int:
    """One world again, with its story."""
    with tempfile.TemporaryDirectory(dir=_folder()) as folder:
        result = play(seed, Path(folder))
    print(story(result, n_lines=1000))
    return 1 if result.broken else 0


def tell_lines(seeds: range) -> int:
    """Which lines of the agent and the client run; 1 if they are too few."""
    from simulation.lines import LEAST_SHARE, report, share_of, together

    n_parts = os.cpu_count() or 1
    with ProcessPoolExecutor(n_parts) as pool:
        found = together(pool.map(_lines_of, [seeds[part::n_parts] for part in range(n_parts)]))
    share = share_of(found)
    print(report(found))
    print(f"{share:.1%} of the lines of the agent and of the client inside it ran")
    return 0 if share >= LEAST_SHARE else 1


def _lines_of(seeds: range) -> Lines:
    from simulation.lines import lines_run

    return lines_run(lambda: play_some(seeds))


def story(result: Result, n_lines: int = _STORY_LINES) -> str:
    """What happened in a world, in lines for people."""
    verdict = result.broken or "all promises held"
    lines = [f"{at:9.2f}  {line}" for at, line in result.story[-n_lines:]]
    left_out = len(result.story) - len(lines)
    if left_out > 0:
        lines.insert(0, f"           ... {left_out} lines before")
    end = f"again: make simulate SEED={result.seed}   (trace {digest(result)})"
    return "\n".join((f"world {result.seed}: {verdict}", *lines, end, ""))


def digest(result: Result) -> str:
    """A short text that stands for all that happened, step by step."""
    return hashlib.sha256("\n".join(result.trace).encode()).hexdigest()[:16]


def play_all(seeds: range) -> Tally:
    """Play worlds on all cores."""
    tally = Tally()
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    with ProcessPoolExecutor() as pool:
        for done in pool.map(play_some, chunks):
            tally.add(done)
    return tally


def play_some(seeds: Iterable[int]) -> Tally:
    """Play worlds one after the other."""
    tally = Tally()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=_folder()) as folder:
            result = play(seed, Path(folder))
        tally.n_worlds += 1
        tally.faults.update(result.faults)
        if result.broken:
            tally.broken.append(result)
    return tally


def _folder() -> Path | None:
    """Where the worlds' databases are: in memory, if this system can."""
    return _MEMORY if _MEMORY.is_dir() else None


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of texts have one order then
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]])
    raise SystemExit(main())
