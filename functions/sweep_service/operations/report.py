"""Report: rows and heartbeat of the agent that holds a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_service.errors import LeaseLost
from sweep_service.model.identifiers import run_id
from sweep_service.model.states import SweepState
from sweep_service.operations.metrics import apply_rows, finite_values
from sweep_service.operations.stopping import is_stopped_early, put_bands
from sweep_service.operations.target import finish_on_target

if TYPE_CHECKING:
    from sweep_service.model.records import Counter, Lease, LiveSummary, RowBatch
    from sweep_service.model.sweep_config import SweepConfig
    from sweep_service.operations.services import Services


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
    if index >= counter.next_index:  # nobody has it: its rows would be nobody's
        raise _lease_lost(sweep, index, batch.attempt)
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
    if config.metric is not None:
        finish_on_target(services, sweep, counter, finite_values(config.metric, batch.rows))
    reason = _stop_reason(lease, counter)
    if reason is None and is_stopped_early(services.store, sweep, config, lease):
        reason = "early_terminate"
    return Command(reason, config.lease_seconds)


def _held_lease(services: Services, sweep: str, index: int, attempt: int) -> Lease:
    lease = services.store.get_lease(sweep, index)
    if lease is None or lease.attempt != attempt or lease.is_released:
        raise _lease_lost(sweep, index, attempt)
    return lease


def _lease_lost(sweep: str, index: int, attempt: int) -> LeaseLost:
    return LeaseLost(f"attempt {attempt} of run {run_id(sweep, index)} no longer holds it")


def _is_beat_due(lease: Lease, config: SweepConfig, now: float) -> bool:
    """A write is worth it when half of the lease is over, or somebody suspects the holder."""
    return lease.suspect_at is not None or lease.lease_end - now < config.lease_seconds / 2


def _extend(
    services: Services, sweep: str, lease: Lease, config: SweepConfig, live: LiveSummary | None
) -> Lease:
    lease_end = services.clock() + config.lease_seconds
    return services.store.extend_lease(sweep, lease.index, lease.attempt, lease_end, live)


def _stop_reason(lease: Lease, counter: Counter) -> str | None:
    if lease.is_stop_requested:
        return "stop_run"
    return "canceled" if counter.state is SweepState.CANCELED else None
