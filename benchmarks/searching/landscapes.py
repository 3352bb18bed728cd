"""Landscapes that are no function of the literature: categories, and what training looks like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from searching.functions import Function
from searching.parameters import (
    Parameter,
    Real,
    Steps,
    bin_of,
    categories,
    integers,
    logs,
    ordered,
    reals,
)
from searching.problem import Problem, rng_of


def categorical_effects(name: str, sizes: Sequence[int]) -> Problem:
    """Categories alone: main effects and interactions of pairs."""
    rng = rng_of(name)
    mains = [rng.standard_normal(k) for k in sizes]
    pairs = [rng.standard_normal((a, b)) * 0.7 for a, b in pairwise(sizes)]

    def of_options(index: np.ndarray) -> np.ndarray:
        total = sum(main[index[:, j]] for j, main in enumerate(mains))
        return total + sum(pair[index[:, j], index[:, j + 1]] for j, pair in enumerate(pairs))

    def function(unit: np.ndarray) -> np.ndarray:
        return of_options(bin_of(unit, np.array(sizes)))

    return Problem(name, _options(sizes), function, float(of_options(_all_options(sizes)).min()))


def _options(sizes: Sequence[int]) -> tuple[Parameter, ...]:
    """A category of each size."""
    return tuple(categories(f"c{j}", *(f"v{i}" for i in range(k))) for j, k in enumerate(sizes))


def _all_options(sizes: Sequence[int]) -> np.ndarray:
    """The indices of every choice of categories, one row each."""
    return np.stack([g.ravel() for g in np.indices(sizes)], axis=1)


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
        kind = bin_of(unit[:, 0], 3)
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
        kind = bin_of(unit[:, 0], len(offset))
        distance = (steepness[kind] * (unit[:, 1:] - best[kind]) ** 2).sum(axis=1)
        return offset[kind] + 1 - np.exp(-distance)

    return Problem(name, parameters, function, 0.0, noise)


def in_its_box(
    name: str,
    base: Function,
    minimiser: Sequence[float],
    box: tuple[float, float],
    parameters: Sequence[Parameter],
) -> Problem:
    """``base`` (smallest at ``minimiser``) over the box it is known on, some axes mirrored."""
    is_mirrored = rng_of(name).random(len(parameters)) < 0.5
    low, high = box

    def function(unit: np.ndarray) -> np.ndarray:
        return base(low + (high - low) * np.where(is_mirrored, 1 - unit, unit))

    return Problem(name, tuple(parameters), function, float(base(np.array([minimiser]))[0]))


def epistasis(name: str, sizes: Sequence[int], n_partners: int, n_reals: int) -> Problem:
    """NK landscape of categories, and wells on real axes whose places the first category moves.

    What an option adds depends on the options of its ``n_partners`` random partners.
    """
    rng = rng_of(name)
    n = len(sizes)
    groups = [
        [j, *rng.choice([k for k in range(n) if k != j], n_partners, replace=False)]
        for j in range(n)
    ]
    tables = [rng.random([sizes[k] for k in group]) for group in groups]
    wells = rng.uniform(0.15, 0.85, (sizes[0], n_reals))

    def of_options(index: np.ndarray) -> np.ndarray:
        parts = [
            table[tuple(index[:, group].T)] for group, table in zip(groups, tables, strict=True)
        ]
        return np.mean(parts, axis=0)

    def function(unit: np.ndarray) -> np.ndarray:
        index = bin_of(unit[:, :n], np.array(sizes))
        missed = ((unit[:, n:] - wells[index[:, 0]]) ** 2).sum(axis=1)
        return of_options(index) + 1 - np.exp(-3 * missed)

    parameters = (*_options(sizes), *reals(n_reals))
    return Problem(name, parameters, function, float(of_options(_all_options(sizes)).min()))


def schedule(name: str, noise: float = 0.0) -> Problem:
    """A training run that diverges just above the best learning rate.

    The rate that it tolerates grows with warm-up, batch and clipping; decay counts as its product
    with the rate, and best are rates that grow with the batch.
    """
    rng = rng_of(name)
    parameters = (
        Real("lr", 1e-5, 1.0, is_log=True),
        Real("weight_decay", 1e-6, 1.0, is_log=True),
        integers("warmup", 0, 10),
        ordered("batch", 16, 32, 64, 128, 256, 512),
        ordered("clip", 0.1, 0.3, 1.0, 3.0, 10.0),
        categories("shape", "constant", "linear", "cosine", "cycles"),
        Real("smoothing", 0.0, 0.3),
    )
    warmup, batch, clip = (
        p.unit_of(p.value_at(rng.uniform(0.3, 0.8))) for p in parameters if _is_number(p)
    )
    best_lr, best_product = rng.uniform(0.4, 0.6), rng.uniform(0.9, 1.1)
    best_smoothing = rng.uniform(0.2, 0.6)
    loss_of_shape = rng.permutation([0.0, 0.03, 0.1, 0.2])

    def function(unit: np.ndarray) -> np.ndarray:
        off = unit - np.array([best_lr, 0.5, warmup, batch, clip, 0.5, best_smoothing])
        slow = off[:, 0] - 0.25 * off[:, 3]
        product = unit[:, 0] + unit[:, 1] - best_product
        kind = bin_of(unit[:, 5], 4)
        loss = 3 * slow**2 + 1.5 * product**2 + loss_of_shape[kind] + 0.2 * off[:, 6] ** 2
        loss += 0.3 * off[:, 2] ** 2 + 0.3 * off[:, 3] ** 2 + 0.1 * off[:, 4] ** 2
        room = 0.04 + 0.3 * off[:, 2] + 0.15 * off[:, 3] - 0.2 * off[:, 4]
        return np.where(slow > room, 6 + 40 * np.maximum(slow - room, 0), loss)

    return Problem(name, parameters, function, 0.0, noise)


def _is_number(parameter: Parameter) -> bool:
    return isinstance(parameter, Steps) and parameter.kind != "category"
