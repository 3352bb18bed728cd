"""Transitions of a run: the authority on its configuration, its newest attempt and its outcome.

See "The run" in ``docs/protocol.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import LeaseLost, NotPossible, OutcomeKnown
from sweep_service.model.records.records import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.records.records import AttemptRecord, Lease, Outcome
    from sweep_service.model.records.shown import Labels


def new_run(
    lease: Lease,
    config_version: int,
    config: Mapping[str, Any],
    suggestion: Mapping[str, Any],
    now: float,
) -> Run:
    """Create the run of an index that is handed out for the first time, to the lease's holder."""
    return Run(
        index=lease.index,
        config=config,
        config_version=config_version,
        attempt=lease.attempt,
        key=lease.key,
        agent=lease.agent,
        host=lease.host,
        created_at=now,
        started_at=now,
        suggestion=suggestion,
    )


#: Number of earlier attempts that are kept with a run; all of them are in records of their own.
MOST_ATTEMPTS = 10


def advance(
    run: Run | None, lease: Lease, now: float, earlier: Sequence[AttemptRecord] = ()
) -> Run:
    """Hand out the next attempt of a run to the holder of its lease.

    Args:
        run: As read.
        lease: Of the requester.
        now: Seconds since the epoch.
        earlier: The records of its earlier attempts, which are shown with it.

    Raises:
        OutcomeKnown: The run has an outcome.
        LeaseLost: The run was handed out with a later attempt or to another holder of this attempt,
            has been amended since, or does not exist.
    """
    if run is None:
        raise _lost(lease.attempt)
    if run.outcome is not None:
        raise OutcomeKnown("the run has ended")
    if (run.attempt, run.key) == (lease.attempt, lease.key):
        return run
    if run.attempt >= lease.attempt or run.revision != lease.revision:
        raise _lost(lease.attempt)
    return replace(
        run,
        attempt=lease.attempt,
        key=lease.key,
        agent=lease.agent,
        host=lease.host,
        started_at=now,
        attempts=shown_attempts(earlier),
    )


def shown_attempts(earlier: Sequence[AttemptRecord]) -> tuple[AttemptRecord, ...]:
    """The records of earlier attempts to store with a run."""
    return tuple(replace(record, key=None) for record in earlier[-MOST_ATTEMPTS:])


def end(run: Run | None, attempt: int, revision: int, outcome: Outcome) -> Run:
    """End the run with the outcome of an attempt, unless it already has an outcome.

    The attributes noted while it ran are removed: the outcome has its own.

    Raises:
        LeaseLost: The run has another attempt or revision, or does not exist.
    """
    if run is None or (run.attempt, run.revision) != (attempt, revision):
        raise _lost(attempt)
    if run.outcome is not None:
        return run
    return replace(run, outcome=outcome, attributes={})


def amend(
    run: Run,
    attempt: int,
    revision: int,
    outcome: Outcome | None,
    earlier: Sequence[AttemptRecord] = (),
) -> Run:
    """Remove or replace the outcome of a run, and raise its revision.

    A run that has already been amended, or that is in progress, stays as it is.

    Args:
        run: As read.
        attempt: The attempt that has ended,
        revision: and the revision that is amended.
        outcome: None: the run is handed out again.
        earlier: The records of its attempts that are left.
    """
    if run.outcome is None or (run.attempt, run.revision) != (attempt, revision):
        return run
    return replace(
        run,
        outcome=outcome,
        attributes={},
        attempts=shown_attempts(earlier),
        revision=revision + 1,
    )


def note(run: Run, attempt: int, attributes: Mapping[str, Any]) -> Run:
    """Replace the attributes that the run's program has noted.

    A run that has ended, or that belongs to another attempt, stays as it is.
    """
    if run.outcome is not None or run.attempt != attempt:
        return run
    return replace(run, attributes=attributes)


def label(run: Run | None, labels: Labels) -> Run:
    """The run with what a person has written on it.

    Raises:
        NotPossible: It was deleted.
    """
    if run is None or run.is_deleted:
        raise NotPossible("the run was deleted")
    return replace(run, labels=labels)


def _lost(attempt: int) -> LeaseLost:
    return LeaseLost(f"attempt {attempt} no longer holds its run")
