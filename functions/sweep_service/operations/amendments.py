"""Amendments: what a person does to a run that has ended, such as to have it run again.

An amendment is a lease of the next revision of its run, put where the run has none. From then on
any request that finds it carries it out, whatever becomes of the request that asked for it: an ask,
a request that reconciles the sweep, or the same request once more. Each step may be repeated, and
has no effect if it is late.
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

_MOST_VALUES = 10**12  #: of a metric in one run; its bands are taken back up to there
_RETRIED = (RunState.FAILED, RunState.CRASHED, RunState.KILLED)


@dataclass(frozen=True, slots=True)
class Amended:
    """What became of a request to amend a run.

    Attributes:
        run: As it is now.
        is_changed: Whether the request has changed anything.
        sweep_state: Of its sweep.
    """

    run: RunView
    is_changed: bool
    sweep_state: SweepState


@dataclass(frozen=True, slots=True)
class RunWanted:
    """Which run is to be amended.

    Attributes:
        attempt: The newest one that the person has seen. A run that has been handed out again
            since is left alone, so that a request that arrives twice does nothing the second time.
            None: whichever is the newest.
    """

    sweep: str
    index: int
    attempt: int | None = None


def retry_run(services: Services, wanted: RunWanted) -> Amended:
    """Have a run that failed, crashed or was killed handed out again, under its configuration.

    Raises:
        NotFound: No such sweep or run.
        NotPossible: The run has finished or was deleted, or the sweep is canceled.
        Busy: Others change the sweep or the run too often in a row.
    """
    return _amend(services, wanted, Amendment.RETRY)


def delete_run(services: Services, wanted: RunWanted, *, is_again: bool) -> Amended:
    """Remove a run that has ended with all that it left behind.

    Its configuration stays taken, unless it is to be handed out again.

    Raises:
        NotFound: No such sweep or run.
        NotPossible: The run has not ended; or it is to be handed out again in a canceled sweep.
        Busy: Others change the sweep or the run too often in a row, or there is more to remove than
            one request can; the same request again goes on.
    """
    return _amend(services, wanted, Amendment.AGAIN if is_again else Amendment.DELETE)


@dataclass(frozen=True, slots=True)
class Retried:
    """Which runs of a sweep are handed out again, and from which index on to go on (None: done)."""

    indices: Sequence[int]
    following: int | None
    sweep_state: SweepState


def retry_failed(services: Services, sweep: str, since: int, count: int) -> Retried:
    """Have the runs handed out again that failed, crashed or were killed: at most ``count``.

    Args:
        services: What to work with.
        sweep: Its id.
        since: Only runs at this index or above it. Who goes on from ``following`` to
            ``following`` meets each run once, however fast it fails again.
        count: How many in one request.

    Raises:
        NotFound: No such sweep.
        NotPossible: The sweep is canceled.
        Busy: Others change the sweep too often in a row.
    """
    _check_sweep(services, sweep, Amendment.RETRY)
    heads = services.store.list_run_heads(sweep)
    due = [head.index for head in heads if head.index >= since and head.state in _RETRIED]
    this, rest = due[:count], due[count:]
    retried = [index for index in this if _is_retried(services, sweep, index)]
    state = services.store.get_status(sweep).state
    return Retried(retried, rest[0] if rest else None, state)


def _is_retried(services: Services, sweep: str, index: int) -> bool:
    """Retry a run that had failed a moment ago; False where that is no longer so."""
    try:
        return _be_amended(services, RunWanted(sweep, index), Amendment.RETRY)
    except NotPossible:  # it was deleted meanwhile
        return False


def carry_out(services: Services, sweep: str, lease: Lease, run: Run) -> Run | None:
    """Carry out the amendment that a lease represents; the run as it is then.

    None when more is left than one request can do: the same call again goes on.
    """
    store, outcome = services.store, run.outcome
    if outcome is None or lease.amendment is None:
        return store.get_run(sweep, run.index)
    if lease.amendment is not Amendment.DELETE:
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
    """Amend one run; False where nothing had to be done."""
    sweep, index = wanted.sweep, wanted.index
    asked_for = None  # the revision that the run will have
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
    """Carry an amendment out, as far as one request can.

    Raises:
        Busy: More is left.
    """
    amended = carry_out(services, sweep, lease, run)
    if amended is None:
        name = run_id(sweep, run.index)
        raise Busy(f"run {name} has logged much: the same request again deletes the rest")
    if amended.is_deleted and amended.revision == lease.revision:
        complete(services, sweep, lease, amended)


def _is_due(sweep: str, run: Run, lease: Lease | None, amendment: Amendment) -> bool:
    """Whether there is something to do.

    Raises:
        NotPossible: It cannot be done to such a run; says what can.
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
    """An amendment: a lease that is born released, so that the next ask takes the run."""
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
    """Run the sweep again if it has ended because nothing was left to do.

    The counter changes in any case: who found, before the amendment was there, that nothing was
    left finishes the sweep on the condition that the counter has not changed. Nothing is written
    once the amendment has been carried out, so that a late request leaves the sweep in peace.

    Raises:
        Busy: Others change the sweep too often in a row.
    """
    for _ in range(MAX_TRIES):
        seen = services.store.get_status(sweep)
        run = services.store.get_run(sweep, lease.index)
        if run is None or not lease.amends(run):
            return
        with suppress(Stale):
            services.store.save(sweep, seen, reopen(seen))
            return
    raise Busy(f"sweep {sweep} is being changed by others; try again")


def _bands(services: Services, sweep: str, run: Run) -> Sequence[int]:
    """All bands at which the run may have a value."""
    config = services.load_config(sweep, run.config_version).config
    if config.early_terminate is None:
        return ()
    return hyperband.bands(config.early_terminate, _MOST_VALUES)
