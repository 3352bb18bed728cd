"""The record of a proposal: its reason as a small JSON object that is stored with the run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import Metric, SweepConfig
    from sweep_service.search.bayes.proposal import Proposal
    from sweep_service.search.bayes.surrogate import Forecast

_DIGITS = 4


def record_of(config: SweepConfig, proposal: Proposal, n_observations: int) -> dict[str, Any]:
    """The record of a proposal.

    Keys: ``reason``; ``observations``, the number of values that were used; with a model also
    ``expected_improvement``, ``mean`` and ``std`` in the metric's own units.
    """
    record: dict[str, Any] = {"reason": proposal.reason, "observations": n_observations}
    if proposal.forecast is not None and config.metric is not None:
        record |= _forecast(proposal.forecast, config.metric)
    return record


def _forecast(forecast: Forecast, metric: Metric) -> dict[str, float]:
    figures = {
        "expected_improvement": forecast.expected_improvement,
        "mean": metric.minimised(forecast.mean),
        "std": forecast.std,
    }
    return {
        name: float(f"{value:.{_DIGITS}g}")
        for name, value in figures.items()
        if math.isfinite(value)
    }
