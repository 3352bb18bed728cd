"""Hyperparameters of the Gaussian process, fitted to the mode of their posterior.

| symbol  | shape   | meaning                                                              |
|---------|---------|----------------------------------------------------------------------|
| n, d    |         | observations, axes                                                   |
| y       | (n,)    | values, standardised, smaller is better, less the bowl               |
| p       |         | pairs of observations, n (n - 1) / 2                                 |
| S       | (d,p)   | squared differences per axis                                         |
| l       | (d,)    | length scales                                                        |
| a       |         | share of the parameters on their own, see ``kernels``                |
| R       | (n,n)   | C(l, a) + diag(noise + extra): covariance of y over signal variance  |
| theta   | (d+2,)  | (log l, log noise, log(a / (1 - a))): fitted; the last one only if a |
|         |         | is not 0                                                             |

The constant mean and the signal variance have closed forms given theta, so the fit is over theta
alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import bfgs, kernels, triangular

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats, Integers


#: Keeps R positive definite to rounding.
JITTER = 1e-8
_LENGTH_BOUNDS = (0.02, 100.0)
_NOISE_BOUNDS = (1e-6, 1.0)
_SHARE_BOUNDS = (1e-3, 1 - 1e-3)
#: Weight, in observations, of the inverse gamma prior that keeps the signal variance near 1.
_VARIANCE_STRENGTH = 2.0
#: Gains in log density below this do not justify another factorisation.
_TOLERANCE = 1e-2


@dataclass(frozen=True)
class NormalPrior:
    """A normal prior density."""

    mean: float
    std: float


@dataclass(frozen=True)
class Prior:
    """Independent prior densities of the hyperparameters.

    Attributes:
        log_length: Prior of each log l.
        log_noise: Prior of log noise.
        logit_share: Prior of log(a / (1 - a)); None without an additive part, in which case theta
            ends with the noise.
    """

    log_length: NormalPrior
    log_noise: NormalPrior
    logit_share: NormalPrior | None = None

    def mode(self, n_axes: int) -> Hyperparameters:
        """The most likely length scales, one per axis, with median noise and share."""
        log_length = self.log_length.mean - self.log_length.std**2
        others = [prior.mean for prior in self._others]
        return Hyperparameters.of(np.array([log_length] * n_axes + others), n_axes)

    def penalty(self, theta: Floats) -> tuple[float, Floats]:
        """Negative log density up to a constant, and its gradient with respect to theta.

        The density is that of l, not of log l: it favours short scales by a factor 1 / l.
        """
        n_axes = len(theta) - len(self._others)
        priors = [self.log_length] * n_axes + self._others
        std = np.array([prior.std for prior in priors])
        z = (theta - np.array([prior.mean for prior in priors])) / std
        gradient = z / std
        gradient[:n_axes] += 1.0
        return float(0.5 * z @ z + theta[:n_axes].sum()), gradient

    @property
    def _others(self) -> list[NormalPrior]:
        return [self.log_noise, *([self.logit_share] if self.logit_share else [])]


@dataclass(frozen=True)
class Hyperparameters:
    """Fitted hyperparameters.

    Attributes:
        length_scales: Length scales in units of the cube's side, shape (d,).
        noise: Noise variance over the signal variance.
        own_share: Share of the additive part in the signal variance, a.
    """

    length_scales: Floats
    noise: float
    own_share: float = 0.0

    @classmethod
    def of(cls, theta: Floats, n_axes: int) -> Hyperparameters:
        """Build them from theta, shape (d + 2,), or (d + 1,) without an additive part."""
        log_lengths, log_noise, logits = theta[:n_axes], theta[n_axes], theta[n_axes + 1 :]
        return cls(np.exp(log_lengths), math.exp(log_noise), *(_share(logit) for logit in logits))

    @property
    def scale(self) -> Floats:
        """Scale of squared differences, see ``kernels``: d / l^2, shape (d,)."""
        scale: Floats = len(self.length_scales) / np.square(self.length_scales)
        return scale

    @property
    def theta(self) -> Floats:
        """As the vector theta, shape (d + 2,), or (d + 1,) without an additive part."""
        logits = [_logit(self.own_share)] if self.own_share else []
        return np.array([*np.log(self.length_scales), math.log(self.noise), *logits])


def _share(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def fit(
    squared: Floats,
    y: Floats,
    extra_noise: Floats,
    prior: Prior,
    n_iterations: int,
) -> Hyperparameters:
    """Fit the hyperparameters: climb from the mode of their prior to a mode of their posterior.

    Args:
        squared: Squared differences per axis, shape (d, n * n).
        y: Standardised values, shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
        prior: Prior of the hyperparameters.
        n_iterations: Maximum number of evaluations of the likelihood.
    """
    n_axes = len(squared)
    lower, upper = (
        Hyperparameters(
            np.full(n_axes, _LENGTH_BOUNDS[i]),
            _NOISE_BOUNDS[i],
            _SHARE_BOUNDS[i] if prior.logit_share else 0.0,
        ).theta
        for i in (0, 1)
    )
    pairs = squared[:, below_diagonal(len(y))]

    def objective(thetas: Floats) -> tuple[Floats, Floats]:
        value, gradient = negative_log_posterior(thetas[0], pairs, y, extra_noise, prior)
        return np.array([value]), gradient[None]

    found, _ = bfgs.minimise(
        objective,
        np.clip(prior.mode(n_axes).theta, lower, upper)[None],
        lower,
        upper,
        n_iterations,
        first_step=0.5,
        tolerance=_TOLERANCE,
    )
    return Hyperparameters.of(found[0], n_axes)


@lru_cache(maxsize=8)
def below_diagonal(n: int) -> Integers:
    """Positions of the pairs i > j in a flat (n, n) matrix, ascending, read-only, shape (p,)."""
    places = np.flatnonzero(np.tri(n, k=-1, dtype=bool))
    places.flags.writeable = False
    return places


def negative_log_posterior(
    theta: Floats, squared: Floats, y: Floats, extra_noise: Floats, prior: Prior
) -> tuple[float, Floats]:
    """Negative log posterior of theta up to a constant, and its gradient with respect to theta.

    It is infinite if R is not positive definite. With mean and variance s^2 profiled out (Rasmussen
    & Williams, eq. 5.8 and 5.9):

        log p = -(n + nu) / 2 log s^2 - 1/2 log |R|
        d log p / d theta_j = 1/2 tr((alpha alpha^T / s^2 - R^-1) dR / d theta_j)

    Args:
        theta: Hyperparameters, shape (d + 2,), or (d + 1,) without an additive part.
        squared: S, shape (d, p), in the order of ``below_diagonal``.
        y: Standardised values, shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
        prior: Prior of theta.
    """
    n, n_axes = len(y), len(squared)
    at = Hyperparameters.of(theta, n_axes)
    correlation = kernels.correlation(squared, at.scale, at.own_share)
    below = below_diagonal(n)
    r = np.zeros((n, n))
    r.flat[below] = correlation.value()
    r.flat[:: n + 1] = 1.0 + at.noise + extra_noise + JITTER
    try:
        lower = np.linalg.cholesky(r)  # only reads the lower triangle
    except np.linalg.LinAlgError:
        return math.inf, np.zeros_like(theta)
    inverse_lower = triangular.inverse(lower)
    inverse = inverse_lower.T @ inverse_lower
    _, variance, alpha = profile(inverse, y)
    weight = (inverse - np.multiply.outer(alpha, alpha / variance)).ravel()
    of_pairs = weight[below]
    penalty, gradient = prior.penalty(theta)
    # Each pair occurs twice in R.
    gradient[:n_axes] += correlation.by_log_length(of_pairs)
    gradient[n_axes] += 0.5 * at.noise * weight[:: n + 1].sum()
    if isinstance(correlation, kernels.WithOwn):
        by_logit = at.own_share * (1.0 - at.own_share) * correlation.by_own_share()
        gradient[n_axes + 1] += by_logit @ of_pairs
    fit_term = 0.5 * (n + _VARIANCE_STRENGTH) * math.log(variance)
    return float(fit_term + np.log(np.diag(lower)).sum() + penalty), gradient


def profile(inverse: Floats, y: Floats) -> tuple[float, float, Floats]:
    """The best constant mean and signal variance given R^-1, and alpha = R^-1 (y - mean)."""
    weights = inverse.sum(axis=0)
    mean = float(weights @ y / weights.sum())
    residual = y - mean
    alpha = inverse @ residual
    variance = (residual @ alpha + _VARIANCE_STRENGTH) / (len(y) + _VARIANCE_STRENGTH)
    return mean, float(variance), alpha
