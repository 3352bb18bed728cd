"""Choosing a subset of observations, and weighting observations by their density."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator

    from sweep_service.search.bayes.arrays import Floats, Integers
    from sweep_service.search.bayes.axes import Axes


#: Configurations within this root mean square distance per axis count as the same place.
_SAME_PLACE = 0.1
#: Share of a subset that goes to the best observations.
_BEST_SHARE = 0.5


def crowding_weights(axes: Axes, unit: Floats) -> Floats:
    """One over the number of observations at the same place, itself included, shape (n,).

    Args:
        axes: The cube.
        unit: Snapped configurations, shape (n, d).
    """
    mean_square = axes.squared_distances(unit, unit, np.full(len(axes), len(axes) ** 0.5))
    weights: Floats = 1.0 / (mean_square <= _SAME_PLACE**2).sum(axis=1)
    return weights


def representative(values: Floats, n: int, rng: Generator) -> Integers:
    """Ascending indices of at most ``n`` observations: the best ones, and others at random.

    Args:
        values: Smaller is better, shape (N,).
        n: Maximum number of observations to keep.
        rng: Source of randomness.
    """
    if len(values) <= n:
        return np.arange(len(values))
    order = np.argsort(values, kind="stable")
    n_best = int(n * _BEST_SHARE)
    others = rng.choice(order[n_best:], n - n_best, replace=False)
    return np.sort(np.concatenate([order[:n_best], others]))
