"""The states of sweeps and runs, and which sweep transitions a user may ask for."""

from __future__ import annotations

from enum import Enum


class SweepState(str, Enum):
    """Which state a sweep is in; ``pending`` is a running sweep that has handed out nothing yet."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELED = "canceled"

    @property
    def is_ended(self) -> bool:
        """Whether no further run will be handed out (unless a user resumes the sweep)."""
        return self in (SweepState.FINISHED, SweepState.CANCELED)


class RunState(str, Enum):
    """Which state a run is in."""

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
        """Whether it ended before its program had finished: ``metric.impute`` says what counts."""
        return self in (RunState.FAILED, RunState.CRASHED, RunState.KILLED)


#: target state -> other stored states from which a user may ask for it
ALLOWED_FROM: dict[SweepState, tuple[SweepState, ...]] = {
    SweepState.PAUSED: (SweepState.RUNNING,),
    SweepState.RUNNING: (SweepState.PAUSED, SweepState.FINISHED),
    SweepState.FINISHED: (SweepState.RUNNING, SweepState.PAUSED),
    SweepState.CANCELED: (SweepState.RUNNING, SweepState.PAUSED),
}
