"""Bayesian search: the sweep's runs as data on the unit cube, a proposal, and why.

What runs count as:

* A finished run counts with its value; one without a finite value like a failed one.
* A failed, crashed or killed run counts by ``impute``: as the worst value of all (``worst``), or
  as its own value if it has one, else as the worst (``best``, ``latest``).
* A run that was stopped early counts with its value, which is an upper bound on what it would
  have reached: never as worse than the worst run that was not stopped, and with a larger noise.
* A running run is believed to give what the model expects of it; with
  ``impute_while_running: worst`` it counts as the worst value.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.model.distributions import Quantized, QuantizedEndless
from sweep_service.model.states import RunState
from sweep_service.search.bayes.axes import Axes, Axis
from sweep_service.search.bayes.proposal import Data, propose
from sweep_service.search.bayes.record import record_of
from sweep_service.search.suggestion import Suggestion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.model.distributions import Distribution
    from sweep_service.model.records import Observation
    from sweep_service.model.space import SearchSpace
    from sweep_service.model.sweep_config import Metric, SweepConfig
    from sweep_service.search.bayes.arrays import Bools, Floats
    from sweep_service.search.suggestion import Evidence

#: Noise variance of a run that was stopped early, over the signal variance.
_STOPPED_NOISE = 0.1
#: Quantised laws of more values are modelled by those at so many evenly spaced quantiles.
_SCAN = 2048
#: Longer integer ranges are modelled as if they had so many values.
_MOST_VALUES = 2**40
_FAILED = (RunState.FAILED, RunState.CRASHED, RunState.KILLED)


def suggest(config: SweepConfig, index: int, seed: int, evidence: Evidence) -> Suggestion:
    """The config of the run at ``index``.

    Pure: the same arguments give the same suggestion, whatever the order of the evidence, and
    none is changed. Nothing that was observed makes it raise. Asks of different indices differ
    although neither knows of the other.

    Args:
        config: Of a bayes sweep: with a metric and at least one searched parameter.
        index: Position of the run in the sweep, from 0.
        seed: The sweep's seed.
        evidence: What other runs gave; vectors that do not fit the space are ignored.
    """
    data = data_of(config, index, evidence)
    proposal = propose(data, index, _seed_of(f"{seed}"))
    run_config = config.space.from_unit([float(u) for u in proposal.unit])
    unit = config.space.to_unit(run_config)
    return Suggestion(run_config, unit, record_of(config, proposal, len(data.values)))


def _seed_of(key: str) -> int:
    """A seed for numpy, which takes no negative ones."""
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
    n_known = len(observations) + len(evidence.pending)
    fitting = [o for o in observations if _fits(o.unit, len(axes))]
    pending = sorted(unit for unit in evidence.pending if _fits(unit, len(axes)))
    values, is_stopped = _values(fitting, config.metric)
    unit, pending_unit = _snapped(axes, [o.unit for o in fitting]), _snapped(axes, pending)
    has_value = np.isfinite(values)
    observed, values, is_stopped = unit[has_value], values[has_value], is_stopped[has_value]
    closed = unit[~has_value]
    if config.metric.impute_while_running == "worst" and len(values):
        observed = np.concatenate([observed, pending_unit])
        values = np.append(values, np.full(len(pending), values.max()))
        is_stopped = np.append(is_stopped, np.zeros(len(pending), dtype=bool))
        pending_unit = pending_unit[:0]
    return Data(
        axes,
        observed,
        values,
        _STOPPED_NOISE * is_stopped,
        pending_unit,
        closed,
        n_unseen=max(index - n_known, 0),
    )


def axes_of(space: SearchSpace) -> Axes:
    """How the model sees the searched parameters."""
    return Axes(tuple(_axis(parameter.distribution) for parameter in space.searched))


def _axis(law: Distribution) -> Axis:
    if isinstance(law, (Quantized, QuantizedEndless)):
        positions = _positions(law)
        return Axis(len(positions), positions=positions)
    if law.n_values is None:
        return Axis()
    return Axis(min(law.n_values, _MOST_VALUES), is_categorical=law.kind == "categorical")


@lru_cache(maxsize=1024)
def _positions(law: Quantized | QuantizedEndless) -> tuple[float, ...]:
    """Coordinates of the values of a quantised law; of many values those that a scan meets."""
    n_values = law.n_values
    if n_values is not None and n_values <= _SCAN:
        values = [law.value_at(i) for i in range(n_values)]
    else:
        values = [law.from_unit((i + 0.5) / _SCAN) for i in range(_SCAN)]
    return tuple(sorted({law.to_unit(value) for value in values}))


def _in_order(observations: Sequence[Observation]) -> list[Observation]:
    """One observation per index, the one written last, by index."""
    latest: dict[int, Observation] = {}
    for observation in observations:
        known = latest.get(observation.index)
        if known is None or _age(known) < _age(observation):
            latest[observation.index] = observation
    return [latest[index] for index in sorted(latest)]


def _age(observation: Observation) -> tuple[float, str, str]:
    # the texts decide between two of the same moment, whatever their order
    return observation.written_at, repr(observation.value), repr(observation.unit)


def _fits(unit: Sequence[float], n_axes: int) -> bool:
    return len(unit) == n_axes and all(0.0 <= u <= 1.0 for u in unit)


def _snapped(axes: Axes, units: Sequence[Sequence[float]]) -> Floats:
    return axes.snap(np.array(units, dtype=float).reshape(len(units), len(axes)))


def _values(observations: Sequence[Observation], metric: Metric) -> tuple[Floats, Bools]:
    """What each run counts as, smaller is better, NaN for nothing; and whether it was stopped."""
    own = np.array([metric.minimised(o.value) for o in observations], dtype=float)
    is_stopped = np.array([o.is_stopped_early for o in observations], dtype=bool)
    is_failed = np.array([o.state in _FAILED for o in observations], dtype=bool)
    has_value = np.isfinite(own)
    if not has_value.any():
        return np.full(len(own), np.nan), is_stopped
    worst = own[has_value].max()
    ran_through = has_value & ~is_stopped
    if ran_through.any():
        own = np.where(is_stopped, np.minimum(own, own[ran_through].max()), own)
    counts_as_worst = ~has_value | (is_failed & (metric.impute == "worst"))
    return np.where(counts_as_worst, worst, own), is_stopped & has_value
