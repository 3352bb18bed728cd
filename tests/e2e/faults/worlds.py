"""Removes mechanisms one by one and plays simulated worlds until one detects it.

    python tests/e2e/faults/worlds.py [--only TEXT] [--first SEED] [--fresh] [--write]

The world that noticed a mutant last is tried first; then up to 600 worlds, of which those with the
mutant's theme are played. Exit code 1 if a mutant survives.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mutate import copy_of_packages, write_table
from mutations import FOUND, ROOT, Mutation, found_worlds
from mutations_simulated import SIMULATED

N_WORLDS = 600
SECONDS = 1800.0


@dataclass(frozen=True)
class Hunt:
    """How a mutant fared.

    Attributes:
        found: The seed, the number of worlds played and what was broken; None: it survived.
    """

    mutation: Mutation
    found: dict[str, Any] | None
    seconds: float


def hunt(mutation: Mutation, *, first: int, is_fresh: bool) -> Hunt:
    """Play worlds with a mutant until one notices it.

    Raises:
        RuntimeError: The worlds could not be played, or one is broken in any case.
    """
    began = time.monotonic()
    known = found_worlds().get(mutation.what)
    words = [str(first), str(N_WORLDS)]
    words += ["--theme", mutation.theme] if mutation.theme else []
    words += ["--try", str(known["seed"])] if known and not is_fresh else []
    with copy_of_packages() as packages:
        mutation.apply(packages)
        found = first_broken(words, packages)
    if found is not None:
        with copy_of_packages() as packages:
            if first_broken([str(found["seed"]), "1"], packages) is not None:
                raise RuntimeError(f"world {found['seed']} is broken without the mutation, too")
    return Hunt(mutation, found, time.monotonic() - began)


def first_broken(words: list[str], packages: Path) -> Any:
    """What ``simulation.hunting`` answers, with the code in ``packages``.

    Raises:
        RuntimeError: The worlds could not be played.
    """
    path = os.pathsep.join((str(packages), str(ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-m", "simulation.hunting", *words],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"the worlds {' '.join(words)} ended:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def line_of(hunted: Hunt) -> str:
    """What to print of a mutant."""
    found, what = hunted.found, hunted.mutation.what
    if found is None:
        return f"SURVIVED {hunted.seconds:4.0f} s  {what}"
    n_worlds = "1 world" if found["n_worlds"] == 1 else f"{found['n_worlds']} worlds"
    return (
        f"caught   {hunted.seconds:4.0f} s  {what}\n"
        f"         SEED={found['seed']} ({n_worlds}): {found['broken'][:150]}"
    )


def note(hunts: list[Hunt]) -> None:
    """Keep the worlds in which mutants were found, and bring the table in step."""
    worlds = found_worlds()
    names = {mutation.what for mutation in SIMULATED}
    worlds |= {
        one.mutation.what: {"seed": one.found["seed"], "broken": one.found["broken"][:200]}
        for one in hunts
        if one.found is not None
    }
    kept = {name: worlds[name] for name in sorted(worlds) if name in names}
    Path(FOUND).write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    write_table()


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="part of a mutation's name")
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    parser.add_argument("--fresh", action="store_true", help="do not try known worlds first")
    parser.add_argument("--write", action="store_true", help="keep the seeds, write the table")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="hunts at once")
    args = parser.parse_args()
    chosen = [one for one in SIMULATED if args.only in one.what]
    hunts = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for one in pool.map(partial(hunt, first=args.first, is_fresh=args.fresh), chosen):
            hunts.append(one)
            print(line_of(one), flush=True)
    if args.write:
        note(hunts)
    n_caught = sum(one.found is not None for one in hunts)
    print(f"{n_caught} of {len(hunts)} mutants caught in simulated worlds")
    return 0 if n_caught == len(hunts) else 1


if __name__ == "__main__":
    sys.exit(main())
