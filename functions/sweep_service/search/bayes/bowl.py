"""What is expected of a search space before any run: the middle is better than the sides.

Whoever writes a range puts the best value inside it as a rule, while nearly all of a cube of many
dimensions lies near its sides, where a model with a constant mean knows least and looks first.

    b(x) = sum_j w_j (2 x_j - 1)^2

The process models what is left, so that observations overrule it wherever they say otherwise.

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
    """The expectation b.

    Attributes:
        weights: What the sides of each axis cost, in standardised units, shape (d,).
    """

    weights: Floats

    @classmethod
    def over(cls, axes: Axes, steepness: float) -> Bowl:
        """Sides worse than the middle by ``steepness`` / sqrt(d) along each axis that has a middle.

        So that a corner of d such axes is worse by as much of the spread that the sum of d
        independent effects has, whatever d is. Categories have no middle, and count in d.
        """
        weights = np.where(axes.is_categorical, 0.0, steepness / np.sqrt(len(axes)))
        return cls(weights)

    def at(self, unit: Floats) -> Floats:
        """What is expected of configurations (n, d), shape (n,)."""
        expected: Floats = np.square(2.0 * unit - 1.0) @ self.weights
        return expected

    def gradient(self, unit: Floats) -> Floats:
        """Its gradient by x at configurations (n, d), shape (n, d)."""
        gradient: Floats = 4.0 * (2.0 * unit - 1.0) * self.weights
        return gradient
