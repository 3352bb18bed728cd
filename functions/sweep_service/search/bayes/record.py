"""Why a configuration was proposed, as small JSON that is kept with the run."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sweep_service.model.sweep_config import Metric, SweepConfig
    from sweep_service.search.bayes.arrays import Floats
    from sweep_service.search.bayes.proposal import Proposal
    from sweep_service.search.bayes.surrogate import Forecast

#: What a record may take in JSON; the least important parameters are left out beyond it.
_MOST_CHARACTERS = 900
_DIGITS = 4


def record_of(config: SweepConfig, proposal: Proposal, n_observations: int) -> dict[str, Any]:
    """The record of a proposal.

    Keys: ``reason``; ``observations``, how many values the decision rests on; with a model also
    ``expected_improvement``, ``mean``, ``std`` in the metric's own units, and ``importance``,
    each parameter's share in what the expected value does (see ``importance``), largest first.
    """
    record: dict[str, Any] = {"reason": proposal.reason, "observations": n_observations}
    if proposal.forecast is not None and config.metric is not None:
        record |= _forecast(proposal.forecast, config.metric)
    if proposal.importance is not None:
        names = [parameter.name for parameter in config.space.searched]
        record["importance"] = _importance(names, proposal.importance, len(json.dumps(record)))
    return record


def _forecast(forecast: Forecast, metric: Metric) -> dict[str, float]:
    figures = {
        "expected_improvement": forecast.expected_improvement,
        "mean": metric.minimised(forecast.mean),
        "std": forecast.std,
    }
    return {name: _rounded(value) for name, value in figures.items() if math.isfinite(value)}


def _importance(names: list[str], shares: Floats, n_characters: int) -> dict[str, float]:
    importance: dict[str, float] = {}
    for i in np.argsort(-shares, kind="stable"):
        entry = {names[i]: _rounded(float(shares[i]))}
        n_characters += len(json.dumps(entry))
        if n_characters > _MOST_CHARACTERS:
            break
        importance |= entry
    return importance


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
