"""Tables of regrets and ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from searching.results import Job, Results

CHECKPOINTS = (20, 50, 100, 200)


def report(results: Results, optimisers: Sequence[str], n_runs: int) -> str:
    """Mean normalised regret per problem and over all, mean rank, and CPU seconds per run."""
    checkpoints = [k for k in CHECKPOINTS if k <= n_runs]
    regrets = _regrets(results, checkpoints)
    problems = sorted({problem for problem, _ in regrets})
    lines = [_row("regret after runs", [f"{name} {checkpoints}" for name in optimisers])]
    lines += [
        _row(problem, [_figures(regrets[problem, name]) for name in optimisers])
        for problem in problems
    ]
    table = np.array([[regrets[problem, name] for name in optimisers] for problem in problems])
    ranks = _ranks(table)
    lines.append(_row("MEAN REGRET", [_figures(column) for column in table.mean(axis=0)]))
    lines.append(_row("MEAN RANK", [_figures(column) for column in ranks.mean(axis=0)]))
    seconds = [f"{_cpu_per_run(results, name):.4f}" for name in optimisers]
    lines.append(_row("CPU s per run", seconds))
    return "\n".join(lines)


def _regrets(results: Results, checkpoints: list[int]) -> dict[tuple[str, str], np.ndarray]:
    by_cell = defaultdict(list)
    for job, result in results.items():
        at = [result["regrets"][k - 1] for k in checkpoints]
        by_cell[job.problem, job.optimiser].append(at)
    return {cell: np.mean(rows, axis=0) for cell, rows in by_cell.items()}


def _ranks(table: np.ndarray) -> np.ndarray:
    """Ranks along the optimisers, equal values share theirs; (problems, optimisers, k)."""
    better = (table[:, None] < table[:, :, None]).sum(axis=2)
    equal = (table[:, None] == table[:, :, None]).sum(axis=2)
    return better + (equal + 1) / 2


def _cpu_per_run(results: Results, optimiser: str) -> float:
    mine: list[tuple[Job, float]] = [
        (job, result["cpu_seconds"])
        for job, result in results.items()
        if job.optimiser == optimiser
    ]
    return sum(seconds for _, seconds in mine) / sum(job.n_runs for job, _ in mine)


def _figures(values: np.ndarray) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def _row(title: str, cells: list[str]) -> str:
    return f"{title:<22}" + "".join(f"{cell:<28}" for cell in cells)
