"""The next configuration on the unit cube, chosen by a model of the results so far.

Each request repeats all steps: scale the values, fit the model, add pending runs at their predicted
values, maximise the expected improvement. The answers to simultaneous asks, which are not visible
yet, are computed first, in the same way as by those asks. If a step is not possible, the answer is
a point of a low-discrepancy sequence, together with the reason.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import candidates, initial_design, optimise
from sweep_service.search.bayes.axes import keys
from sweep_service.search.bayes.surrogate import Forecast, Surrogate, ValuesAlike
from sweep_service.search.bayes.tuning import DEFAULT, Tuning

if TYPE_CHECKING:
    from numpy.random import Generator

    from sweep_service.search.bayes.arrays import Floats
    from sweep_service.search.bayes.axes import Axes
    from sweep_service.search.bayes.optimise import Improvement


#: Finite spaces with up to this many configurations are enumerated to find an untried one.
_LARGEST_COUNT = 100_000
_N_DRAWS = 1_000
#: In sweeps without any value, the sequence repeats after this many runs.
_LONGEST_SEQUENCE = 4_096


@dataclass(frozen=True)
class Data:
    """The evidence on the unit cube.

    Attributes:
        axes: The cube.
        observed: Snapped configurations with values, shape (n, d).
        values: Finite values, smaller is better, shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
        pending: Snapped configurations of runs in progress, shape (q, d), except those with an
            imputed value, which are among the observed ones.
        closed: Snapped configurations that ended without a usable value, shape (r, d).
        n_unseen: Number of earlier runs without evidence.
        unseen: Ascending indices of the newest of them, whose configurations are predicted.
    """

    axes: Axes
    observed: Floats
    values: Floats
    extra_noise: Floats
    pending: Floats
    closed: Floats
    n_unseen: int = 0
    unseen: tuple[int, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """A configuration and the reason for it; its forecast is computed on first use.

    Attributes:
        unit: The snapped configuration, shape (d,).
        reason: The reason in words.
        surrogate: The model, if one was used.
        improvement: The objective that was maximised, if a model was used.
    """

    unit: Floats
    reason: str
    surrogate: Surrogate | None = None
    improvement: Improvement | None = None

    @cached_property
    def forecast(self) -> Forecast | None:
        """The model's prediction for the configuration."""
        if self.surrogate is None or self.improvement is None:
            return None
        return self.surrogate.forecast(self.improvement, self.unit)


def propose(data: Data, index: int, seed: int, tuning: Tuning = DEFAULT) -> Proposal:
    """The configuration of run ``index``. No data makes it raise.

    A configuration is repeated only after all configurations of a finite space have been tried.

    Args:
        data: The evidence.
        index: The run's index, and its position in the low-discrepancy sequence.
        seed: The sweep's seed, non-negative.
        tuning: Constants of the method.
    """
    tried = set(keys(np.concatenate([data.observed, data.pending, data.closed])))
    ask = _Ask(data, index, seed, tuning)
    try:
        out = data.pending
        for earlier in data.unseen:
            guess = ask.of(earlier, out, tried).unit[None]
            out, tried = np.concatenate([out, guess]), tried | set(keys(guess))
        return ask.of(index, out, tried)
    except ValuesAlike:
        reason = "the values so far do not differ between runs"
    except np.linalg.LinAlgError:
        reason = "the model could not be fitted"
    return _spread(data, tried, index, seed, reason)


