"""CPU seconds of one suggestion after n runs, history load included, eight parameters."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from searching.environments import one_thread, python_of
from searching.parameters import Real, categories, integers
from searching.problems import Problem
from searching.simulate import MAKERS

N_REPEATS = 5
#: A Gaussian process over thousands of runs takes minutes; the peer is measured up to here.
MOST_RUNS = {"optuna_gp": 100, "wandb": 1000}


def report(optimisers: Sequence[str], cache: Path, sizes: Sequence[int]) -> str:
    """One row per optimiser: seconds at each size, and with 8 pending runs at 100."""
    lines = [f"{'CPU s per suggestion':<22}" + "".join(f"n={n:<10}" for n in sizes)]
    for optimiser in optimisers:
        cells = [
            _measured(optimiser, n, cache) if n <= MOST_RUNS.get(optimiser, n) else "-"
            for n in sizes
        ]
        lines.append(f"{optimiser:<22}" + "".join(f"{cell:<12}" for cell in cells))
    return "\n".join(lines)


def _measured(optimiser: str, n: int, cache: Path) -> str:
    command = [python_of(optimiser, cache), "-m", "searching.cost", optimiser, str(n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=one_thread())
    return done.stdout.strip()


def problem() -> Problem:
    """Four real, two integer and two categorical parameters; a bowl."""
    parameters = (
        *(Real(f"x{i}", 0.0, 1.0) for i in range(3)),
        Real("lr", 1e-5, 1.0, is_log=True),
        integers("n", 1, 64),
        integers("m", 1, 8),
        categories("kind", "a", "b", "c"),
        categories("flag", False, True),
    )

    def function(unit: np.ndarray) -> np.ndarray:
        return ((unit - 0.4) ** 2).sum(axis=1) + 0.1 * np.sin(9 * unit[:, 0])

    return Problem("cost", parameters, function, 0.0)


def seconds(optimiser: str, n: int) -> float:
    """Median over a few suggestions, after n random runs that are loaded each time.

    Loading is what a stateless backend does on each request: plain rows become the history.
    """
    subject = problem()
    unit = subject.draw(np.random.default_rng(0), n)
    values = subject.function(unit)
    made = MAKERS[optimiser](subject, 0)
    stored = made.stored([subject.config_at(row) for row in unit], [float(v) for v in values])
    made.ask(0)  # libraries are loaded on the first ask
    taken = []
    for _ in range(N_REPEATS):
        fresh = MAKERS[optimiser](subject, 0)
        started = time.process_time()
        fresh.load(stored)
        fresh.ask(n)
        taken.append(time.process_time() - started)
    return float(np.median(taken))


if __name__ == "__main__":
    print(f"{seconds(sys.argv[1], int(sys.argv[2])):.4f}")
