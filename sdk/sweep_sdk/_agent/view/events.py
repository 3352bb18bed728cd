"""What an agent tells whoever watches it; the agent itself prints nothing.

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
    """The agent has seen the sweep and is about to ask for runs.

    Attributes:
        sweep: The sweep as the backend shows it.
        parallel: How many runs it works on at once.
    """

    agent: str
    sweep: Mapping[str, Any]
    parallel: int


@dataclass(frozen=True)
class RunStarted:
    """A training program, or a function, begins.

    Attributes:
        command: The command line; empty for a function.
        slot: Which of the agent's parallel places; empty when there is one.
        total: How many runs the sweep will have, where that is known.
        log_file: Where its output goes; None for a function.
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
    """Nothing has happened for a moment; said again and again while that is so.

    It comes after output only: then is the time to show what was written without a line's end.
    """


@dataclass(frozen=True)
class RunEnded:
    """An attempt is over.

    Attributes:
        state: ``finished``, ``failed``, ``killed`` or ``preempted`` as the backend keeps it, or
            ``lost`` when another agent holds the run by now.
        reason: Why it was stopped, if it was: ``early_terminate``, ``stop_run``, ``canceled``,
            ``lease_lost``, ``run_timeout``, ``interrupted``, ``not_started``, ``keeper_killed``.
        value: The best value of the sweep's metric in this attempt; None without one.
        summary: The last value of each metric.
        is_requeued: Whether it will be handed out again.
        is_delivered: False when the backend could not be told; ``sweep-sdk sync`` does it later.
        error: The last line on stderr of a failed run, empty where there is none.
        hint: A line about its cause and the mend, where the agent knows more than the program.
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
    """There is nothing to do for now; told once per reason, not once per question.

    Attributes:
        reason: ``paused``, or ``leased``: what is left is being worked on.
    """

    reason: str
    slot: str


@dataclass(frozen=True)
class Notice:
    """A line that the user should see; ``run`` where it concerns one."""

    message: str
    run: str | None = None


@dataclass(frozen=True)
class AgentEnded:
    """The agent takes no more runs, and all of its runs are over.

    Attributes:
        exit_code: 0 the sweep ended or the count is reached, 1 gave up, none of its runs succeeded
            or results could not be delivered, 130 or 143 by a signal.
        reason: One line.
        sweep: The sweep as it is now; None when the backend could not be asked.
        option: The field of ``AgentOptions`` by which it gave up; None otherwise.
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
