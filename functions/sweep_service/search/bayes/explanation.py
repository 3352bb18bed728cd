"""Explains a search space by a model fitted to the runs of a sweep of any method.

The model is that of bayes without the prior that the sides of a range are worse than its middle, so
that everything it shows comes from the runs.

| symbol | shape  | meaning                                             |
|--------|--------|-----------------------------------------------------|
| A, B   | (m, d) | two independent samples of the cube                 |
| A_j    | (m, d) | A with axis j taken from B                          |
| f      |        | expected value, standardised                        |

The importance of axis j is its total effect, mean((f(A) - f(A_j))^2) / (2 var f), as a share of the
sum over all axes: the part of the variation that would be gone if the axis were fixed.

References:
    Jansen (1999), Analysis of variance designs for model output, eq. 11.
    Saltelli et al. (2010), Variance based sensitivity analysis of model output, table 2.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sweep_service.model.space.distributions import Categorical, LogNormal, LogUniform
from sweep_service.model.space.distributions.base import is_number
from sweep_service.search.bayes import candidates, optimise
from sweep_service.search.bayes.axes import keys
from sweep_service.search.bayes.method import data_of, seed_of
from sweep_service.search.bayes.surrogate import Surrogate, ValuesAlike
from sweep_service.search.bayes.tuning import DEFAULT
from sweep_service.search.forecasts import SIGMAS
from sweep_service.search.ranks import rank_correlation
from sweep_service.wire.model import Contour, Expected, ParameterImportance, Slice

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.space.distributions import Distribution
    from sweep_service.search.bayes.arrays import Floats
    from sweep_service.search.bayes.proposal import Data
    from sweep_service.search.suggestion import Evidence
    from sweep_service.wire.model import Scale, SweepModel

#: Minimum number of values for a model.
FEWEST_VALUES = 4
_TUNING = replace(DEFAULT, steepness=0.0)
_N_ALONG = 41  #: Number of values along an axis.
_MOST_CATEGORIES = 30
_N_SAMPLES = 256
#: Listed numbers whose ratio is at least this are shown on a log scale.
_LOG_RANGE = 100
_LARGEST_FLOAT = 1e300


def explain(
    missing: SweepModel,
    config: SweepConfig,
    seed: int,
    evidence: Evidence,
    pair: tuple[str, str] | None,
) -> SweepModel:
    """The model's predictions, or the reason why there is no model.

    Pure: equal arguments give equal answers.

    Args:
        missing: The answer without a model.
        config: Config of the sweep, with a metric and at least one searched parameter.
        seed: The sweep's seed.
        evidence: The sweep's runs.
        pair: Names of the parameters of the contour; None for no contour.
    """
    data = data_of(config, 0, evidence)
    missing = replace(missing, runs=len(data.values))
    if len(data.values) < FEWEST_VALUES:
        reason = f"a model needs {FEWEST_VALUES} runs with a value of the metric"
        return replace(missing, reason_missing=f"{reason}; there are {len(data.values)}")
    try:
        return _Model(config, data, seed_of(f"{seed}")).complete(missing, pair)
    except ValuesAlike:
        return replace(missing, reason_missing="the values of the runs do not differ")
    except np.linalg.LinAlgError:
        return replace(missing, reason_missing="the model could not be fitted to the values")


class _Model:
    """A fitted model with the configuration through which its slices go."""

    def __init__(self, config: SweepConfig, data: Data, seed: int) -> None:
        """Fit the model.

        Raises:
            ValuesAlike: The values do not differ.
            numpy.linalg.LinAlgError: The model could not be factorised.
        """
        if config.metric is None:
            raise ValueError("the sweep has no metric")
        n_values, n_axes = len(data.values), len(data.axes)
        self._config, self._data, self._seed = config, data, seed
        self._metric, self._parameters = config.metric, config.space.searched
        self._surrogate = Surrogate.fitted(
            data.axes,
            data.observed,
            data.values,
            data.extra_noise,
            has_own_share=n_axes > 1 and n_values * n_axes <= _TUNING.own_work,
            tuning=_TUNING,
            rng=np.random.default_rng([seed, n_values]),
        )
        self._improvement = self._surrogate.improvement(data.pending, 0.0)
        self._posterior = self._improvement.posterior
        expected, _ = self._posterior.predict(self._surrogate.observed)
        self._middle: Floats = self._surrogate.observed[int(np.argmin(expected))]

    def complete(self, missing: SweepModel, pair: tuple[str, str] | None) -> SweepModel:
        """The answer with the model's predictions added."""
        importance = self.importance()
        names = [parameter.name for parameter in self._parameters]
        return replace(
            missing,
            importance=tuple(importance),
            slices=tuple(self.slice(names.index(entry.name)) for entry in importance),
            contour=None if pair is None else self.contour(*map(names.index, pair)),
            suggested=self.suggested(),
        )

    def importance(self) -> list[ParameterImportance]:
        """The importance of each searched parameter, in descending order."""
        rng = np.random.default_rng(self._seed)
        n_axes = len(self._data.axes)
        drawn = self._data.axes.snap(rng.random((2 * _N_SAMPLES, n_axes)))
        a, b = drawn[:_N_SAMPLES], drawn[_N_SAMPLES:]
        at_a, _ = self._posterior.predict(a)
        effects = np.empty(n_axes)
        for axis in range(n_axes):
            mixed = a.copy()
            mixed[:, axis] = b[:, axis]
            at_mixed, _ = self._posterior.predict(self._data.axes.settled(mixed))
            effects[axis] = np.mean((at_a - at_mixed) ** 2)
        total = effects.sum()
        shares = effects / total if total > 0 else effects
        found = [
            ParameterImportance(parameter.name, float(share), self._correlation(axis))
            for axis, (parameter, share) in enumerate(zip(self._parameters, shares, strict=True))
        ]
        return sorted(found, key=lambda entry: -entry.importance)

    def _correlation(self, axis: int) -> float | None:
        """Rank correlation of a parameter and the metric; None for categories."""
        if self._data.axes.is_categorical[axis]:
            return None
        values = [self._metric.minimised(value) for value in self._data.values]
        return rank_correlation(self._data.observed[:, axis].tolist(), values)

    def slice(self, axis: int) -> Slice:
        """Predictions along an axis through the best configuration in which it is active."""
        parameter, along = self._parameters[axis], self._along(axis)
        unit = np.repeat(self._best_with(axis)[None], len(along), axis=0)
        unit[:, axis] = along
        mean, low, high = self._expected(unit)
        return Slice(
            parameter.name,
            _scale(parameter.distribution),
            self._values(axis, along),
            mean,
            low,
            high,
        )

    def _best_with(self, axis: int) -> Floats:
        """The best of the observed configurations in which the axis is active, shape (d,)."""
        structure, observed = self._data.axes.structure, self._surrogate.observed
        if structure is None:
            return self._middle
        has_it = structure.active(observed)[:, axis]
        if not has_it.any():
            return self._middle
        expected, _ = self._posterior.predict(observed[has_it])
        best: Floats = observed[has_it][int(np.argmin(expected))]
        return best

    def contour(self, x: int, y: int) -> Contour:
        """Predictions over a plane through the best configuration."""
        along_x, along_y = self._along(x), self._along(y)
        unit = np.repeat(self._middle[None], len(along_x) * len(along_y), axis=0)
        unit[:, x] = np.tile(along_x, len(along_y))
        unit[:, y] = np.repeat(along_y, len(along_x))
        mean, _, _ = self._expected(unit)
        rows = [mean[i : i + len(along_x)] for i in range(0, len(mean), len(along_x))]
        return Contour(
            self._parameters[x].name,
            self._values(x, along_x),
            self._parameters[y].name,
            self._values(y, along_y),
            tuple(rows),
        )

    def suggested(self) -> Expected | None:
        """The untried configuration with the best predicted value."""
        data, rng = self._data, np.random.default_rng([self._seed, 1])
        pool = candidates.spread_and_mutants(
            data.axes, data.observed, data.values, DEFAULT.n_uniform, DEFAULT.n_mutants, rng
        )
        found, _ = optimise.ascend(
            self._improvement, pool, DEFAULT.n_climbed, DEFAULT.n_climb_iterations, rng
        )
        tried = set(keys(np.concatenate([data.observed, data.pending, data.closed])))
        found = data.axes.valid(found)
        free = np.array([key not in tried for key in keys(found)], dtype=bool)
        if not free.any():
            return None
        found = found[free]
        unit = found[int(np.argmin(self._posterior.predict(found)[0]))]
        config = self._config.space.from_unit([float(u) for u in unit])
        if self._config.method == "grid" and self._config.space.grid.number_of(config) is None:
            return None
        (mean,), (low,), (high,) = self._expected(unit[None])
        return Expected(config, mean, low, high)

    def _along(self, axis: int) -> Floats:
        """Ascending coordinates along an axis: all values, or a sample if there are many."""
        of_axis = list(self._data.axes)[axis]
        n_values = of_axis.n_values
        most = _MOST_CATEGORIES if of_axis.is_categorical else _N_ALONG
        if n_values is None:
            return np.linspace(0.0, 1.0, _N_ALONG)
        places = np.unique(np.linspace(0, n_values - 1, min(n_values, most)).astype(np.intp))
        return of_axis.at(places)

    def _values(self, axis: int, along: Floats) -> tuple[Any, ...]:
        distribution = self._parameters[axis].distribution
        return tuple(_within(distribution.from_unit(float(unit))) for unit in along)

    def _expected(
        self, unit: Floats
    ) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """Predicted values, and the bounds of the bands around them, in the metric's own units."""
        mean, std = self._posterior.predict(unit)
        middle, one, other = (
            [
                self._metric.minimised(float(value))
                for value in self._surrogate.warp.invert(mean + sigmas * std)
            ]
            for sigmas in (0.0, -SIGMAS, SIGMAS)
        )
        bounds = [sorted(pair) for pair in zip(one, other, strict=True)]
        low, high = zip(*bounds, strict=True)
        return tuple(middle), low, high


def _scale(distribution: Distribution) -> Scale:
    """The scale for a parameter's values."""
    if distribution.kind == "categorical":
        return "categorical"
    if isinstance(getattr(distribution, "underlying", distribution), (LogUniform, LogNormal)):
        return "log"
    if isinstance(distribution, Categorical):
        numbers = [value for value in distribution.values if is_number(value)]
        if len(numbers) > 2 and min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_RANGE:
            return "log"
    some = [distribution.from_unit(unit) for unit in (0.25, 0.5, 0.75)]
    return "integer" if all(isinstance(value, int) for value in some) else "linear"


def _within(value: Any) -> Any:
    """Limit a value to what a chart can show; unbounded distributions reach the largest float."""
    if isinstance(value, float) and abs(value) > _LARGEST_FLOAT:
        return math.copysign(_LARGEST_FLOAT, value)
    return value
