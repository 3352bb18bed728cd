"""The outcome of an attempt: from what was logged, the exit and the cause of the end. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._agent.outbox.logged import Logged

_MAX_TAIL_CHARACTERS = 16_000
#: Causes after which the run no longer belongs to this agent.
GONE = ("lease_lost", "deleted")
#: Causes that say nothing about the run: this machine could not start the program, or its keeper
#: was killed.
NOT_STARTED, KEEPER_KILLED = "not_started", "keeper_killed"
MACHINE_FAULTS = (NOT_STARTED, KEEPER_KILLED)


@dataclass(frozen=True)
class ProgramOutcome:
    """How the program of an attempt ended.

    Attributes:
        is_success: Whether it exited with 0, or the function returned.
        cause: Why it was ended: a reason of the backend, ``lease_lost``, ``deleted``,
            ``interrupted``, ``run_timeout``, or one of ``MACHINE_FAULTS``; None if it ended by
            itself.
        stderr_tail: The last lines of its stderr.
        returned: The value that a function returned, if it was a number.
        warned_by: The signal with which a batch system announced the end shortly before; None
            if there was none.
    """

    is_success: bool
    exit_code: int | None = None
    signal: int | None = None
    cause: str | None = None
    stderr_tail: str = ""
    returned: float | None = None
    warned_by: int | None = None

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ProgramOutcome:
        """A saved outcome; fields that only newer versions know are ignored."""
        known = {field.name: found[field.name] for field in fields(cls) if field.name in found}
        return cls(**known)


def judge(logged: Logged, outcome: ProgramOutcome | None) -> str:
    """The state that an agent reports of an attempt that is over.

    An interrupted run is preempted, so that it is handed out again: stopping an agent, even with
    Ctrl-C, must not leave a gap in the sweep (``--stop-run`` ends a run for good). It has finished
    only if the program said so, since a program that saves a checkpoint on SIGTERM exits with 0
    too. A run is also preempted if its program expected an interruption that a batch system had
    announced, and if this machine is at fault.

    Args:
        logged: Everything that the program has logged.
        outcome: How the program ended. None if its agent died with it: the run has then ended as
            the program said, or is given back.
    """
    if outcome is None:
        cause = None if logged.exit_code else "interrupted"
        outcome = ProgramOutcome(logged.exit_code == 0, cause=cause)
    cause = outcome.cause
    if cause == "early_terminate":
        return "finished"
    if cause in ("stop_run", "canceled"):
        return "killed"
    if cause == "run_timeout":
        return "failed"
    if cause is not None:
        is_success = outcome.is_success or cause == KEEPER_KILLED  # the exit status is unknown
        has_finished = is_success and logged.exit_code == 0 and not logged.is_preempting
        return "finished" if has_finished else "preempted"
    if outcome.is_success and not logged.exit_code:
        has_made_room = outcome.warned_by is not None and logged.is_preempting
        return "preempted" if has_made_room else "finished"
    return "preempted" if logged.is_preempting else "failed"


def without_rows(outcome: ProgramOutcome | None, metrics_file: str) -> ProgramOutcome:
    """The outcome of a program that could not write all its rows: its result is unknown.

    Args:
        outcome: How the program ended; None if its agent died with it.
        metrics_file: The file to which the rows could not be written.
    """
    if outcome is None:
        return ProgramOutcome(is_success=False, cause="interrupted")
    if not outcome.is_success or outcome.cause is not None:
        return outcome
    words = (
        f"rows are missing: the program could not write all that it logged to {metrics_file};"
        " is the disk full, or a quota used up?"
    )
    tail = f"{outcome.stderr_tail}\n{words}".lstrip("\n")
    return replace(outcome, is_success=False, stderr_tail=tail)


def ending_of(
    logged: Logged, outcome: ProgramOutcome | None, attempt: int, key: str | None
) -> Ending:
    """The outcome of an attempt as it is sent, without the program's results.

    Args:
        logged: Everything that the program has logged.
        outcome: As for ``judge``.
        attempt: The number of the attempt.
        key: The key of its hand-out.
    """
    state = judge(logged, outcome)
    outcome = outcome or ProgramOutcome(is_success=False)
    tail = outcome.stderr_tail[-_MAX_TAIL_CHARACTERS:] if state == "failed" else ""
    return Ending(
        attempt=attempt,
        state=RunState(state),
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        # lone surrogates, which Python makes of odd file names, cannot be sent
        error_tail=tail.encode("utf-8", "backslashreplace").decode("utf-8"),
        is_stopped_early=outcome.cause == "early_terminate",
        key=key,
    )
