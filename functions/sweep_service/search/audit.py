"""Audits early termination by comparing values at a band with final values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.search.hyperband import threshold_of
from sweep_service.search.ranks import rank_correlation
from sweep_service.wire.bands import Band

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.language.sweep_config import Metric

_N_BEST = 10


def audit_band(
    metric: Metric,
    eta: float,
    step: int,
    at_band: Mapping[int, float],
    final: Mapping[int, float],
    n_stopped: int | None,
) -> Band:
    """Measure how well the values at a band agree with the final values.

    Args:
        metric: The sweep's metric.
        eta: The best 1 / eta of the runs continue.
        step: The band.
        at_band: Value of each run at the band by index; at least one.
        final: Final value of each finished run by index.
        n_stopped: Number of runs stopped at the band; None to derive it from the threshold.
    """
    lost = {index: metric.minimised(value) for index, value in at_band.items()}
    threshold = threshold_of(lost.values(), eta)
    if n_stopped is None:
        n_stopped = sum(value > threshold for value in lost.values())
    both = sorted(at_band.keys() & final.keys())
    best = sorted(both, key=lambda index: (metric.minimised(final[index]), index))[:_N_BEST]
    n_best_kept = sum(lost[index] <= threshold for index in best)
    return Band(
        step=step,
        threshold=metric.minimised(threshold),
        kept=len(lost) - n_stopped,
        stopped=n_stopped,
        rank_correlation=rank_correlation(
            [at_band[index] for index in both], [final[index] for index in both]
        ),
        best_kept=n_best_kept / len(best) if best else None,
        pairs=tuple((at_band[index], final[index], index) for index in both),
    )
