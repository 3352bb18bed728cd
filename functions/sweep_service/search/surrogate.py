"""The model of a sweep: a Gaussian process fitted to scaled values, and what it hopes for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search import gaussian_process
from sweep_service.search.hyperparameters import Hyperparameters, fit
from sweep_service.search.optimise import Improvement
from sweep_service.search.outcomes import Warp
from sweep_service.search.subset import crowding_weights, representative

if TYPE_CHECKING:
    from numpy.random import Generator

    from sweep_service.search.arrays import Floats
    from sweep_service.search.axes import Axes
    from sweep_service.search.tuning import Tuning


_QUADRATURE_POINTS, _QUADRATURE_WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


@dataclass(frozen=True)
class Forecast:
    """What the model says of one configuration, in the values' own units."""

    expected_improvement: float
    mean: float
    std: float


@dataclass(frozen=True)
class Surrogate:
    """A fitted model.

    Attributes:
        observed: Configurations that it holds, shape (n, d).
        y: Their standardised values, shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
    """

    axes: Axes
    observed: Floats
    y: Floats
    extra_noise: Floats
    warp: Warp
    hyperparameters: Hyperparameters

    @classmethod
    def fitted(
        cls,
        axes: Axes,
        observed: Floats,
        values: Floats,
        extra_noise: Floats,
        tuning: Tuning,
        rng: Generator,
    ) -> Surrogate | None:
        """The model of values (n,) at configurations (n, d); None when the values do not differ."""
        kept = representative(values, tuning.n_modelled, rng)
        observed, values, extra_noise = observed[kept], values[kept], extra_noise[kept]
        squared = axes.squared_differences(observed)
        warp = Warp.to(values, crowding_weights(squared))
        if warp is None:
            return None
        y = warp.apply(values)
        hyperparameters = _coarse_to_fine(axes, observed, y, extra_noise, tuning, rng)
        return cls(axes, observed, y, extra_noise, warp, hyperparameters)

    def improvement(
        self, pending: Floats, margin: float, n_fantasies: int, rng: Generator
    ) -> Improvement:
        """Expected improvement by more than ``margin`` on all values seen and imagined.

        Args:
            pending: Configurations of runs that are out, shape (q, d).
            margin: In standardised units.
            n_fantasies: Joint draws of the pending runs' values.
            rng: Source of randomness.
        """
        normals = rng.standard_normal((len(pending), n_fantasies if len(pending) else 1))
        posterior = gaussian_process.condition(
            self.axes,
            self.hyperparameters,
            self.observed,
            self.y,
            self.extra_noise,
            pending,
            normals,
        )
        best = posterior.fantasies.min(axis=0, initial=self.y.min())
        return Improvement(posterior, best - margin)

    def forecast(self, improvement: Improvement, unit: Floats) -> Forecast:
        """What ``improvement`` says of a configuration, shape (d,), without the warp."""
        means, std = improvement.posterior.predict(unit[None])
        draws = means[0][:, None] + std[0] * _QUADRATURE_POINTS
        values = self.warp.invert(draws)
        weights = _QUADRATURE_WEIGHTS / _QUADRATURE_WEIGHTS.sum() / len(draws)
        best = float(self.warp.invert(self.y.min()))
        mean, deviation = float(means.mean()), float(std[0, 0])
        low, high = self.warp.invert(np.array([mean - deviation, mean + deviation]))
        return Forecast(
            expected_improvement=float((np.maximum(best - values, 0.0) * weights).sum()),
            mean=float(self.warp.invert(np.array(mean))),
            std=float(high - low) / 2,
        )


def _coarse_to_fine(
    axes: Axes, observed: Floats, y: Floats, extra_noise: Floats, tuning: Tuning, rng: Generator
) -> Hyperparameters:
    """Hyperparameters fitted to few observations first, where steps are cheap, then to more."""
    prior = tuning.prior(len(axes))
    found = prior.mode(len(axes))
    for n_fitted, n_iterations in tuning.fits(len(y)):
        some = representative(y, n_fitted, rng)
        squared = axes.squared_differences(observed[some])
        found = fit(squared, y[some], extra_noise[some], prior, found, n_iterations)
    return found
