"""Scaling of metric values for a Gaussian process: standardised, with poor values compressed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats


#: Relative differences below this are rounding.
_RESOLUTION = 1e-12
#: Upper limit of intermediate results, whose squares still fit into a float.
_LARGEST = 1e150
#: The standardised value of ``_LARGEST``.
_HIGHEST = 1.0 + math.log(math.log(_LARGEST))


@dataclass(frozen=True)
class Warp:
    """A monotone map from values (smaller is better) to standardised ones.

    Values better than the median are scaled linearly. Worse ones are compressed by a logarithm,
    and much worse ones by its logarithm, so that diverged runs do not flatten the differences
    between good ones as long as they are fewer than half. The pieces agree in value and slope:

        z = (value / scale - median) / spread

        w(z) = z for z <= 0,   log(1 + z) up to z = e - 1,   1 + log(log(1 + z)) beyond

    Attributes:
        scale: Divisor of huge values, which keeps them from overflowing.
        median: Median of the scaled values, weighted by space.
        spread: Difference from the best to the median scaled value.
        centre: Mean of w.
        width: Standard deviation of w.
    """

    scale: float
    median: float
    spread: float
    centre: float
    width: float

    @classmethod
    def to(cls, values: Floats, weights: Floats) -> Warp | None:
        """The warp that standardises ``values``; None if all are equal.

        Args:
            values: Finite values, shape (n,).
            weights: The share of the space that each value represents, shape (n,). Late in a
                search most runs are close to the best one, which would bias a plain median.
        """
        scale = max(1.0, float(np.max(np.abs(values))) / _LARGEST)
        scaled = values / scale
        best, median = float(scaled.min()), _weighted_median(scaled, weights)
        rounding = _RESOLUTION * max(abs(best), abs(median))
        spread = median - best
        if not spread > rounding:
            spread = float(np.std(scaled))
        if not spread > rounding:
            return None
        raw = cls(scale, median, spread, 0.0, 1.0).apply(values)
        return cls(scale, median, spread, float(raw.mean()), float(raw.std()))

    def apply(self, values: Floats) -> Floats:
        """Standardised values, of the same shape."""
        with np.errstate(over="ignore"):
            z = np.minimum((values / self.scale - self.median) / self.spread, _LARGEST)
        standardised: Floats = (_compressed(z) - self.centre) / self.width
        return standardised

    def invert(self, standardised: Floats) -> Floats:
        """The values that map to ``standardised``, clipped to those that the warp distinguishes."""
        scaled = _stretched(standardised * self.width + self.centre) * self.spread + self.median
        values: Floats = np.clip(scaled, -_LARGEST, _LARGEST) * self.scale
        return values


def _compressed(z: Floats) -> Floats:
    """w(z)."""
    logarithm = np.log1p(np.maximum(z, 0.0))
    far = 1.0 + np.log(np.maximum(logarithm, 1.0))
    return np.where(z > 0, np.minimum(logarithm, far), z)


def _stretched(w: Floats) -> Floats:
    """The inverse of ``_compressed``, at most ``_LARGEST``."""
    far = np.exp(np.clip(w, 1.0, _HIGHEST) - 1.0)
    logarithm = np.where(w > 1, far, np.maximum(w, 0.0))
    return np.where(w > 0, np.expm1(logarithm), w)


def _weighted_median(values: Floats, weights: Floats) -> float:
    """The value at or below which half of the weight lies."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(cumulated, 0.5 * cumulated[-1])]])
