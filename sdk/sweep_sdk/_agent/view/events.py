"""The events that show what an agent does; the agent itself prints nothing.

All events are passed to one callback, one at a time and in order, from a thread of their own: a
watcher that is slow, or whose terminal is blocked, delays no run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class AgentStarted:
    """The agent has read the sweep and is about to ask for runs.

    Attributes:
        sweep: The sweep as the backend shows it.
        parallel: Number of runs that it works on at once.
    """

    agent: str
    sweep: Mapping[str, Any]
    parallel: int


@dataclass(frozen=True)
class RunStarted:
    """A training program, or a function, begins.

    Attributes:
        command: The command line; empty for a function.
        slot: Which of the agent's slots; empty if there is only one.
        total: How many runs the sweep will have; None if that is not known.
        log_file: The file with its output; None for a function.
    """

    run: str
    index: int
    attempt: int
    config: Mapping[str, Any]
    command: tuple[str, ...]
    slot: str
    total: int | None
    log_file: Path | None


@dataclass(frozen=True)
class Output:
    """Bytes that a training program wrote to its stdout or stderr."""

    run: str
    data: bytes
    is_stderr: bool


@dataclass(frozen=True)
class Quiet:
    """Nothing has happened for a moment; repeated as long as that is so.

    It comes only after output, so that a view can show a line without a line end.
    """


@dataclass(frozen=True)
class RunEnded:
    """An attempt is over.

    Attributes:
        state: ``finished``, ``failed``, ``killed`` or ``preempted`` as the backend keeps it, or
            ``lost`` if another agent holds the run by now.
        reason: Why it was stopped, if it was: ``early_terminate``, ``stop_run``, ``canceled``,
            ``lease_lost``, ``run_timeout``, ``interrupted``, ``not_started``, ``keeper_killed``.
        value: The best value of the sweep's metric in this attempt; None if it has none.
        summary: The last value of each metric.
        is_requeued: Whether it will be handed out again.
        is_delivered: Whether the backend knows the outcome; ``sweep-sdk sync`` delivers it later.
        error: The last line on stderr of a failed run; empty if there is none.
        hint: A line about the cause and the fix, if the agent knows more than the program.
    """

    run: str
    attempt: int
    state: str
    exit_code: int | None
    signal: int | None
    reason: str | None
    seconds: float
    value: float | None
    summary: Mapping[str, Any]
    is_requeued: bool
    is_delivered: bool
    error: str
    log_file: Path | None
    hint: str = ""


@dataclass(frozen=True)
class BestSoFar:
    """The best run that this agent knows of has changed."""

    run: str
    metric: str
    value: float
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Waiting:
    """There is no run at the moment; emitted once per reason, not once per request.

    Attributes:
        reason: ``paused``, or ``leased`` if other agents work on the remaining runs.
    """

    reason: str
    slot: str


@dataclass(frozen=True)
class Notice:
    """A line for the user; ``run`` if it concerns one."""

    message: str
    run: str | None = None


@dataclass(frozen=True)
class AgentEnded:
    """The agent takes no more runs, and all of its runs are over.

    Attributes:
        exit_code: 0 if the sweep ended or the count is reached; 1 if the agent gave up, none of its
            runs succeeded or results could not be delivered; 128 + N after signal N.
        reason: One line.
        sweep: The current state of the sweep; None if the backend could not be asked.
        option: The field of ``AgentOptions`` that made it give up; None otherwise.
    """

    exit_code: int
    reason: str
    n_runs: int
    n_failed: int
    sweep: Mapping[str, Any] | None
    option: str | None = None


Event = (
    AgentStarted
    | RunStarted
    | Output
    | Quiet
    | RunEnded
    | BestSoFar
    | Waiting
    | Notice
    | AgentEnded
)
Watcher = Callable[[Event], None]
