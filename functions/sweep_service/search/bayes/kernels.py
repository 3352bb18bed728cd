"""The kernel: a joint part of all parameters, and an additive part of each on its own.

With t_j = d (x_j - x'_j)^2 / l_j^2 for d parameters of length scales l_j:

    k    = (1 - a) M(r) + a / d sum_j Q(t_j),   r^2 = 1 / d sum_j t_j
    M(r) = (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)
    Q(t) = 1 / (1 + t)

The Matern 5/2 part can represent any smooth function. The additive part represents the effect of
each parameter independently of the others, which takes far fewer runs to learn; its share a is
fitted. Q is a rational quadratic, because d times as many roots and exponentials would cost more
than the rest of the model.

| symbol | shape  | meaning                                          |
|--------|--------|--------------------------------------------------|
| d, p   |        | parameters, pairs of configurations              |
| t      | (d, p) | scaled squared differences                       |
| a      |        | share of the parameters on their own, in [0, 1); |
|        |        | 0 where they are modelled together only          |

References:
    Rasmussen & Williams (2006), Gaussian processes for machine learning, eq. 4.17 and 4.19.
    Duvenaud et al. (2011), Additive Gaussian processes, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats


def correlation(squares: Floats, scale: Floats, own_share: float) -> Joint:
    """The correlation k, with what its derivatives need.

    Args:
        squares: Squared differences, shape (d, p).
        scale: d / l^2, so that t = scale * squares, shape (d,).
        own_share: Share of the additive part, a.
    """
    joint, slope = matern52_with_slope(scale / len(scale) @ squares)
    if not own_share:
        return Joint(joint, slope, squares, scale)
    own = squares * scale[:, None]
    own += 1.0
    np.reciprocal(own, out=own)
    # As a matrix product, the mean is several times faster than by ``mean``.
    mean_own = np.full(len(own), 1.0 / len(own)) @ own
    return WithOwn(joint, slope, squares, scale, own, mean_own, own_share)


@dataclass(frozen=True)
class Joint:
    """k = M.

    Attributes:
        joint: M, shape (p,).
        slope: dM / d(r^2), shape (p,).
        squares: Squared differences, shape (d, p).
        scale: d / l^2, shape (d,).
    """

    joint: Floats
    slope: Floats
    squares: Floats
    scale: Floats

    def value(self) -> Floats:
        """k, shape (p,)."""
        return self.joint

    def by_square(self) -> Floats:
        """Derivatives of k with respect to the squared differences, shape (d, p)."""
        return np.multiply.outer(self.scale / len(self.scale), self.slope)

    def by_log_length(self, weights: Floats) -> Floats:
        """Sum over the pairs of weights * dk / d log l_j, shape (d,); scale goes with l^-2."""
        by_log_length: Floats = self.squares @ (weights * self.slope)
        by_log_length *= -2.0 / len(self.scale) * self.scale
        return by_log_length


@dataclass(frozen=True)
class WithOwn(Joint):
    """k = (1 - a) M + a / d sum_j Q(t_j).

    Attributes:
        own: Q of each parameter, shape (d, p).
        mean_own: Its mean over the parameters, shape (p,).
        own_share: a.
    """

    own: Floats
    mean_own: Floats
    own_share: float

    def value(self) -> Floats:
        """See ``Joint``."""
        return self.joint + self.own_share * self.by_own_share()

    def by_own_share(self) -> Floats:
        """Derivative of k with respect to a, shape (p,)."""
        return self.mean_own - self.joint

    def by_square(self) -> Floats:
        """See ``Joint``; dQ / dt = -Q^2."""
        of_own = (self.scale / len(self.scale))[:, None] * np.square(self.own)
        return (1.0 - self.own_share) * super().by_square() - self.own_share * of_own

    def by_log_length(self, weights: Floats) -> Floats:
        """See ``Joint``; dQ / d log l = 2 t Q^2 = 2 (Q - Q^2)."""
        of_own = 2.0 / len(self.own) * (self.own @ weights - np.square(self.own) @ weights)
        of_joint = super().by_log_length(weights)
        return (1.0 - self.own_share) * of_joint + self.own_share * of_own


def matern52(squared_distance: Floats) -> Floats:
    """Correlation at squared distances r^2, of the same shape."""
    return _grown_and_decay(squared_distance)[0]


def matern52_with_slope(squared_distance: Floats) -> tuple[Floats, Floats]:
    """Correlation at squared distances r^2, and its derivative with respect to r^2.

    The derivative, -5/6 (1 + sqrt(5) r) exp(-sqrt(5) r), has no pole at 0.
    """
    correlation, decay, grown = _grown_and_decay(squared_distance)
    grown *= decay
    grown *= -5.0 / 6.0
    return correlation, grown


def _grown_and_decay(squared_distance: Floats) -> tuple[Floats, Floats, Floats]:
    """Correlation, exp(-sqrt(5) r) and 1 + sqrt(5) r; in place, since memory dominates the cost."""
    grown = 5.0 * squared_distance
    np.sqrt(grown, out=grown)
    decay = np.negative(grown)
    np.exp(decay, out=decay)
    grown += 1.0
    correlation = (5.0 / 3.0) * squared_distance
    correlation += grown
    correlation *= decay
    return correlation, decay, grown
