"""Landscapes that are no function of the literature: categories, and what training looks like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from searching.parameters import Real, categories, integers, logs, ordered, reals
from searching.problem import Problem, rng_of


def categorical_effects(name: str, sizes: Sequence[int]) -> Problem:
    """Categories alone: main effects and interactions of pairs."""
    rng = rng_of(name)
    mains = [rng.standard_normal(k) for k in sizes]
    pairs = [rng.standard_normal((a, b)) * 0.7 for a, b in pairwise(sizes)]
    parameters = tuple(
        categories(f"c{j}", *(f"v{i}" for i in range(k))) for j, k in enumerate(sizes)
    )

    def function(unit: np.ndarray) -> np.ndarray:
        index = np.minimum((unit * np.array(sizes)).astype(int), np.array(sizes) - 1)
        total = sum(main[index[:, j]] for j, main in enumerate(mains))
        return total + sum(pair[index[:, j], index[:, j + 1]] for j, pair in enumerate(pairs))

    grid = np.meshgrid(*[(np.arange(k) + 0.5) / k for k in sizes], indexing="ij")
    every = np.stack([g.ravel() for g in grid], axis=1)
    return Problem(name, parameters, function, float(function(every).min()))


def training(name: str, is_cliff: bool) -> Problem:
    """Looks like a training run: optimiser, its learning rate, momentum that SGD alone feels."""
    rng = rng_of(name)
    best_lr = rng.uniform(0.3, 0.7, 3)
    best = rng.uniform(0.2, 0.8, 3)
    offset = rng.permutation([0.0, 0.08, 0.2])
    parameters = (
        categories("optimizer", "sgd", "adam", "lamb"),
        Real("lr", 1e-5, 1.0, is_log=True),
        Real("momentum", 0.0, 0.99),
        Real("weight_decay", 1e-7, 1e-1, is_log=True),
        ordered("batch", 16, 32, 64, 128, 256),
        integers("layers", 1, 8),
    )
    batch_at, layers_at = 0.5, 0.5625

    def function(unit: np.ndarray) -> np.ndarray:
        kind = np.minimum((unit[:, 0] * 3).astype(int), 2)
        lr = unit[:, 1] - best_lr[kind] - 0.15 * (unit[:, 4] - batch_at)
        loss = 4.0 * lr**2 + offset[kind] + 0.3 * (unit[:, 3] - best[1]) ** 2
        loss += np.where(kind == 0, 0.6 * (unit[:, 2] - best[0]) ** 2, 0.0)
        loss += 0.2 * (unit[:, 4] - batch_at) ** 2 + 0.5 * (unit[:, 5] - layers_at) ** 2
        if is_cliff:
            loss = np.where(lr > 0.12 + 0.1 * unit[:, 2], 50.0 + 1e4 * lr**2, loss)
        return loss

    return Problem(name, parameters, function, 0.0)


#: Which of the other parameters each kind of ``branches`` feels.
_FELT = np.array([[1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [1, 0, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1]])


def branches(name: str, noise: float = 0.0) -> Problem:
    """A category decides which other parameters matter, and where: one well under each kind."""
    rng = rng_of(name)
    parameters = (
        categories("kind", "linear", "tree", "kernel", "network"),
        *reals(2),
        *logs(3),
        integers("n", 1, 16),
    )
    offset = rng.permutation([0.0, 0.05, 0.1, 0.3])
    best = rng.uniform(0.15, 0.85, _FELT.shape)
    best[:, -1] = (np.floor(best[:, -1] * 16) + 0.5) / 16
    steepness = _FELT * 10.0 ** rng.uniform(0.7, 1.5, _FELT.shape)

    def function(unit: np.ndarray) -> np.ndarray:
        kind = np.minimum((unit[:, 0] * len(offset)).astype(int), len(offset) - 1)
        distance = (steepness[kind] * (unit[:, 1:] - best[kind]) ** 2).sum(axis=1)
        return offset[kind] + 1 - np.exp(-distance)

    return Problem(name, parameters, function, 0.0, noise)
