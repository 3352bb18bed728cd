"""Samples of random functions on the unit cube, (m, d) -> (m,), and where they are smallest.

The minimisers were found by searching densely and then from the best thousand points.
"""

from __future__ import annotations

import numpy as np

from searching.functions import Function

ROUGH_FIELD_AT = (0.979606, 0.2814672, 0.3466981)
NETWORK_FIELD_AT = (0.875, 0.95, 0.9, 0.393978, 0.675966, 1.0)


def rough_field(d: int, length: float, seed: int) -> Function:
    """A sample of a Gaussian process with an exponential kernel, from random Fourier features.

    The spectrum of the kernel is a Cauchy distribution (Rahimi and Recht 2007); cut at 80.
    """
    rng = np.random.default_rng(seed)
    n = 300
    waves = rng.standard_normal((n, d)) / np.abs(rng.standard_normal((n, 1))) / length
    norms = np.linalg.norm(waves, axis=1, keepdims=True)
    waves *= np.minimum(1.0, 80.0 / norms)
    phases = rng.uniform(0.0, 2 * np.pi, n)
    weights = rng.standard_normal(n) * np.sqrt(2 / n)

    def function(z: np.ndarray) -> np.ndarray:
        return np.cos(z @ waves.T + phases) @ weights

    return function


def network_field(d: int, steepness: float, seed: int) -> Function:
    """A sample of a wide network of one layer: as of the arc-sine kernel (Williams 1998)."""
    rng = np.random.default_rng(seed)
    n = 200
    weights_in = steepness * rng.standard_normal((n, d))
    thresholds = (weights_in * rng.random((n, d))).sum(axis=1)
    weights_out = rng.standard_normal(n) / np.sqrt(n)

    def function(z: np.ndarray) -> np.ndarray:
        return np.tanh(z @ weights_in.T - thresholds) @ weights_out

    return function
