"""Plays worlds until a promise is broken, and prints which one: for mutants (``worlds.py``).

    python -m simulation.hunting FIRST N_WORLDS [--theme NAME] [--try SEED]

The answer is a line of JSON: the seed, the number of worlds played and what was broken, or null.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Any

from simulation.__main__ import play_some
from simulation.interpreter import start_again
from simulation.themes import seeds_of


def first_broken(seeds: Iterable[int]) -> dict[str, Any] | None:
    """The first world in which a promise is broken; None where there is none."""
    for number, seed in enumerate(seeds, start=1):
        for result in play_some([seed]).broken:
            broken = (result.broken or "").splitlines()[0]
            return {"seed": seed, "n_worlds": number, "broken": broken}
    return None


def main() -> None:
    """Print the answer."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=int)
    parser.add_argument("n_worlds", type=int)
    parser.add_argument("--theme", default="", help="play only the worlds with this theme")
    parser.add_argument("--try", dest="likely", type=int, help="the seed to begin with")
    given = parser.parse_args()
    seeds = [] if given.likely is None else [given.likely]
    seeds += seeds_of(given.theme, given.first, given.n_worlds)
    print(json.dumps(first_broken(seeds)))


if __name__ == "__main__":
    start_again("simulation.hunting")
    main()
