"""Attention: which rows of a run an agent must send at once rather than with a heartbeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.search import hyperband
from sweep_service.wire.runs import Attention

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import SweepStatus
    from sweep_service.operations.services import Services

_MOST_COUNTS = 8


def attention(
    services: Services, sweep: str, counter: SweepStatus, config: SweepConfig, n_values: int
) -> Attention:
    """The rows that the agent of a run must send at once.

    Args:
        services: The backend's services.
        sweep: The sweep's id.
        counter: The sweep's status as the request read it.
        config: The config version of the run.
        n_values: Number of finite metric values that the run has reported.
    """
    early, metric = config.early_terminate, config.metric
    counts: tuple[int, ...] = ()
    if early is not None and metric is not None:
        counts = hyperband.next_bands(early, n_values)[:_MOST_COUNTS]
    newest = services.load_config(sweep, counter.version).config.metric
    if newest is None or newest.target is None or counter.state.is_ended:
        return Attention(counts)
    if newest.goal == "minimize":
        return Attention(counts, at_most=newest.target)
    return Attention(counts, at_least=newest.target)
