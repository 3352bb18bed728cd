"""Candidates: uniform ones, mutants of the best runs, and ones with one value exchanged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

    from sweep_service.search.bayes.arrays import Floats, Integers
    from sweep_service.search.bayes.axes import Axes, Axis


#: Finite spaces with up to this many configurations are evaluated completely.
_SMALL_SPACE = 2_000
#: Mutants descend from this many best runs; the rank of the parent is geometric.
_N_PARENTS, _PARENT_RATE = 10, 0.3
#: Mutation steps are log-uniform between these, in units of the cube's side.
_SMALLEST_STEP, _LARGEST_STEP = 0.003, 0.4
#: On finite axes with more values, only some of them are exchanged.
_N_EXCHANGED = 12
#: How often an exchange that makes other axes active is tried.
_N_FILLED = 4
_HOPS = np.array([-8, -4, -3, -2, -1, 1, 2, 3, 4, 8])


def spread_and_mutants(
    axes: Axes, observed: Floats, y: Floats, n_uniform: int, n_mutants: int, rng: Generator
) -> Floats:
    """All configurations of a small space; otherwise uniform ones and mutants of the best runs.

    Args:
        axes: The cube.
        observed: Observed configurations, shape (n, d), n >= 1.
        y: Their values, smaller is better, shape (n,).
        n_uniform: Number of uniform configurations.
        n_mutants: Number of mutants.
        rng: Source of randomness.

    Returns:
        Snapped configurations, shape (m, d); in a space with constraints there may be none.
    """
    if axes.n_points <= _SMALL_SPACE:
        return axes.all_points()
    anywhere = rng.random((n_uniform, len(axes)))
    found = np.concatenate([anywhere, _mutants(axes, observed, y, n_mutants, rng)])
    return axes.valid(axes.snap(found))


def _mutants(axes: Axes, observed: Floats, y: Floats, n: int, rng: Generator) -> Floats:
    d = len(axes)
    best = np.argsort(y, kind="stable")[:_N_PARENTS]
    rank = np.minimum(rng.geometric(_PARENT_RATE, n), len(best)) - 1
    moves = rng.random((n, d)) < rng.uniform(1.0 / d, 1.0, (n, 1))
    moves[np.arange(n), rng.integers(d, size=n)] = True
    step = np.exp(rng.uniform(math.log(_SMALLEST_STEP), math.log(_LARGEST_STEP), (n, 1)))
    moved = axes.filled(observed[best[rank]], rng) + moves * step * rng.standard_normal((n, d))
    is_new_category = moves & axes.is_categorical
    moved = np.where(is_new_category, rng.random((n, d)), moved)
    return 1.0 - np.abs(1.0 - np.abs(moved))  # mirrored at the sides of the cube


def exchanges(axes: Axes, unit: Floats, rng: Generator) -> Floats:
    """Configurations that differ from ``unit``, shape (d,), in one finite axis, shape (m, d).

    Axes that become active by the exchange have random coordinates, several times.
    """
    n_repeats = 1 if axes.structure is None else _N_FILLED
    blocks: list[Floats] = [np.empty((0, len(axes)))]
    for j, axis in enumerate(axes):
        if axis.n_values is not None:
            values = axis.at(_alternatives(axis, axis.n_values, unit[j], rng))
            values = np.repeat(values, n_repeats)
            block = axes.filled(np.repeat(unit[None], len(values), axis=0), rng)
            block[:, j] = values
            blocks.append(block)
    exchanged = np.concatenate(blocks)
    return exchanged if axes.structure is None else axes.valid(axes.snap(exchanged))


def _alternatives(axis: Axis, n_values: int, coordinate: Floats, rng: Generator) -> Integers:
    if n_values <= _N_EXCHANGED:
        return np.arange(n_values)
    if axis.is_categorical:
        return rng.choice(n_values, _N_EXCHANGED, replace=False)
    neighbours: Integers = np.clip(axis.index_of(coordinate) + _HOPS, 0, n_values - 1)
    return neighbours
