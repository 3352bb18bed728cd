"""Amendments: retrying or deleting a run that has ended, as a user requests it.

An amendment is stored as a lease that carries the next revision of its run, once the run has no
other lease. Any request that finds it afterwards carries it out, even if the request that created
it has died: an ask, a request that reconciles the sweep, or a repeat of the same request. Each step
is idempotent and has no effect when it arrives late.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_service.errors import Busy, NotFound, NotPossible, Stale
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.records import Amendment, Lease, Outcome
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.choosing import needs_unit, unit_of
from sweep_service.operations.completion import complete
from sweep_service.operations.runs import RunView, get_run
from sweep_service.operations.saving import MAX_TRIES, update
from sweep_service.protocol.runs import amend
from sweep_service.protocol.sweeps import reopen
from sweep_service.search import hyperband

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.model.records.records import Run
    from sweep_service.operations.services import Services

_MOST_VALUES = 10**12  #: Upper limit of metric values in one run; bands up to it are deleted.
_RETRIED = (RunState.FAILED, RunState.CRASHED, RunState.KILLED)


@dataclass(frozen=True, slots=True)
class Amended:
    """Result of a request to amend a run.

    Attributes:
        run: The run after the request.
        is_changed: Whether the request changed anything.
        sweep_state: State of the run's sweep.
    """

    run: RunView
    is_changed: bool
    sweep_state: SweepState


@dataclass(frozen=True, slots=True)
class RunWanted:
    """The run that a request amends.

    Attributes:
        attempt: The newest attempt that the user has seen, or None to amend any attempt. A run
            that has been handed out again since is left alone, so that a request that arrives
            twice has no effect the second time.
    """

    sweep: str
    index: int
    attempt: int | None = None


def retry_run(services: Services, wanted: RunWanted) -> Amended:
    """Hand out a run that failed, crashed or was killed again, with the same configuration.

    Raises:
        NotFound: No such sweep or run.
        NotPossible: The run has finished or was deleted, or the sweep is canceled.
        Busy: Concurrent requests kept changing the sweep or the run.
    """
    return _amend(services, wanted, Amendment.RETRY)


def delete_run(services: Services, wanted: RunWanted, *, is_again: bool) -> Amended:
    """Delete a run that has ended, with everything that is stored about it.

    Its configuration still counts as taken, unless it is handed out again.

    Raises:
        NotFound: No such sweep or run.
        NotPossible: The run has not ended, or ``is_again`` is set and the sweep is canceled.
        Busy: Concurrent requests kept changing the sweep or the run, or there is more data than one
            request can delete. Repeating the request continues the deletion.
    """
    return _amend(services, wanted, Amendment.AGAIN if is_again else Amendment.DELETE)


@dataclass(frozen=True, slots=True)
class Retried:
    """The runs that will be handed out again, and the index to continue from (None: done)."""

    indices: Sequence[int]
    following: int | None
    sweep_state: SweepState


def retry_failed(services: Services, sweep: str, since: int, count: int) -> Retried:
    """Hand out runs that failed, crashed or were killed again.

    Args:
        services: The backend's services.
        sweep: The sweep's id.
        since: The lowest index to consider. A caller that continues from ``following`` meets each
            run once, even if a retried run fails again at once.
        count: Maximum number of runs to retry in this request.

    Raises:
        NotFound: No such sweep.
        NotPossible: The sweep is canceled.
        Busy: Concurrent requests kept changing the sweep.
    """
    _check_sweep(services, sweep, Amendment.RETRY)
    heads = services.store.list_run_heads(sweep)
    due = [head.index for head in heads if head.index >= since and head.state in _RETRIED]
    this, rest = due[:count], due[count:]
    retried = [index for index in this if _is_retried(services, sweep, index)]
    state = services.store.get_status(sweep).state
    return Retried(retried, rest[0] if rest else None, state)


def _is_retried(services: Services, sweep: str, index: int) -> bool:
    """Retry a run that was listed as failed; False if it can no longer be retried."""
    try:
        return _be_amended(services, RunWanted(sweep, index), Amendment.RETRY)
    except NotPossible:  # it has been deleted since
        return False


def carry_out(services: Services, sweep: str, lease: Lease, run: Run) -> Run | None:
    """Carry out the amendment that a lease represents, and return the amended run.

    Returns None if there is more to delete than one request can; a repeated call continues.
    """
    store, outcome = services.store, run.outcome
    if outcome is None or lease.amendment is None:
        return store.get_run(sweep, run.index)
    _reopen(services, sweep, lease)
    if lease.amendment is Amendment.RETRY:
        ended = (outcome.state, outcome.ended_at, outcome.exit_code, outcome.signal)
        store.append(sweep, run.index, run.attempt_record(*ended))
    elif not store.delete_run_data(sweep, run.index, run.attempt):
        return None
    for band in _bands(services, sweep, run):
        store.drop_band(sweep, band, run.index, run.attempt)
    earlier = store.list_attempt_records(sweep, run.index)
    is_deleted = lease.amendment is Amendment.DELETE
    tombstone = Outcome(RunState.DELETED, services.clock()) if is_deleted else None
    attempt, revision = run.attempt, run.revision
    return update(
        store, sweep, run, lambda stored: amend(stored, attempt, revision, tombstone, earlier)
    )


def _amend(services: Services, wanted: RunWanted, amendment: Amendment) -> Amended:
    _check_sweep(services, wanted.sweep, amendment)
    is_changed = _be_amended(services, wanted, amendment)
    run = get_run(services, wanted.sweep, wanted.index)
    return Amended(run, is_changed, services.store.get_status(wanted.sweep).state)


def _be_amended(services: Services, wanted: RunWanted, amendment: Amendment) -> bool:
    """Amend one run; False if there was nothing to do."""
    sweep, index = wanted.sweep, wanted.index
    asked_for = None  # revision of the run once it has been amended as requested
    for _ in range(MAX_TRIES):
        run = services.store.get_run(sweep, index)
        if run is None:
            raise NotFound(f"no run '{run_id(sweep, index)}' in sweep {sweep}")
        if asked_for is not None and run.revision >= asked_for:
            return True
        lease = services.store.get_lease(sweep, index)
        if lease is not None and lease.amends(run):
            asked_for = lease.revision if lease.amendment is amendment else None
            _go_on(services, sweep, lease, run)
            continue
        if wanted.attempt not in (None, run.attempt) or not _is_due(sweep, run, lease, amendment):
            return False
        if lease is not None:
            complete(services, sweep, lease, run)
        with suppress(Stale):
            services.store.save(sweep, None, _lease_of(services, sweep, run, amendment))
    raise Busy(f"run {run_id(sweep, index)} is being changed by others; try again")


def _go_on(services: Services, sweep: str, lease: Lease, run: Run) -> None:
    """Carry out an amendment as far as one request can.

    Raises:
        Busy: There is more to delete.
    """
    amended = carry_out(services, sweep, lease, run)
    if amended is None:
        name = run_id(sweep, run.index)
        raise Busy(f"run {name} has logged much: the same request again deletes the rest")
    if amended.is_deleted and amended.revision == lease.revision:
        complete(services, sweep, lease, amended)


def _is_due(sweep: str, run: Run, lease: Lease | None, amendment: Amendment) -> bool:
    """Whether the run still has to be amended.

    Raises:
        NotPossible: A run in this state cannot be amended so; the message says what is possible.
    """
    name = run_id(sweep, run.index)
    if run.outcome is None:
        is_waiting = lease is None or lease.is_released
        if amendment is Amendment.RETRY or (amendment is Amendment.AGAIN and is_waiting):
            return False
        works = "it waits to be handed out again" if is_waiting else "an agent works on it"
        advice = "" if is_waiting else "stop it first, or "
        raise NotPossible(f"run {name} has not ended: {works}; {advice}delete it when it has ended")
    state = run.outcome.state
    if amendment is Amendment.RETRY and state not in _RETRIED:
        raise NotPossible(
            f"run {name} is {state.value}; only runs that failed, crashed or were killed are "
            "run again; to hand its configuration out again, delete it and have it run again"
        )
    return not (amendment is Amendment.DELETE and run.is_deleted)


def _check_sweep(services: Services, sweep: str, amendment: Amendment) -> None:
    counter = services.store.get_status(sweep)
    if amendment is not Amendment.DELETE and counter.state is SweepState.CANCELED:
        raise NotPossible(
            f"sweep {sweep} is canceled and hands out no more runs; register it again"
        )


def _lease_of(services: Services, sweep: str, run: Run, amendment: Amendment) -> Lease:
    """The amendment as a lease, created as released so that the next ask takes the run."""
    config = services.load_config(sweep, run.config_version).config
    return Lease.born_released(
        run.index,
        run.attempt,
        amendment.value,
        unit_of(config, run) if needs_unit(config) else None,
        revision=run.revision + 1,
        amendment=amendment,
    )


def _reopen(services: Services, sweep: str, lease: Lease) -> None:
    """Reopen the sweep if it finished because nothing was left to do.

    The counter is written in any case: a concurrent request that found nothing left to do before
    the amendment was stored finishes the sweep only if the counter has not changed. Once the
    amendment has been carried out, a late request writes nothing.

    A deletion reopens nothing. It only changes the counter of a sweep that has ended, so that its
    final counts are worked out again.

    Raises:
        Busy: Concurrent requests kept changing the sweep.
    """
    for _ in range(MAX_TRIES):
        seen = services.store.get_status(sweep)
        run = services.store.get_run(sweep, lease.index)
        if run is None or not lease.amends(run):
            return
        if lease.amendment is not Amendment.DELETE:
            changed = reopen(seen)
        elif seen.state.is_ended:
            changed = seen
        else:
            return
        with suppress(Stale):
            services.store.save(sweep, seen, changed)
            return
    raise Busy(f"sweep {sweep} is being changed by others; try again")


def _bands(services: Services, sweep: str, run: Run) -> Sequence[int]:
    """All bands at which the run may have a value."""
    config = services.load_config(sweep, run.config_version).config
    if config.early_terminate is None:
        return ()
    return hyperband.bands(config.early_terminate, _MOST_VALUES)
