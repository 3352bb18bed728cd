"""The initial design, used before there is a model: a scrambled low-discrepancy sequence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats


_RESOLUTION = 2.0**-32


def points(n: int, n_axes: int, seed: int) -> Floats:
    """The first n points of the cube: the centre, then a scrambled Halton sequence.

    Each digit of each axis is permuted at random, so that axes with large bases are not
    correlated.

    Args:
        n: Number of points, at least 1.
        n_axes: Number of axes, d.
        seed: Non-negative; each seed gives another sequence.

    Returns:
        Shape (n, d), in [0, 1). The first rows do not depend on n.

    References:
        Halton (1960); Braaten and Weller (1979), An improved low-discrepancy sequence for
        multidimensional quasi-Monte Carlo integration.
    """
    columns = [
        _radical_inverse(n - 1, base, np.random.default_rng([seed, base]))
        for base in _primes(n_axes)
    ]
    return np.concatenate([np.full((1, n_axes), 0.5), np.stack(columns, axis=1)])


def _radical_inverse(n: int, base: int, rng: np.random.Generator) -> Floats:
    """Permuted digits of 0, 1, ..., n - 1, mirrored at the point, shape (n,)."""
    remaining = np.arange(n)
    values = np.zeros(n)
    for level in range(1, math.ceil(-math.log(_RESOLUTION, base)) + 1):
        remaining, digits = np.divmod(remaining, base)
        values += rng.permutation(base)[digits] * float(base) ** -level
    return values


def _primes(n: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < n:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found
