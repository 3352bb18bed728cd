"""The prior mean: the middle of a search space is expected to be better than its sides.

Authors usually choose ranges that contain the best value, whereas in many dimensions nearly all of
the cube is close to its sides, where a model with a constant mean is least certain and searches
first.

    b(x) = sum_j w_j (2 x_j - 1)^2

The process models the difference from b, so that observations outweigh it where they disagree.

References:
    Snoek et al. (2015), Scalable Bayesian optimization using deep neural networks: the quadratic
    prior mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats
    from sweep_service.search.bayes.axes import Axes


@dataclass(frozen=True)
class Bowl:
    """The prior mean b.

    Attributes:
        weights: How much worse the sides of each axis are, in standardised units, shape (d,).
    """

    weights: Floats

    @classmethod
    def over(cls, axes: Axes, steepness: float) -> Bowl:
        """Sides worse than the middle by ``steepness`` / sqrt(d) along each axis that has a middle.

        With this scale, a corner of d such axes is worse by the same multiple of the standard
        deviation of a sum of d independent effects for any d. Categorical axes have no middle, but
        are counted in d.
        """
        weights = np.where(axes.is_categorical, 0.0, steepness / np.sqrt(len(axes)))
        return cls(weights)

    def at(self, unit: Floats) -> Floats:
        """The prior mean at configurations (n, d), shape (n,), in standardised units."""
        expected: Floats = np.square(2.0 * unit - 1.0) @ self.weights
        return expected

    def gradient(self, unit: Floats) -> Floats:
        """The gradient with respect to x at configurations (n, d), shape (n, d)."""
        gradient: Floats = 4.0 * (2.0 * unit - 1.0) * self.weights
        return gradient
