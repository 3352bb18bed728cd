"""Which rows of a run matter at once; all others can wait for the next heartbeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.search import hyperband
from sweep_service.wire.runs import Attention

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Counter
    from sweep_service.operations.services import Services

_MOST_COUNTS = 8


def attention(
    services: Services, sweep: str, counter: Counter, config: SweepConfig, n_values: int
) -> Attention:
    """What an agent has to look out for.

    Args:
        services: What to work with.
        sweep: Its id.
        counter: As read by the request.
        config: That of the run.
        n_values: How many finite values of the metric the run has reported.
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
