"""Inverting a lower triangular matrix, for which numpy has no routine.

    [A 0]^-1   [ A^-1           0   ]
    [B C]    = [-C^-1 B A^-1   C^-1 ]

so that nearly all of the work is matrix products: four times as fast as a general inverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats

#: Up to this size the general inverse is as fast.
_SMALL = 32


def inverse(lower: Floats) -> Floats:
    """L^-1 of a lower triangular matrix (n, n) with a positive diagonal."""
    n = len(lower)
    if n <= _SMALL:
        return np.linalg.inv(lower)
    half = n // 2
    result = np.zeros_like(lower)
    result[:half, :half] = top = inverse(lower[:half, :half])
    result[half:, half:] = bottom = inverse(lower[half:, half:])
    result[half:, :half] = -bottom @ (lower[half:, :half] @ top)
    return result
