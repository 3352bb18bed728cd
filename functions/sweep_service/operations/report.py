"""Report: rows and heartbeat of the agent that holds a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_service.errors import LeaseLost, Stale
from sweep_service.model.states import SweepState
from sweep_service.operations.metrics import apply_rows
from sweep_service.operations.stopping import is_stopped_early, put_bands

if TYPE_CHECKING:
    from sweep_service.model.records import Counter, Lease, LiveSummary, RowBatch
    from sweep_service.model.sweep_config import Metric, SweepConfig
    from sweep_service.operations.services import Services

_TARGET_TRIES = 4


@dataclass(frozen=True, slots=True)
class Command:
    """What the agent shall do: go on (``reason`` is None) or stop the run, and why.

    Attributes:
        reason: ``stop_run`` or ``canceled`` (a user's word) or ``early_terminate``.
    """

    reason: str | None
    lease_seconds: int


def report(services: Services, sweep: str, index: int, batch: RowBatch) -> Command:
    """Keep rows (none: a heartbeat), prolong the lease, and say whether to go on.

    A repeat of the same offset has the effect of one. Rows of an attempt that lost its lease are
    kept under that attempt and never counted.

    Raises:
        NotFound: No such sweep.
        LeaseLost: The attempt no longer holds the run.
    """
    counter = services.store.get_counter(sweep)
    config = services.load_config(sweep, counter.version_of(index)).config
    if batch.rows:
        services.store.put_rows(sweep, index, batch)
    lease = _held_lease(services, sweep, index, batch.attempt)
    if batch.rows:
        live = apply_rows(lease.live, config.metric, batch)
        lease = _extend(services, sweep, lease, config, live)
        put_bands(services.store, sweep, config, lease, batch)
    elif _is_beat_due(lease, config, services.clock()):
        lease = _extend(services, sweep, lease, config, None)
    if config.metric is not None and has_reached_target(config.metric, lease.live.best):
        _finish_on_target(services, sweep, counter)
    reason = _stop_reason(lease, counter)
    if reason is None and is_stopped_early(services.store, sweep, config, lease):
        reason = "early_terminate"
    return Command(reason, config.lease_seconds)


def has_reached_target(metric: Metric, best: float | None) -> bool:
    """Whether a value is as good as the metric's target."""
    if metric.target is None or best is None or math.isnan(best):
        return False
    return metric.minimised(best) <= metric.minimised(metric.target)


def _held_lease(services: Services, sweep: str, index: int, attempt: int) -> Lease:
    lease = services.store.get_lease(sweep, index)
    if lease is None or lease.attempt != attempt or lease.is_released:
        raise LeaseLost(f"attempt {attempt} of run {sweep}-{index} no longer holds it")
    return lease


def _is_beat_due(lease: Lease, config: SweepConfig, now: float) -> bool:
    """A write is worth it when half of the lease is over, or somebody suspects the holder."""
    return lease.suspect_at is not None or lease.lease_end - now < config.lease_seconds / 2


def _extend(
    services: Services, sweep: str, lease: Lease, config: SweepConfig, live: LiveSummary | None
) -> Lease:
    lease_end = services.clock() + config.lease_seconds
    return services.store.extend_lease(sweep, lease.index, lease.attempt, lease_end, live)


def _finish_on_target(services: Services, sweep: str, counter: Counter) -> None:
    """The target is reached: no new runs; those that are out go on."""
    for _ in range(_TARGET_TRIES):
        if counter.state.is_ended:
            return
        try:
            allowed = (SweepState.RUNNING, SweepState.PAUSED)
            services.store.set_state(sweep, SweepState.FINISHED, allowed, counter)
        except Stale:
            counter = services.store.get_counter(sweep)
        else:
            return


def _stop_reason(lease: Lease, counter: Counter) -> str | None:
    if lease.is_stop_requested:
        return "stop_run"
    return "canceled" if counter.state is SweepState.CANCELED else None
