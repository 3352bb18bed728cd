"""The next configuration on the unit cube: a model of what was seen, and the best use of it.

Each request starts from nothing: scale the values, fit the model, believe what it says of pending
runs, maximise the expected improvement. Where a step cannot be taken, the answer is a point of a
low-discrepancy sequence together with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
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


#: Finite spaces of up to this many configurations are counted out to find an untried one.
_LARGEST_COUNT = 100_000
_N_DRAWS = 1_000
#: Sweeps without any value wrap around after so many runs.
_LONGEST_SEQUENCE = 4_096


@dataclass(frozen=True)
class Data:
    """What is known, on the unit cube.

    Attributes:
        axes: The cube.
        observed: Snapped configurations with values, shape (n, d).
        values: Smaller is better, finite, shape (n,).
        extra_noise: Known noise variance of each value over the signal variance, shape (n,).
        pending: Snapped configurations of runs that are out, shape (q, d).
        closed: Snapped configurations that ended without anything to learn, shape (r, d).
        n_unseen: Runs that were asked for before this one and of which nothing is known yet.
    """

    axes: Axes
    observed: Floats
    values: Floats
    extra_noise: Floats
    pending: Floats
    closed: Floats
    n_unseen: int = 0

    @property
    def n_unknown(self) -> int:
        """Runs that count as out, seen or not; those imputed as the worst do not."""
        return len(self.pending) + self.n_unseen


@dataclass(frozen=True)
class Proposal:
    """A configuration and why.

    Attributes:
        unit: Snapped, shape (d,).
        reason: In words.
        forecast: What the model says; None without a model.
        length_scales: Of the model, shape (d,); None without a model.
    """

    unit: Floats
    reason: str
    forecast: Forecast | None = None
    length_scales: Floats | None = None


def propose(
    data: Data, index: int, seed: int, rng: Generator, tuning: Tuning = DEFAULT
) -> Proposal:
    """The configuration of run ``index``; never raises for what was observed.

    A configuration comes again only when every one of a finite space has been tried.

    Args:
        data: What is known.
        index: Of the run; its place in the low-discrepancy sequence.
        seed: Of the sweep, non-negative.
        rng: Made from seed and index.
        tuning: Numbers of the method.
    """
    tried = set(keys(np.concatenate([data.observed, data.pending, data.closed])))
    reason = _reason_to_spread(data, tuning)
    if reason:
        return _spread(data, tried, index, seed, rng, reason)
    models = _Models(data, index, tuning, rng)
    try:
        return _by_model(data, models, tried, index, rng, tuning)
    except ValuesAlike:
        return _spread(data, tried, index, seed, rng, "all values so far are the same")
    except np.linalg.LinAlgError:
        return _spread(data, tried, index, seed, rng, "the model could not be fitted")


class _Models:
    """The models of this request and of those before it that nothing is known of yet."""

    def __init__(self, data: Data, index: int, tuning: Tuning, rng: Generator) -> None:
        self._data, self._index, self._tuning, self._rng = data, index, tuning, rng
        self._by_share: dict[bool, Surrogate] = {}

    def of(self, index: int) -> Surrogate:
        """What run ``index`` is asked for with; runs that came after it are not out then.

        Raises:
            ValuesAlike: There is nothing to model.
        """
        data, tuning = self._data, self._tuning
        n_out = data.n_unknown - (self._index - index)
        has_own_share = tuning.has_own_share(index, len(data.axes), len(data.values), n_out)
        if has_own_share not in self._by_share:
            self._by_share[has_own_share] = Surrogate.fitted(
                data.axes,
                data.observed,
                data.values,
                data.extra_noise,
                has_own_share=has_own_share,
                tuning=tuning,
                rng=self._rng,
            )
        return self._by_share[has_own_share]


def _reason_to_spread(data: Data, tuning: Tuning) -> str:
    n_start = min(tuning.n_start, len(data.axes) + 1)
    n_values = len(data.values)
    if n_values == 0:
        return "no run has a value of the metric yet"
    if n_values + data.n_unknown < n_start:
        return f"one of the first {n_start} runs, which spread over the space"
    if n_values < 2:
        return "one value is not enough for a model"
    return ""


def _spread(
    data: Data, tried: set[bytes], index: int, seed: int, rng: Generator, reason: str
) -> Proposal:
    n_points = min(2 * index + 16, _LONGEST_SEQUENCE)
    distinct = _distinct(data.axes.snap(initial_design.points(n_points, len(data.axes), seed)))
    start = index % len(distinct)
    in_turn = np.concatenate([distinct[start:], distinct[:start]])
    return _first_untried(data.axes, in_turn, tried, rng, reason)


def _distinct(unit: Floats) -> Floats:
    first: dict[bytes, int] = {}
    for i, key in enumerate(keys(unit)):
        first.setdefault(key, i)
    return unit[list(first.values())]


def _first_untried(
    axes: Axes, wanted: Floats, tried: set[bytes], rng: Generator, reason: str
) -> Proposal:
    """The first of ``wanted`` that is untried; else any other; else the first in spite of it."""
    for unit in wanted:  # nearly always the first one
        if keys(unit[None])[0] not in tried:
            return Proposal(unit, reason)
    others = _others(axes, rng)
    for unit, key in zip(others, keys(others), strict=True):
        if key not in tried:
            return Proposal(unit, "an untried configuration at random: the wanted ones are taken")
    return Proposal(wanted[0], "every configuration has been tried: this one again")


def _others(axes: Axes, rng: Generator) -> Floats:
    if axes.n_points <= _LARGEST_COUNT:
        return rng.permutation(axes.all_points())
    return axes.snap(rng.random((_N_DRAWS, len(axes))))


def _by_model(
    data: Data,
    models: _Models,
    tried: set[bytes],
    index: int,
    rng: Generator,
    tuning: Tuning,
) -> Proposal:
    surrogate = models.of(index)
    pool = candidates.spread_and_mutants(
        data.axes, surrogate.observed, surrogate.y, tuning.n_uniform, tuning.n_mutants, rng
    )
    imagined = data.pending[:0]

    def hope(of_index: int) -> Improvement:
        pending = np.concatenate([data.pending, imagined])
        return models.of(of_index).improvement(pending, tuning.margin_of(of_index))

    for earlier in range(index - min(data.n_unseen, tuning.n_imagined), index):
        order = np.argsort(-hope(earlier).value(pool), kind="stable")
        guess = _first_untried(data.axes, pool[order], tried, rng, "")
        imagined = np.concatenate([imagined, guess.unit[None]])
        tried = tried | set(keys(imagined))
    improvement = hope(index)
    wanted, _ = optimise.ascend(improvement, pool, tuning.n_climbed, tuning.n_climb_iterations, rng)
    reason = "expected improvement" + (", searching" if tuning.margin_of(index) else "")
    found = _first_untried(data.axes, wanted, tried, rng, reason)
    forecast = surrogate.forecast(improvement, found.unit)
    return Proposal(found.unit, found.reason, forecast, surrogate.hyperparameters.length_scales)
