"""Report: rows and heartbeat of the agent that holds a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.errors import LeaseLost, NotFound
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.states import SweepState
from sweep_service.operations.attention import attention
from sweep_service.operations.judging import judge_of
from sweep_service.operations.metrics import apply_rows, finite_values, news_of
from sweep_service.operations.stopping import is_stopped_early, put_bands
from sweep_service.operations.target import finish_on_target
from sweep_service.wire.runs import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Counter, Lease, LiveSummary, RowBatch
    from sweep_service.operations.services import Services


#: The lease of an agent that has said that it has to end: batch systems kill within 30 s.
PREEMPTING_LEASE_SECONDS = 30


def report(
    services: Services,
    sweep: str,
    index: int,
    batch: RowBatch,
    *,
    is_preempting: bool = False,
    key: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Command:
    """Keep rows (none: a heartbeat), prolong the lease, and say whether to go on.

    An agent that has to end says so with its reports: its lease is short from then on, so that the
    run is soon handed out again should it be killed.

    Each row is counted once, whoever sends it and however often. Rows of an attempt that lost its
    lease are kept under that attempt and never counted.

    Args:
        services: What to work with.
        sweep: Its id.
        index: The run.
        batch: The rows.
        is_preempting: Whether the agent has to end.
        key: With which the attempt was asked for, from one who says it.
        attributes: What the program has noted so far, where that has changed; see ``Run``.

    Raises:
        NotFound: No such sweep.
        LeaseLost: The attempt no longer holds the run.
    """
    counter = services.store.get_counter(sweep)
    if index >= counter.next_index:  # nobody has it: its rows would be nobody's
        raise NotFound(f"sweep {sweep} has no run {run_id(sweep, index)}")
    config = services.load_config(sweep, counter.version_of(index)).config
    lease = _held_lease(services, sweep, index, batch, key)
    news = news_of(lease.live, batch)
    if news.rows:
        services.store.put_rows(sweep, index, news)
        live = apply_rows(lease.live, config.metric, news)
        lease = _extend(services, sweep, lease, config, live)
    elif not is_preempting and _is_beat_due(lease, config, services.clock()):
        lease = _extend(services, sweep, lease, config, None)
    if batch.rows:  # a repeat too: who counted the rows may have died before this
        put_bands(services.store, sweep, config, lease, batch)
    if attributes is not None:
        services.store.note_run(sweep, index, batch.attempt, attributes)
    if is_preempting:
        lease = _preempt(services, sweep, lease, config)
    reason = _stop_reason(lease, counter)
    judge = judge_of(services, sweep, counter)
    if config.metric is not None and judge.is_by_at(index):
        finish_on_target(services, sweep, counter, finite_values(config.metric, batch.rows))
        if reason is None and is_stopped_early(judge, config, lease):
            reason = "early_terminate"
    return Command(
        reason,
        lease_seconds(lease, config),
        lease.live.next_row or 0,
        attention(services, sweep, counter, config, lease.live.n_values),
    )


def lease_seconds(lease: Lease, config: SweepConfig) -> int:
    """How long the holder of a lease may be silent."""
    if lease.is_preempting:
        return min(config.lease_seconds, PREEMPTING_LEASE_SECONDS)
    return config.lease_seconds


def _held_lease(
    services: Services, sweep: str, index: int, batch: RowBatch, key: str | None
) -> Lease:
    """The lease of the attempt that reports.

    Raises:
        LeaseLost: It does not hold the run. Its rows are kept beside the run, unless the attempt
            is another's.
    """
    lease = services.store.get_lease(sweep, index)
    if lease is not None and lease.attempt == batch.attempt:
        if key not in (None, lease.key):
            raise _lease_lost(sweep, index, batch.attempt)
        if not lease.is_released:
            return lease
    if batch.rows:
        services.store.put_rows(sweep, index, batch)
    raise _lease_lost(sweep, index, batch.attempt)


def _lease_lost(sweep: str, index: int, attempt: int) -> LeaseLost:
    return LeaseLost(f"attempt {attempt} of run {run_id(sweep, index)} no longer holds it")


def _is_beat_due(lease: Lease, config: SweepConfig, now: float) -> bool:
    """A write is worth it when half of the lease is over, or somebody suspects the holder."""
    return lease.suspect_at is not None or lease.lease_end - now < lease_seconds(lease, config) / 2


def _extend(
    services: Services, sweep: str, lease: Lease, config: SweepConfig, live: LiveSummary | None
) -> Lease:
    lease_end = services.clock() + lease_seconds(lease, config)
    return services.store.extend_lease(sweep, lease.index, lease.attempt, lease_end, live)


def _preempt(services: Services, sweep: str, lease: Lease, config: SweepConfig) -> Lease:
    """Make the lease a short one.

    Once more where it is not: an extension that was on its way meanwhile made it long again.
    """
    now = services.clock()
    lease_end = now + min(config.lease_seconds, PREEMPTING_LEASE_SECONDS)
    is_short = lease.is_preempting and lease.lease_end <= lease_end
    if is_short and not _is_beat_due(lease, config, now):
        return lease
    return services.store.preempt_lease(sweep, lease.index, lease.attempt, lease_end)


def _stop_reason(lease: Lease, counter: Counter) -> str | None:
    if lease.is_stop_requested:
        return "stop_run"
    return "canceled" if counter.state is SweepState.CANCELED else None
