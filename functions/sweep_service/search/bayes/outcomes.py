"""Metric values made fit for a Gaussian process: standardised, the bad ones compressed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats


#: Relative differences below this are rounding.
_RESOLUTION = 1e-12
#: Of numbers in between: twice as many digits still fit into a float.
_LARGEST = 1e150


@dataclass(frozen=True)
class Warp:
    """A monotone map from values (smaller is better) to standardised ones.

    The good half keeps its shape; beyond the median values grow by their logarithm only, so that
    a diverged run does not flatten the differences between good ones:

        z = (value / scale - median) / spread,   w(z) = z for z <= 0, log(1 + z) for z > 0

    Attributes:
        scale: Divides huge values first, which keeps them from overflowing.
        median: Over space, of scaled values.
        spread: From best to median, scaled.
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
        """The warp that standardises ``values``; None when they do not differ.

        Args:
            values: Finite, shape (n,).
            weights: The share of space that each speaks for, shape (n,). Late in a search most
                runs lie near the best; a median over runs would take them for the whole.
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
        w: Floats = np.where(z > 0, np.log1p(np.maximum(z, 0.0)), z)
        standardised: Floats = (w - self.centre) / self.width
        return standardised

    def invert(self, standardised: Floats) -> Floats:
        """The values that map to ``standardised``, no larger than any that is told apart."""
        w = standardised * self.width + self.centre
        grown = np.expm1(np.clip(w, 0.0, math.log(_LARGEST)))
        scaled = np.where(w > 0, grown, w) * self.spread + self.median
        values: Floats = np.clip(scaled, -_LARGEST, _LARGEST) * self.scale
        return values


def _weighted_median(values: Floats, weights: Floats) -> float:
    """The value at or below which half of the weight lies."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(cumulated, 0.5 * cumulated[-1])]])
