"""The states of sweeps and runs, and the transitions of a sweep that a user may request."""

from __future__ import annotations

from enum import Enum


class SweepState(str, Enum):
    """The state of a sweep; a running sweep that has handed out nothing is shown as ``pending``."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELED = "canceled"

    @property
    def is_ended(self) -> bool:
        """Whether no further run is handed out unless a user resumes the sweep."""
        return self in (SweepState.FINISHED, SweepState.CANCELED)


class RunState(str, Enum):
    """The state of a run."""

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"
    KILLED = "killed"
    PREEMPTING = "preempting"
    PREEMPTED = "preempted"
    DELETED = "deleted"

    @property
    def is_imputed(self) -> bool:
        """Whether the run ended without finishing, so that ``metric.impute`` gives its value."""
        return self in (RunState.FAILED, RunState.CRASHED, RunState.KILLED)


#: Target state -> other stored states from which a user may request it.
ALLOWED_FROM: dict[SweepState, tuple[SweepState, ...]] = {
    SweepState.PAUSED: (SweepState.RUNNING,),
    SweepState.RUNNING: (SweepState.PAUSED, SweepState.FINISHED),
    SweepState.FINISHED: (SweepState.RUNNING, SweepState.PAUSED),
    SweepState.CANCELED: (SweepState.RUNNING, SweepState.PAUSED),
}
