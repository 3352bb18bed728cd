"""Early termination: a run whose value at a band is not among the best 1 / eta is stopped.

A band is a number of iterations, and an iteration is one finite logged value of the metric. A
decision needs one number per run that reached the band, so a report costs O(runs at the
band) and no history is read.

References:
    Li et al. (2018), Hyperband: a novel bandit-based approach to hyperparameter optimization.
    The thresholds are those of W&B's sweep engine 0.3.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_service.model.language.sections import MAX_BANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import Hyperband, Metric

#: Upper bound on the number of values that a run logs.
_MOST_ITERATIONS = 2**53


@dataclass(frozen=True)
class Crossing:
    """A band that a run has reached, and its value there, in the user's sign."""

    band: int
    value: float


@dataclass(frozen=True)
class StopDecision:
    """Whether to stop a run, and the numbers behind the decision, in the user's sign.

    Attributes:
        band: The band at which the run was judged.
        value: The value that was compared: the one at the band (``strict``) or the best so far.
        threshold: Runs with a worse value are stopped.
    """

    is_stop: bool
    band: int
    value: float
    threshold: float


def bands(settings: Hyperband, n_iterations: int) -> tuple[int, ...]:
    """All bands up to ``n_iterations``, ascending and distinct.

    With ``max_iter``: max_iter / eta^k for k = 1..s, rounded down, without those below 1.
    With ``min_iter``: min_iter * eta^k for k = 0, 1, ..., rounded down.
    """
    found = _falling(settings) if settings.min_iter is None else _rising(settings, n_iterations)
    return tuple(sorted({band for band in found if band <= n_iterations}))


def next_bands(settings: Hyperband, n_iterations: int) -> tuple[int, ...]:
    """The bands beyond ``n_iterations``, ascending."""
    return tuple(band for band in bands(settings, _MOST_ITERATIONS) if band > n_iterations)


def _falling(settings: Hyperband) -> Iterator[int]:
    band = float(settings.max_iter or 0)
    for _ in range(settings.s or 0):
        band /= settings.eta
        if band < 1:
            return
        yield int(band)


def _rising(settings: Hyperband, n_iterations: int) -> Iterator[int]:
    band = float(settings.min_iter or 1)
    for _ in range(MAX_BANDS):
        if band >= n_iterations + 1:
            return
        yield int(band)
        band *= settings.eta


def crossings(
    settings: Hyperband, n_before: int, new_values: Sequence[float]
) -> tuple[Crossing, ...]:
    """The bands that a run crosses with a report.

    Args:
        settings: The sweep's ``early_terminate``.
        n_before: Number of finite metric values that the run had logged before the report.
        new_values: Finite metric values in the report, in order.
    """
    reached = bands(settings, n_before + len(new_values))
    return tuple(
        Crossing(band, new_values[band - n_before - 1]) for band in reached if band > n_before
    )


def last_band(settings: Hyperband, n_values: int) -> int | None:
    """The band at which a run with ``n_values`` values is judged; None before the first band."""
    reached = bands(settings, n_values)
    return reached[-1] if reached else None


def stop_decision(
    settings: Hyperband,
    metric: Metric,
    at_band: Mapping[int, float],
    index: int,
    band: int,
    best: float,
) -> StopDecision:
    """Judge a running run at the last band it has crossed.

    The threshold is the value at position int(n / eta) of the n values at the band, best first and
    counted from 0. A run that is alone at its band is never stopped; of two, the worse one is.

    Args:
        settings: The sweep's ``early_terminate``.
        metric: The sweep's metric; says which values are better.
        at_band: Value at the band of each run that reached it, by index, whatever its state.
        index: Index of the run; if it is not in ``at_band``, the run continues.
        band: The last band it has crossed.
        best: The best value it has logged so far, which is judged unless ``strict`` is set.
    """
    own = at_band.get(index)
    if own is None:
        return StopDecision(is_stop=False, band=band, value=best, threshold=best)
    threshold = threshold_of([metric.minimised(v) for v in at_band.values()], settings.eta)
    judged = metric.minimised(own if settings.strict else best)
    return StopDecision(
        is_stop=judged > threshold,
        band=band,
        value=metric.minimised(judged),
        threshold=metric.minimised(threshold),
    )


def threshold_of(values: Iterable[float], eta: float) -> float:
    """The value at place int(n / eta) of n values, smaller is better, counted from 0."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) / eta), len(ordered) - 1)]
