"""Bayesian search: from the runs of a sweep to a suggestion and its reason.

Each run counts with a value:

* A finished run counts with its own value; without a finite one it counts like a failed run.
* A failed, crashed or killed run counts as ``impute`` says: as the worst value of all (``worst``),
  its own best (``best``) or its own last value (``latest``). Without a value of its own it counts
  as the worst.
* A run that was stopped early counts with its value, which is an upper bound on what it would have
  reached: never worse than the worst run that was not stopped, and with a larger noise.
* A running run counts with the value that the model expects, unless ``impute_while_running`` is
  set. It then counts as the worst value of all (``worst``); as the best it has reported or, before
  it has reported any, the best of all (``best``); or as the last it has reported (``latest``). Like
  values of runs that were stopped early, reported values have a larger noise.

For ``best`` and ``latest``, W&B's engine uses 0 if a run has no value, whatever the metric.
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.model.space.distributions import Quantized, QuantizedEndless
from sweep_service.search import random_search
from sweep_service.search.bayes.axes import Axes, Axis
from sweep_service.search.bayes.proposal import Data, propose
from sweep_service.search.bayes.record import record_of
from sweep_service.search.bayes.structure import Structure
from sweep_service.search.bayes.tuning import DEFAULT
from sweep_service.search.suggestion import Suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.model.language.sweep_config import Metric, SweepConfig
    from sweep_service.model.records.records import Observation
    from sweep_service.model.space.distributions import Distribution
    from sweep_service.model.space.search_space import SearchSpace
    from sweep_service.search.bayes.arrays import Bools, Floats
    from sweep_service.search.suggestion import Evidence, Pending

#: Noise variance of the value of an incomplete run, over the signal variance.
_PARTIAL_NOISE = 0.1
#: Quantized distributions with more values are modeled at this many evenly spaced quantiles.
_SCAN = 2048
#: Longer integer ranges are modeled as if they had this many values.
_MOST_VALUES = 2**40


def suggest(config: SweepConfig, index: int, seed: int, evidence: Evidence) -> Suggestion:
    """The config of the run at ``index``.

    Pure: the suggestion depends on the arguments alone, not on the order of the evidence, and no
    argument is modified. No observation makes it raise. Concurrent asks at different indices get
    different suggestions although neither sees the other.

    Args:
        config: Config of a bayes sweep, with a metric and at least one searched parameter.
        index: Position of the run in the sweep, from 0.
        seed: The sweep's seed.
        evidence: Results of other runs; vectors that do not fit the space are ignored.
    """
    data = data_of(config, index, evidence)
    proposal = propose(data, index, seed_of(f"{seed}"))
    run_config = config.space.from_unit([float(u) for u in proposal.unit])
    if config.space.violated(run_config) is not None:  # hardly any configuration is valid
        run_config = random_search.draw(config.space, f"{seed}:{index}:valid")
        unit = config.space.to_unit(run_config)
        return Suggestion(run_config, unit, {"reason": "drawn at random, to meet the constraints"})
    unit = config.space.to_unit(run_config)
    return Suggestion(run_config, unit, record_of(config, proposal, len(data.values)))


def seed_of(key: str) -> int:
    """A non-negative seed, as numpy requires."""
    return int.from_bytes(sha256(key.encode()).digest()[:16], "big")


def data_of(config: SweepConfig, index: int, evidence: Evidence) -> Data:
    """The evidence as arrays on the unit cube, in the order of the runs' indices.

    Raises:
        ValueError: The config has no metric, which no checked bayes config lacks.
    """
    if config.metric is None:
        raise ValueError("a bayes sweep has a metric")
    axes = axes_of(config.space)
    observations = _in_order(evidence.observations)
    ended = [o for o in observations if _fits(o.unit, len(axes))]
    fitting = (p for p in evidence.pending if _fits(p.unit, len(axes)))
    running = sorted(fitting, key=lambda p: (p.unit, p.index))
    values, is_stopped = _values(ended, config.metric)
    unit, running_unit = _snapped(axes, _units(ended)), _snapped(axes, _units(running))
    has_value = np.isfinite(values)
    imputed, is_partial = _imputed(running, values[has_value], config.metric)
    counts = np.isfinite(imputed)
    n_unseen, unseen = _unseen(index, evidence)
    return Data(
        axes,
        observed=np.concatenate([unit[has_value], running_unit[counts]]),
        values=np.append(values[has_value], imputed[counts]),
        extra_noise=_PARTIAL_NOISE * np.append(is_stopped[has_value], is_partial[counts]),
        pending=running_unit[~counts],
        closed=unit[~has_value],
        n_unseen=n_unseen,
        unseen=unseen,
    )


def _unseen(index: int, evidence: Evidence) -> tuple[int, tuple[int, ...]]:
    """Number of earlier indices without evidence, and the newest of them."""
    known = {observation.index for observation in evidence.observations}
    known.update(pending.index for pending in evidence.pending)
    known.update(evidence.elsewhere)
    n_unseen = index - sum(i < index for i in known)
    newest_first = (i for i in range(index - 1, -1, -1) if i not in known)
    newest = tuple(islice(newest_first, min(n_unseen, DEFAULT.n_imagined)))
    return n_unseen, newest[::-1]


def axes_of(space: SearchSpace) -> Axes:
    """The axes of the model, one per searched parameter."""
    axes = tuple(_axis(parameter.distribution) for parameter in space.searched)
    return Axes(axes, None if space.is_plain else Structure(space, axes))


def _axis(distribution: Distribution) -> Axis:
    if isinstance(distribution, (Quantized, QuantizedEndless)):
        positions = _positions(distribution)
        return Axis(len(positions), positions=positions)
    if distribution.n_values is None:
        return Axis()
    return Axis(
        min(distribution.n_values, _MOST_VALUES), is_categorical=distribution.kind == "categorical"
    )


@lru_cache(maxsize=1024)
def _positions(distribution: Quantized | QuantizedEndless) -> tuple[float, ...]:
    """Coordinates of the values of a quantized distribution; a sample of them if there are many."""
    n_values = distribution.n_values
    if n_values is not None and n_values <= _SCAN:
        values = [distribution.value_at(i) for i in range(n_values)]
    else:
        values = [distribution.from_unit((i + 0.5) / _SCAN) for i in range(_SCAN)]
    return tuple(sorted({distribution.to_unit(value) for value in values}))


def _in_order(observations: Sequence[Observation]) -> list[Observation]:
    """One observation per index, the one written last, in order of index."""
    latest: dict[int, Observation] = {}
    for observation in observations:
        known = latest.get(observation.index)
        if known is None or _age(known) < _age(observation):
            latest[observation.index] = observation
    return [latest[index] for index in sorted(latest)]


def _age(observation: Observation) -> tuple[float, str, str]:
    # The texts make the order of two entries of the same time independent of their input order.
    return observation.written_at, repr(observation.value), repr(observation.unit)


def _units(records: Sequence[Observation] | Sequence[Pending]) -> list[tuple[float, ...]]:
    return [record.unit for record in records]


def _fits(unit: Sequence[float], n_axes: int) -> bool:
    return len(unit) == n_axes and all(0.0 <= u <= 1.0 for u in unit)


def _snapped(axes: Axes, units: Sequence[Sequence[float]]) -> Floats:
    return axes.snap(np.array(units, dtype=float).reshape(len(units), len(axes)))


def _values(observations: Sequence[Observation], metric: Metric) -> tuple[Floats, Bools]:
    """The value of each run, smaller is better, NaN for none; and whether it was stopped early."""
    own = np.array([metric.minimised(_own_value(o, metric)) for o in observations], dtype=float)
    is_stopped = np.array([o.is_stopped_early for o in observations], dtype=bool)
    is_failed = np.array([o.state.is_imputed for o in observations], dtype=bool)
    has_value = np.isfinite(own)
    if not has_value.any():
        return np.full(len(own), np.nan), is_stopped
    worst = own[has_value].max()
    ran_through = has_value & ~is_stopped
    if ran_through.any():
        own = np.where(is_stopped, np.minimum(own, own[ran_through].max()), own)
    counts_as_worst = ~has_value | (is_failed & (metric.impute == "worst"))
    return np.where(counts_as_worst, worst, own), is_stopped & has_value


def _own_value(observation: Observation, metric: Metric) -> float:
    """The run's own best value, or its last one if that is to be imputed; NaN for none."""
    counts_by_last = observation.state.is_imputed and metric.impute == "latest"
    if counts_by_last and observation.last is not None:
        return observation.last
    return observation.value


def _imputed(running: Sequence[Pending], values: Floats, metric: Metric) -> tuple[Floats, Bools]:
    """The imputed value of each running run, smaller is better; and whether it has reported it.

    Args:
        running: Runs in progress, q of them.
        values: Finite values of ended runs, smaller is better, shape (n,).
        metric: The sweep's metric.

    Returns:
        Two arrays of shape (q,); values are NaN for runs that keep the model's expectation.
    """
    own = np.array([_reported(run, metric) for run in running], dtype=float)
    is_own = np.isfinite(own)
    known = np.append(values, own[is_own])
    of_all = {"best": np.min, "worst": np.max}.get(metric.impute_while_running)
    if of_all is None or not len(known):
        return own, is_own
    return np.where(is_own, own, of_all(known)), is_own


def _reported(run: Pending, metric: Metric) -> float:
    """The reported value with which a running run counts, smaller is better, NaN for none."""
    value = {"best": run.best, "latest": run.last}.get(metric.impute_while_running)
    return math.nan if value is None else metric.minimised(value)
