"""The model of a sweep: a Gaussian process fitted to scaled values, and its forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import gaussian_process, outliers
from sweep_service.search.bayes.bowl import Bowl
from sweep_service.search.bayes.hyperparameters import Hyperparameters, fit
from sweep_service.search.bayes.optimise import Improvement
from sweep_service.search.bayes.outcomes import Warp
from sweep_service.search.bayes.subset import crowding_weights, representative

if TYPE_CHECKING:
    from numpy.random import Generator

    from sweep_service.search.bayes.arrays import Floats, Integers
    from sweep_service.search.bayes.axes import Axes
    from sweep_service.search.bayes.tuning import Tuning


_QUADRATURE_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
_QUADRATURE_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class ValuesAlike(Exception):
    """The values do not differ by more than rounding, so there is nothing to model."""


@dataclass(frozen=True)
class Forecast:
    """The model's prediction for one configuration, in the values' own units."""

    expected_improvement: float
    mean: float
    std: float


@dataclass(frozen=True)
class Surrogate:
    """A fitted model.

    Attributes:
        observed: Configurations with values, shape (n, d).
        y: Their standardised values, shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
        warp: Map from values to standardised ones.
        bowl: Prior mean of the space.
        hyperparameters: Hyperparameters of the process that models the difference from the bowl.
    """

    axes: Axes
    observed: Floats
    y: Floats
    extra_noise: Floats
    warp: Warp
    bowl: Bowl
    hyperparameters: Hyperparameters

    @classmethod
    def fitted(
        cls,
        axes: Axes,
        observed: Floats,
        values: Floats,
        extra_noise: Floats,
        *,
        has_own_share: bool,
        tuning: Tuning,
        rng: Generator,
    ) -> Surrogate:
        """Fit a model.

        Args:
            axes: The cube.
            observed: Configurations with values, shape (n, d).
            values: Their values, smaller is better, shape (n,).
            extra_noise: Known noise variance of each value over the signal variance, shape (n,).
            has_own_share: Whether the kernel has an additive part.
            tuning: Constants of the method.
            rng: Source of randomness.

        Raises:
            ValuesAlike: The selected values do not differ by more than rounding.
            numpy.linalg.LinAlgError: The model could not be factorised.
        """
        kept = representative(values, tuning.n_modelled, rng)
        observed, values, extra_noise = observed[kept], values[kept], extra_noise[kept]
        warp = Warp.to(values, crowding_weights(axes, observed))
        if warp is None:
            raise ValuesAlike
        bowl = Bowl.over(axes, tuning.steepness)

        def model(y: Floats, extra_noise: Floats, warp: Warp) -> tuple[Surrogate, Integers]:
            some = representative(y, tuning.n_fitted, rng)  # enough to fit the hyperparameters
            hyperparameters = fit(
                axes.squared_differences(observed[some], observed[some]),
                (y - bowl.at(observed))[some],
                extra_noise[some],
                tuning.prior(len(axes), has_own_share),
                tuning.n_fit_iterations,
            )
            return cls(axes, observed, y, extra_noise, warp, bowl, hyperparameters), some

        found, fitted = model(warp.apply(values), extra_noise, warp)
        is_outlier = outliers.are_outliers(found, fitted)
        others = Warp.to(values[~is_outlier], crowding_weights(axes, observed[~is_outlier]))
        if not is_outlier.any() or others is None:
            return found
        y = others.apply(values)
        y[is_outlier] = np.minimum(y[is_outlier], y[~is_outlier].max())
        return model(y, extra_noise + outliers.NOISE * is_outlier, others)[0]

    def improvement(self, pending: Floats, margin: float) -> Improvement:
        """Expected improvement, by more than ``margin``, on all observed and expected values.

        Args:
            pending: Configurations of the runs in progress, shape (q, d).
            margin: Minimum improvement in standardised units.
        """
        posterior = gaussian_process.condition(
            self.axes,
            self.bowl,
            self.hyperparameters,
            self.observed,
            self.y,
            self.extra_noise,
            pending,
        )
        best = float(posterior.believed.min(initial=self.y.min()))
        return Improvement(posterior, best - margin)

    def forecast(self, improvement: Improvement, unit: Floats) -> Forecast:
        """The prediction for a configuration, shape (d,), in the values' own units."""
        (mean,), (std,) = improvement.posterior.predict(unit[None])
        values = self.warp.invert(mean + std * _QUADRATURE_POINTS)
        best, middle, low, high = self.warp.invert(
            np.array([self.y.min(), mean, mean - std, mean + std])
        )
        with np.errstate(over="ignore"):  # of values near the largest float
            improvements, width = np.maximum(best - values, 0.0), high - low
        return Forecast(
            expected_improvement=float(improvements @ _QUADRATURE_WEIGHTS),
            mean=float(middle),
            std=float(width) / 2,
        )
