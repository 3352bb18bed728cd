"""The posterior of a Gaussian process, and its gradients with respect to x.

| symbol | shape      | meaning                                                            |
|--------|------------|--------------------------------------------------------------------|
| n, q   |            | observations, pending runs                                         |
| m      |            | configurations at which to predict                                 |
| R      | (n+q, n+q) | covariance of all values over the signal variance                  |
| L      | (n+q, n+q) | R = L L^T                                                          |
| e(x)   |            | expected before any run: a constant mean and the bowl              |
| w      | (n+q,)     | whitened residuals L^-1 (y - e)                                    |
| v      | (m, n+q)   | L^-1 k(x): mean(x) = e(x) + v w,  var(x) = s^2 (1 - v v^T)         |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import kernels, triangular
from sweep_service.search.bayes.hyperparameters import JITTER, profile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.search.bayes.arrays import Floats
    from sweep_service.search.bayes.axes import Axes
    from sweep_service.search.bayes.bowl import Bowl
    from sweep_service.search.bayes.hyperparameters import Hyperparameters


#: Least posterior variance over the signal variance; below it rounding errors dominate.
_LEAST_VARIANCE = 1e-10
#: Number of covariances computed at once; several times faster if they fit into the CPU's cache.
_BLOCK = 16_000
#: Added in turn until R is positive definite.
_JITTERS = (JITTER, 1e-6, 1e-4, 1e-2)


@dataclass(frozen=True)
class Posterior:
    """The process given the observations, with pending runs at their expected values.

    Attributes:
        unit: Configurations with observed or expected values, shape (n + q, d).
        inverse_lower: L^-1.
        whitened: w.
        believed: Expected values of the pending runs, shape (q,).
        bowl: Prior mean of the space.
        mean: Constant mean in addition to the bowl.
        variance: Signal variance s^2.
        hyperparameters: The fitted hyperparameters.
    """

    axes: Axes
    unit: Floats
    inverse_lower: Floats
    whitened: Floats
    believed: Floats
    bowl: Bowl
    mean: float
    variance: float
    hyperparameters: Hyperparameters

    def predict(self, unit: Floats) -> tuple[Floats, Floats]:
        """Mean and std, shape (m,) each, at configurations (m, d)."""
        blocks = _blocks(unit, self.unit, self.hyperparameters)
        means, stds = zip(*(self._predict_block(block) for block in blocks), strict=True)
        return np.concatenate(means), np.concatenate(stds)

    def _predict_block(self, unit: Floats) -> tuple[Floats, Floats]:
        k = _correlation(self.axes, unit, self.unit, self.hyperparameters)
        return self._moments(unit, k @ self.inverse_lower.T)

    def predict_with_gradient(self, unit: Floats) -> Prediction:
        """As ``predict``, with what the gradient needs."""
        at, shape = self.hyperparameters, (len(unit), len(self.unit))
        squares = self.axes.squared_differences(unit, self.unit)
        k = kernels.correlation(squares, at.scale, at.own_share)
        projected = k.value().reshape(shape) @ self.inverse_lower.T
        mean, std = self._moments(unit, projected)
        return Prediction(self, unit, k.by_square().reshape(-1, *shape), projected, mean, std)

    def _moments(self, unit: Floats, projected: Floats) -> tuple[Floats, Floats]:
        mean = self.mean + self.bowl.at(unit) + projected @ self.whitened
        explained = np.einsum("mn,mn->m", projected, projected)
        relative = np.maximum(1.0 - explained, _LEAST_VARIANCE)
        return mean, np.sqrt(self.variance * relative)


@dataclass(frozen=True)
class Prediction:
    """Means and stds at m configurations, with what their gradients need.

    Attributes:
        by_square: Derivatives of k with respect to the squared differences from all observed and
            pending configurations, shape (d, m, n + q).
        projected: v, shape (m, n + q).
        mean: Posterior means, shape (m,).
        std: Posterior standard deviations, shape (m,).
    """

    posterior: Posterior
    unit: Floats
    by_square: Floats
    projected: Floats
    mean: Floats
    std: Floats

    def gradient(self, by_mean: Floats, by_std: Floats) -> Floats:
        """Gradient with respect to x of a function of mean and std, by the chain rule.

        d mean = de + dv w and d std = -s^2 / std v dv^T, where dv = dk L^-T.

        Args:
            by_mean: Derivatives of the function with respect to the mean, shape (m,).
            by_std: Derivatives with respect to the standard deviation, shape (m,).

        Returns:
            Shape (m, d); meaningless along categorical axes.
        """
        posterior = self.posterior
        by_projected = np.multiply.outer(by_mean, posterior.whitened)
        by_projected -= (posterior.variance * by_std / self.std)[:, None] * self.projected
        by_square = (by_projected @ posterior.inverse_lower) * self.by_square
        # d (x - x')^2 / dx = 2 (x - x')
        pull = self.unit * by_square.sum(axis=2).T
        pull -= np.einsum("dmn,nd->md", by_square, posterior.unit)
        gradient: Floats = 2.0 * pull + by_mean[:, None] * posterior.bowl.gradient(self.unit)
        return gradient


def condition(
    axes: Axes,
    bowl: Bowl,
    hyperparameters: Hyperparameters,
    observed: Floats,
    y: Floats,
    extra_noise: Floats,
    pending: Floats,
) -> Posterior:
    """The posterior given the observations, with pending runs at their expected values.

    This lowers the std around pending runs and leaves the mean unchanged; appending zeros to the
    whitened residuals does both. If L = [[A, 0], [B, C]] then L^-1 (y_all - e) = [w; 0]
    where y_pending = e + B w is the posterior mean.

    Args:
        axes: The cube.
        bowl: Prior mean of the space.
        hyperparameters: The fitted hyperparameters.
        observed: Configurations with values, shape (n, d).
        y: Their values, shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
        pending: Configurations without values, shape (q, d).

    Raises:
        numpy.linalg.LinAlgError: R is not positive definite even with the largest jitter.

    References:
        Ginsbourger et al. (2010), Kriging is well-suited to parallelize optimization, section 3
        ("kriging believer").
    """
    n = len(y)
    unit = np.concatenate([observed, pending])
    k = _correlation(axes, unit, unit, hyperparameters)
    noise = hyperparameters.noise + np.append(extra_noise, np.zeros(len(pending)))
    lower = _cholesky(k, noise)
    inverse_lower = triangular.inverse(lower)
    observed_part = inverse_lower[:n, :n]
    over_bowl = y - bowl.at(observed)
    mean, variance, _ = profile(observed_part.T @ observed_part, over_bowl)
    whitened = np.append(observed_part @ (over_bowl - mean), np.zeros(len(pending)))
    believed = mean + bowl.at(pending) + lower[n:] @ whitened
    return Posterior(
        axes, unit, inverse_lower, whitened, believed, bowl, mean, variance, hyperparameters
    )


def _blocks(a: Floats, b: Floats, at: Hyperparameters) -> list[Floats]:
    """The configurations ``a``, in blocks small enough to compare with all of ``b`` at once."""
    n_rows = max(1, _BLOCK // (b.size if at.own_share else len(b)))
    return [a[i : i + n_rows] for i in range(0, len(a), n_rows)]


def _correlation(axes: Axes, a: Floats, b: Floats, at: Hyperparameters) -> Floats:
    """Correlations between configurations (m, d) and (n, d), shape (m, n)."""
    if not at.own_share:
        return kernels.matern52(axes.squared_distances(a, b, at.length_scales))
    correlations = [
        kernels.correlation(axes.squared_differences(block, b), at.scale, at.own_share).value()
        for block in _blocks(a, b, at)
    ]
    return np.concatenate(correlations).reshape(len(a), len(b))


def _cholesky(correlation: Floats, noise: Floats, jitters: Sequence[float] = _JITTERS) -> Floats:
    jitter, *more = jitters
    try:
        return np.linalg.cholesky(correlation + np.diag(noise + jitter))
    except np.linalg.LinAlgError:
        if not more:
            raise
        return _cholesky(correlation, noise, more)
