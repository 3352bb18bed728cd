"""Plays simulated worlds, or one again with its story; see ``make simulate``."""

from __future__ import annotations

import argparse
import gc
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.faults import FAULTS, table
from simulation.interpreter import garbage_kept, start_again
from simulation.lines import LEAST_SHARE, Lines, lines_run, report, share_of, together
from simulation.scenario import Result, play

if TYPE_CHECKING:
    from simulation.lines import Lines

#: As many as two cores play in some minutes.
_WORLDS = 2500
_MEMORY = Path("/dev/shm")
_CHUNK = 25
#: Lines are measured in at most this many chunks, and in one of five: it makes worlds twice as
#: slow.
_MEASURED_CHUNKS = 12
_LEAST_STRIDE = 5
#: This many worlds have some of every fault.
_ENOUGH_WORLDS = 1000
_STORY_LINES = 40
_MOST_STORIES = 5
_MOST_LINES = 25


@dataclass
class Tally:
    """What came of many worlds."""

    n_worlds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[Result] = field(default_factory=list)
    lines: Lines = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.n_worlds += other.n_worlds
        self.faults += other.faults
        self.broken += other.broken
        self.lines = together([self.lines, other.lines])


def main() -> int:
    """Play worlds; 1 if a promise was broken in any, or too little happened in them."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=_WORLDS, help="number of worlds to play")
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    parser.add_argument("--seed", type=int, help="play this one world and print its story")
    parser.add_argument("--lines", action="store_true", help="list the lines that did not run")
    given = parser.parse_args()
    if given.seed is not None:
        return replay(given.seed)
    began = time.monotonic()
    tally = play_all(range(given.first, given.first + given.seeds))
    print(summary(tally, time.monotonic() - began))
    if given.lines:
        print(report(tally.lines))
    is_enough = given.seeds < _ENOUGH_WORLDS or _has_seen_enough(tally)
    return 0 if is_enough and not tally.broken else 1


def summary(tally: Tally, seconds: float) -> str:
    """The broken promises, how often each fault was injected, and the share of lines."""
    lines = [story(result) for result in tally.broken[:_MOST_STORIES]]
    lines += [
        f"SEED={result.seed}: {(result.broken or '').splitlines()[0][:150]}"
        for result in tally.broken[_MOST_STORIES:_MOST_LINES]
    ]
    lines += [
        table(tally.faults),
        f"lines: {share_of(tally.lines):.1%} of those of the agent and of the client inside it ran",
        f"{tally.n_worlds:,} worlds, {len(tally.broken)} with a broken promise, {seconds:.0f} s",
    ]
    return "\n".join(lines)


def _has_seen_enough(tally: Tally) -> bool:
    """Whether every kind of fault was injected, and most lines ran; says what is missing."""
    missing = [name for name in FAULTS if not tally.faults[name]]
    if missing:
        print(f"never injected: {', '.join(missing)}")
    share = share_of(tally.lines)
    if share < LEAST_SHARE:
        print(f"too few lines ran: {share:.1%} instead of at least {LEAST_SHARE:.0%}")
        print(report(tally.lines))
    return not missing and share >= LEAST_SHARE


def replay(seed: int) -> int:
    """One world again, with its story."""
    with tempfile.TemporaryDirectory(dir=_folder()) as folder:
        result = play(seed, Path(folder))
    print(story(result, n_lines=1000))
    return 1 if result.broken else 0


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
    """A short text that represents all that happened, step by step."""
    return hashlib.sha256("\n".join(result.trace).encode()).hexdigest()[:16]


def play_all(seeds: range) -> Tally:
    """Play worlds on all cores; in some of them it is measured which lines run."""
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    stride = max(_LEAST_STRIDE, len(chunks) // _MEASURED_CHUNKS)
    measured, others = chunks[::stride], [one for i, one in enumerate(chunks) if i % stride]
    tally = Tally()
    with ProcessPoolExecutor() as pool:  # the slow ones first
        plays = [pool.submit(play_measured, chunk) for chunk in measured]
        plays += [pool.submit(play_some, chunk) for chunk in others]
        for done in plays:
            tally.add(done.result())
    tally.broken.sort(key=lambda result: result.seed)
    return tally


def play_measured(seeds: Iterable[int]) -> Tally:
    """As ``play_some``, and measure which lines run."""
    tally, lines = lines_run(lambda: play_some(seeds))
    tally.lines = lines
    return tally


def play_some(seeds: Iterable[int]) -> Tally:
    """Play worlds one after the other."""
    tally = Tally()
    with garbage_kept():
        for seed in seeds:
            with tempfile.TemporaryDirectory(dir=_folder()) as folder:
                result = play(seed, Path(folder))
            tally.n_worlds += 1
            tally.faults.update(result.faults)
            if result.broken:
                tally.broken.append(result)
            gc.collect()
    return tally


def _folder() -> Path | None:
    """Where the worlds' databases are: in memory, if this system can."""
    return _MEMORY if _MEMORY.is_dir() else None


if __name__ == "__main__":
    start_again("simulation")
    raise SystemExit(main())
