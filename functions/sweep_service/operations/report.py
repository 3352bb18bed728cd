"""Report: rows and heartbeats from the agent that holds a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.errors import LeaseLost, NotFound
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.states import SweepState
from sweep_service.operations.attention import attention
from sweep_service.operations.judging import judge_of
from sweep_service.operations.metrics import apply_rows, finite_values, news_of
from sweep_service.operations.saving import update
from sweep_service.operations.stopping import is_stopped_early, put_bands
from sweep_service.operations.target import finish_on_target
from sweep_service.protocol import leases
from sweep_service.protocol.runs import note
from sweep_service.wire.runs import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Lease, RowBatch, SweepStatus
    from sweep_service.operations.services import Services
    from sweep_service.storage.store import Store


def report(
    services: Services,
    sweep: str,
    index: int,
    batch: RowBatch,
    *,
    is_preempting: bool = False,
    key: str | None = None,
    must_prove: bool = False,
    attributes: Mapping[str, Any] | None = None,
) -> Command:
    """Store rows, extend the lease, and answer whether the run is to stop. No rows: a heartbeat.

    An agent that is about to be preempted says so in its reports. Its lease is short from then on,
    so that the run is soon handed out again if the agent is killed.

    Each row is counted once, however often and by whatever process it is sent. Rows of an attempt
    that has lost its lease are stored under that attempt and never counted.

    Args:
        services: The backend's services.
        sweep: The sweep's id.
        index: Index of the run.
        batch: Attempt, offset and rows.
        is_preempting: Whether the agent is about to be preempted.
        key: Idempotency key of the ask that leased the attempt, if the caller names it.
        must_prove: Whether to discard rows of an attempt that has lost its lease unless ``key`` is
            known to be the attempt's.
        attributes: Everything the program has noted, if that has changed; see ``Run``.

    Raises:
        NotFound: No such sweep.
        LeaseLost: The attempt no longer holds the run.
    """
    counter = services.store.get_status(sweep)
    if index >= counter.next_index:  # never handed out: its rows would belong to no run
        raise NotFound(f"sweep {sweep} has no run {run_id(sweep, index)}")
    config = services.load_config(sweep, counter.version_of(index)).config
    lease = _held_lease(services, sweep, index, batch, key, must_prove=must_prove)
    news = news_of(lease.live, batch)
    if news.rows:
        services.store.append(sweep, index, news)
    now = services.clock()

    def extended(stored: Lease | None) -> Lease:
        current = leases.held(stored, batch.attempt)
        return _heard(current, config, batch, now, is_preempting=is_preempting)

    lease = update(services.store, sweep, lease, extended)
    if batch.rows:  # even if counted before: the request that did may have died here
        put_bands(services.store, sweep, config, lease, batch)
    if attributes is not None:
        _note(services.store, sweep, index, batch.attempt, attributes)
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
    """How many seconds the holder of a lease may go without a report."""
    return _silence_seconds(config, is_preempting=lease.is_preempting)


def _silence_seconds(config: SweepConfig, *, is_preempting: bool) -> int:
    most = leases.PREEMPTING_LEASE_SECONDS if is_preempting else config.lease_seconds
    return min(config.lease_seconds, most)


def _heard(
    lease: Lease, config: SweepConfig, batch: RowBatch, now: float, *, is_preempting: bool
) -> Lease:
    """The lease after a report: extended if that is due, and with the new rows counted.

    Rows that another sender of the same attempt has delivered since are left out.
    """
    uncounted = news_of(lease.live, batch)
    lease_end = now + _silence_seconds(config, is_preempting=is_preempting or lease.is_preempting)
    if is_preempting and (not lease.is_preempting or lease.lease_end > lease_end):
        lease = leases.preempt(lease, lease_end)
    elif not uncounted.rows and not _is_beat_due(lease, config, now):
        return lease
    live = apply_rows(lease.live, config.metric, uncounted) if uncounted.rows else None
    return leases.extend(lease, lease_end, live)


def _note(
    store: Store, sweep: str, index: int, attempt: int, attributes: Mapping[str, Any]
) -> None:
    run = store.get_run(sweep, index)
    if run is not None:
        update(store, sweep, run, lambda stored: note(stored, attempt, attributes))


def _held_lease(
    services: Services,
    sweep: str,
    index: int,
    batch: RowBatch,
    key: str | None,
    *,
    must_prove: bool,
) -> Lease:
    """The lease of the attempt that reports.

    Raises:
        LeaseLost: It no longer holds the run. Its rows are stored under the attempt unless that
            has another key.
    """
    lease = services.store.get_lease(sweep, index)
    if lease is not None and lease.attempt == batch.attempt:
        if key not in (None, lease.key):
            raise _lease_lost(sweep, index, batch.attempt)
        if not lease.is_released:
            return lease
    if batch.rows:
        known = key_of(services.store, sweep, index, batch.attempt)
        if known == key or (not must_prove and None in (known, key)):
            services.store.append(sweep, index, batch)
    raise _lease_lost(sweep, index, batch.attempt)


def key_of(store: Store, sweep: str, index: int, attempt: int) -> str | None:
    """The idempotency key of the ask that leased an attempt; None if it is no longer known."""
    run = store.get_run(sweep, index)
    if run is not None and run.attempt == attempt:
        return run.key
    records = store.list_attempt_records(sweep, index)
    return next((record.key for record in records if record.attempt == attempt), None)


def _lease_lost(sweep: str, index: int, attempt: int) -> LeaseLost:
    return LeaseLost(f"attempt {attempt} of run {run_id(sweep, index)} no longer holds it")


def _is_beat_due(lease: Lease, config: SweepConfig, now: float) -> bool:
    """Whether to extend the lease: half of it is over, or the holder is suspected."""
    return lease.suspect_at is not None or lease.lease_end - now < lease_seconds(lease, config) / 2


def _stop_reason(lease: Lease, counter: SweepStatus) -> str | None:
    if lease.is_stop_requested:
        return "stop_run"
    return "canceled" if counter.state is SweepState.CANCELED else None
