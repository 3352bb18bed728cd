"""Matern 5/2, as a function of the squared distance in units of the length scales.

    k(r) = (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r),   r^2 = sum_j (x_j - x'_j)^2 / l_j^2

Its derivative by r^2 is all that gradients by length scales and by x need, and has no pole at 0:

    dk / d(r^2) = -5/6 (1 + sqrt(5) r) exp(-sqrt(5) r)

References:
    Rasmussen & Williams (2006), Gaussian processes for machine learning, eq. 4.17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats


def matern52(squared_distance: Floats) -> Floats:
    """Correlation at squared distances r^2, of the same shape."""
    return _grown_and_decay(squared_distance)[0]


def matern52_with_slope(squared_distance: Floats) -> tuple[Floats, Floats]:
    """Correlation at squared distances r^2, and its derivative by r^2."""
    correlation, decay, grown = _grown_and_decay(squared_distance)
    grown *= decay
    grown *= -5.0 / 6.0
    return correlation, grown


def _grown_and_decay(squared_distance: Floats) -> tuple[Floats, Floats, Floats]:
    """Correlation, exp(-sqrt(5) r) and 1 + sqrt(5) r; in place, since memory is what costs."""
    grown = 5.0 * squared_distance
    np.sqrt(grown, out=grown)
    decay = np.negative(grown)
    np.exp(decay, out=decay)
    grown += 1.0
    correlation = (5.0 / 3.0) * squared_distance
    correlation += grown
    correlation *= decay
    return correlation, decay, grown
