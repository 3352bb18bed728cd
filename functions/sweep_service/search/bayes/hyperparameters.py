"""Length scales and noise of the Gaussian process, at the mode of their posterior.

| symbol  | shape   | meaning                                                              |
|---------|---------|----------------------------------------------------------------------|
| n, d    |         | observations, axes                                                   |
| y       | (n,)    | values, standardised, smaller is better                              |
| S       | (d,n,n) | squared differences per axis                                         |
| l       | (d,)    | length scales                                                        |
| R       | (n,n)   | C(l) + diag(noise + extra): covariance of y over the signal variance |
| theta   | (d+1,)  | (log l, log noise), what is fitted                                   |

The constant mean and the signal variance have closed forms given theta, so the fit is over theta
alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import bfgs, kernels, triangular

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats


#: Keeps R positive definite to rounding.
JITTER = 1e-8
_LENGTH_BOUNDS = (0.02, 100.0)
_NOISE_BOUNDS = (1e-6, 1.0)
#: An inverse gamma prior keeps the signal variance near 1, with the weight of as many values.
_VARIANCE_STRENGTH = 2.0
#: Gains in log density that are not worth another factorisation.
_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Prior:
    """Independent log-normal densities of the length scales and of the noise.

    log l ~ N(length_mean, length_std^2), log noise ~ N(noise_mean, noise_std^2).
    """

    length_mean: float
    length_std: float
    noise_mean: float
    noise_std: float

    def mode(self, n_axes: int) -> Hyperparameters:
        """The likeliest length scales, one per axis, and a middling noise."""
        length = math.exp(self.length_mean - self.length_std**2)
        return Hyperparameters(np.full(n_axes, length), math.exp(self.noise_mean))

    def penalty(self, theta: Floats) -> tuple[float, Floats]:
        """Negative log density up to a constant, and its gradient by theta.

        The density is that of l, not of log l: it favours short scales by a factor 1 / l.
        """
        z = (theta - self.length_mean) / self.length_std
        z[-1] = (theta[-1] - self.noise_mean) / self.noise_std
        gradient = z / self.length_std + 1.0
        gradient[-1] = z[-1] / self.noise_std
        return float(0.5 * z @ z + theta[:-1].sum()), gradient


@dataclass(frozen=True)
class Hyperparameters:
    """What the fit found.

    Attributes:
        length_scales: Shape (d,), in units of the cube's side.
        noise: Noise variance over the signal variance.
    """

    length_scales: Floats
    noise: float

    @classmethod
    def of(cls, theta: Floats) -> Hyperparameters:
        """From (log l, log noise), shape (d + 1,)."""
        return cls(np.exp(theta[:-1]), math.exp(theta[-1]))

    @property
    def theta(self) -> Floats:
        """(log l, log noise), shape (d + 1,)."""
        return np.append(np.log(self.length_scales), math.log(self.noise))


def fit(
    squared: Floats,
    y: Floats,
    extra_noise: Floats,
    prior: Prior,
    start: Hyperparameters,
    n_iterations: int,
) -> Hyperparameters:
    """Hyperparameters at the mode of their posterior that is uphill from ``start``.

    Args:
        squared: Squared differences per axis, shape (d, n, n).
        y: Shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
        prior: On length scales and noise.
        start: Such as ``prior.mode``.
        n_iterations: Evaluations of the likelihood.
    """
    n_axes = len(squared)
    lower, upper = (np.log([_LENGTH_BOUNDS[i]] * n_axes + [_NOISE_BOUNDS[i]]) for i in (0, 1))
    flat = squared.reshape(n_axes, -1)

    def objective(thetas: Floats) -> tuple[Floats, Floats]:
        value, gradient = negative_log_posterior(thetas[0], flat, y, extra_noise, prior)
        return np.array([value]), gradient[None]

    found, _ = bfgs.minimise(
        objective,
        np.clip(start.theta, lower, upper)[None],
        lower,
        upper,
        n_iterations,
        first_step=0.5,
        tolerance=_TOLERANCE,
    )
    return Hyperparameters.of(found[0])


def negative_log_posterior(
    theta: Floats, squared: Floats, y: Floats, extra_noise: Floats, prior: Prior
) -> tuple[float, Floats]:
    """Of theta, up to a constant, with its gradient; infinite where R is not positive definite.

    With mean and variance s^2 profiled out (Rasmussen & Williams, eq. 5.8 and 5.9):

        log p = -(n + nu) / 2 log s^2 - 1/2 log |R|
        d log p / d theta_j = 1/2 tr((alpha alpha^T / s^2 - R^-1) dR / d theta_j)

    Args:
        theta: Shape (d + 1,).
        squared: Squared differences, shape (d, n * n).
        y: Shape (n,).
        extra_noise: Shape (n,).
        prior: On theta.
    """
    n = len(y)
    inverse_squares = np.exp(-2.0 * theta[:-1])
    noise = math.exp(theta[-1])
    correlation, slope = kernels.matern52_with_slope(inverse_squares @ squared)
    r = correlation.reshape(n, n)
    r.flat[:: n + 1] = 1.0 + noise + extra_noise + JITTER
    try:
        lower = np.linalg.cholesky(r)
    except np.linalg.LinAlgError:
        return math.inf, np.zeros_like(theta)
    inverse_lower = triangular.inverse(lower)
    inverse = inverse_lower.T @ inverse_lower
    _, variance, alpha = profile(inverse, y)
    weight = inverse - np.multiply.outer(alpha, alpha / variance)
    penalty, gradient = prior.penalty(theta)
    # dR / d log l_j = dk/d(r^2) * -2 S_j / l_j^2
    gradient[:-1] -= squared @ (weight.ravel() * slope) * inverse_squares
    gradient[-1] += 0.5 * noise * weight.ravel()[:: n + 1].sum()
    fit_term = 0.5 * (n + _VARIANCE_STRENGTH) * math.log(variance)
    return float(fit_term + np.log(np.diag(lower)).sum() + penalty), gradient


def profile(inverse: Floats, y: Floats) -> tuple[float, float, Floats]:
    """Constant mean and signal variance that fit best given R^-1, and alpha = R^-1 (y - mean)."""
    weights = inverse.sum(axis=0)
    mean = float(weights @ y / weights.sum())
    residual = y - mean
    alpha = inverse @ residual
    variance = (residual @ alpha + _VARIANCE_STRENGTH) / (len(y) + _VARIANCE_STRENGTH)
    return mean, float(variance), alpha