@dataclass(frozen=True)
class _Ask:
    """The state shared by the answers to run ``index`` and to the simultaneous asks before it.

    Attributes:
        data: The evidence when run ``index`` is asked for.
        index: Index of the asking run.
        seed: The sweep's seed.
        tuning: Constants of the method.
        models: Fitted models, by whether they have an additive part.
    """

    data: Data
    index: int
    seed: int
    tuning: Tuning
    models: dict[bool, Surrogate] = field(default_factory=dict)

    def of(self, index: int, out: Floats, tried: set[bytes]) -> Proposal:
        """The configuration of run ``index`` while those at ``out``, shape (q, d), are in progress.

        Raises:
            ValuesAlike: The values do not differ, so there is nothing to model.
            numpy.linalg.LinAlgError: The model could not be factorised.
        """
        data, tuning = self.data, self.tuning
        n_not_yet = len(data.unseen) - bisect_left(data.unseen, index)
        n_out = len(data.pending) + data.n_unseen - n_not_yet
        reason = _reason_to_spread(data, n_out, tuning)
        if reason:
            return _spread(data, tried, index, self.seed, reason)
        margin, rng = tuning.margin_of(index), _rng_of(self.seed, index)
        surrogate = self._model(
            tuning.has_own_share(index, len(data.axes), len(data.values), n_out)
        )
        improvement = surrogate.improvement(out, margin)
        pool = candidates.spread_and_mutants(
            data.axes, data.observed, data.values, tuning.n_uniform, tuning.n_mutants, rng
        )
        if not len(pool):
            return _spread(data, tried, index, self.seed, "no candidate meets the constraints")
        wanted, _ = optimise.ascend(
            improvement, pool, tuning.n_climbed, tuning.n_climb_iterations, rng
        )
        reason = "expected improvement" + (", searching" if margin else "")
        found = _first_untried(data.axes, wanted, tried, rng, reason)
        return replace(found, surrogate=surrogate, improvement=improvement)

    def _model(self, has_own_share: bool) -> Surrogate:
        """The model of the values, which all simultaneous asks share."""
        if has_own_share not in self.models:
            data = self.data
            self.models[has_own_share] = Surrogate.fitted(
                data.axes,
                data.observed,
                data.values,
                data.extra_noise,
                has_own_share=has_own_share,
                tuning=self.tuning,
                rng=_rng_of(self.seed, len(data.values)),
            )
        return self.models[has_own_share]


def _reason_to_spread(data: Data, n_out: int, tuning: Tuning) -> str:
    """Why a request cannot use a model while ``n_out`` runs are in progress; "" if it can."""
    n_start = min(tuning.n_start, len(data.axes) + 1)
    n_values = len(data.values)
    if n_values == 0:
        return "no run has a value of the metric yet"
    if n_values + n_out < n_start:
        return f"one of the first {n_start} runs, which spread over the space"
    if n_values < 2:
        return "one value is not enough for a model"
    return ""


def _rng_of(seed: int, number: int) -> Generator:
    return np.random.default_rng([seed, number])


def _spread(data: Data, tried: set[bytes], index: int, seed: int, reason: str) -> Proposal:
    n_points = min(2 * index + 16, _LONGEST_SEQUENCE)
    distinct = _distinct(data.axes.snap(initial_design.points(n_points, len(data.axes), seed)))
    start = index % len(distinct)
    in_turn = np.concatenate([distinct[start:], distinct[:start]])
    return _first_untried(data.axes, in_turn, tried, _rng_of(seed, index), reason)


def _distinct(unit: Floats) -> Floats:
    first: dict[bytes, int] = {}
    for i, key in enumerate(keys(unit)):
        first.setdefault(key, i)
    return unit[list(first.values())]


def _first_untried(
    axes: Axes, wanted: Floats, tried: set[bytes], rng: Generator, reason: str
) -> Proposal:
    """The first untried one of ``wanted``; else any untried point; else the first of ``wanted``."""
    for unit in wanted:  # nearly always ends with the first one
        if keys(unit[None])[0] not in tried and len(axes.valid(unit[None])):
            return Proposal(unit, reason)
    others = _others(axes, rng)
    for unit, key in zip(others, keys(others), strict=True):
        if key not in tried and len(axes.valid(unit[None])):
            return Proposal(unit, "an untried configuration at random: the wanted ones are taken")
    return Proposal(wanted[0], "every configuration has been tried: this one again")


def _others(axes: Axes, rng: Generator) -> Floats:
    if axes.n_points <= _LARGEST_COUNT:
        return rng.permutation(axes.all_points())
    return axes.snap(rng.random((_N_DRAWS, len(axes))))
