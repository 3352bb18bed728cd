"""Settle: find what an interrupted handler left undone, and finish a sweep exactly once."""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

from sweep_service.errors import Stale
from sweep_service.model.records import Observation
from sweep_service.model.states import SweepState
from sweep_service.operations.choosing import open_holes
from sweep_service.search import registry

if TYPE_CHECKING:
    from sweep_service.model.records import Counter, Lease, Run
    from sweep_service.model.sweep_config import SweepConfig
    from sweep_service.operations.services import Services


class Settled(Enum):
    """What settling found."""

    ENDED = "ended"
    MORE_TO_ASK = "more to ask"  #: holes were opened, or the limit has grown
    NOT_ENDED = "not ended"


def complete(services: Services, sweep: str, lease: Lease, run: Run) -> None:
    """Tidy up after an ended run: write its observation, drop its lease.

    The observation is made from what stands in the run item, never from a request or a lease.
    """
    config = services.load_config(sweep, run.config_version).config
    if registry.needs_evidence(config.method):
        observation = _observe(config, run, services.clock())
        if observation is not None:
            services.store.put_observation(sweep, observation)
    services.store.drop_lease(sweep, run.index, lease.attempt)


def _observe(config: SweepConfig, run: Run, now: float) -> Observation | None:
    """The run as the model sees it; None for a configuration outside the space."""
    if run.outcome is None:
        return None
    try:
        unit = config.space.to_unit(run.config)
    except ValueError:
        return None
    return Observation(
        index=run.index,
        config_version=run.config_version,
        unit=unit,
        value=math.nan if run.outcome.best is None else run.outcome.best,
        state=run.outcome.state,
        is_stopped_early=run.outcome.is_stopped_early,
        written_at=now,
        last=run.outcome.last if run.outcome.state.is_imputed else None,
    )


def settle(services: Services, sweep: str) -> Settled:
    """Finish the sweep if all its indices are given out and every run has ended.

    Raises:
        NotFound: No such sweep.
    """
    seen = services.store.get_counter(sweep)
    if seen.state.is_ended:
        return Settled.ENDED
    if not seen.is_exhausted:
        return Settled.MORE_TO_ASK
    if not _complete_leases(services, sweep):
        return Settled.NOT_ENDED
    heads = services.store.list_run_heads(sweep)
    holes = set(range(seen.next_index)) - {head.index for head in heads}
    if holes:
        open_holes(services, sweep, seen, sorted(holes))
        return Settled.MORE_TO_ASK
    if any(head.state is None for head in heads):  # somebody is between two writes
        return Settled.NOT_ENDED
    if not _complete_leases(services, sweep):
        return Settled.NOT_ENDED
    return _finish(services, sweep, seen)


def _complete_leases(services: Services, sweep: str) -> bool:
    """Complete leases of ended runs; False at the first whose run has not ended."""
    for lease in services.store.list_leases(sweep):
        run = services.store.get_run(sweep, lease.index)
        if run is None or run.outcome is None:
            return False
        complete(services, sweep, lease, run)
    return True


def _finish(services: Services, sweep: str, seen: Counter) -> Settled:
    try:
        counter = services.store.finish_sweep(sweep, seen)
    except Stale:
        return Settled.NOT_ENDED
    return Settled.ENDED if counter.state is SweepState.FINISHED else Settled.NOT_ENDED
