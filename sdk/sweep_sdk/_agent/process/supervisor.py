"""Waits for one training program, and ends it when there is a reason: politely, then not."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sweep_sdk._agent.process.child import Exit
from sweep_sdk._agent.process.signals import ENDING, PASSED_ON
from sweep_sdk._world import clock, threads

if TYPE_CHECKING:
    from collections.abc import Callable

#: A program that fails so soon after a batch system's warning has made room, and not failed.
WARNING_SECONDS = 600.0
#: A program that was ended by the signal that is about to reach its agent too (a batch system
#: signals all processes of a job) is interrupted, not failed.
_TWIN_SIGNAL_SECONDS = 0.5
_POLITE_SIGNALS = ENDING | PASSED_ON


@dataclass(frozen=True)
class Stop:
    """The run must end: the backend's reason, ``lease_lost`` or ``deleted``."""

    reason: str


@dataclass(frozen=True)
class Interrupt:
    """The agent got a signal; ``nth`` counts them from 1.

    Attributes:
        is_forwarded: Whether a first signal concerns the program.
        grace_seconds: How long the program has from a first signal on; None: until somebody
            insists.
    """

    number: int
    nth: int
    is_forwarded: bool = True
    grace_seconds: float | None = None


@dataclass(frozen=True)
class Warn:
    """The agent got a signal that is meant for the program, which decides what it means."""

    number: int


@dataclass(frozen=True)
class ProgramEnd:
    """How the program ended, and why it was ended, if it was.

    Attributes:
        cause: A ``Stop`` reason, ``interrupted``, or ``run_timeout``.
        warned_by: The signal with which a batch system had announced the end shortly before the
            program ended; None otherwise.
    """

    exit: Exit
    cause: str | None
    warned_by: int | None = None


class Process(Protocol):
    """What a supervisor needs of a child."""

    def signal(self, number: int) -> None:
        """Send a signal to all of it."""

    def wait(self) -> Exit:
        """Wait for its end."""


Message = Exit | Stop | Interrupt | Warn


class Supervisor:
    """Looks after one program.

    Attributes:
        inbox: Where ``Stop`` and ``Interrupt`` are put, by any thread or signal handler.
    """

    def __init__(
        self,
        process: Process,
        *,
        term_timeout_seconds: float,
        run_timeout_seconds: float | None,
        inbox: threads.SimpleQueue[Message] | None = None,
        clock: Callable[[], float] = clock.monotonic,
    ) -> None:
        self.inbox: threads.SimpleQueue[Message] = inbox or threads.SimpleQueue()
        self._process = process
        self._term_timeout = term_timeout_seconds
        self._clock = clock
        self._cause: str | None = None
        self._n_interrupts = 0
        self._warned: tuple[int, float] | None = None
        self._kill_at: float | None = None
        self._timeout_at = None if run_timeout_seconds is None else clock() + run_timeout_seconds

    def supervise(self) -> ProgramEnd:
        """Wait for the program's end."""
        threads.Thread(target=self._await_exit, name="waiter", daemon=True).start()
        while True:
            message = self._next_message(self._seconds_left())
            if isinstance(message, Exit):
                return self._result(message)
            if message is None:
                self.check_time()
            else:
                self.handle(message)

    def handle(self, message: Stop | Interrupt | Warn) -> None:
        """Do what a message asks for."""
        if isinstance(message, Warn):
            self._warned = (message.number, self._clock())
            self._process.signal(message.number)
        elif isinstance(message, Stop):
            self._end(message.reason)
        elif message.nth > self._n_interrupts:  # the same one may arrive twice
            self._n_interrupts = message.nth
            self._interrupt(message)

    def check_time(self) -> None:
        """Do what is due: the end of patience, then that of grace."""
        now = self._clock()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._process.signal(signal.SIGKILL)
        if self._timeout_at is not None and now >= self._timeout_at:
            self._timeout_at = None
            self._end("run_timeout")

    def _interrupt(self, message: Interrupt) -> None:
        if message.nth == 1 and not message.is_forwarded:
            return
        self._cause = self._cause or "interrupted"
        if message.nth == 1:
            self._forward(message)
        elif message.nth == 2:
            self._terminate()
        else:
            self._process.signal(signal.SIGKILL)

    def _end(self, cause: str) -> None:
        if self._cause is None:
            self._cause = cause
            self._terminate()

    def _terminate(self) -> None:
        self._process.signal(signal.SIGTERM)
        self._kill_within(self._term_timeout)

    def _kill_within(self, seconds: float) -> None:
        """Let the program end by itself for this long, or for what is left of an earlier grace."""
        at = self._clock() + seconds
        self._kill_at = at if self._kill_at is None else min(self._kill_at, at)

    def _forward(self, message: Interrupt) -> None:
        """The program may end by itself; only a person at a terminal can be asked to insist."""
        self._process.signal(message.number)
        if message.grace_seconds is not None:
            self._kill_within(message.grace_seconds)

    def _result(self, found: Exit) -> ProgramEnd:
        cause = self._cause or self._late_cause(found)
        if cause is None and self._warned is not None:
            number, at = self._warned
            if self._clock() - at <= WARNING_SECONDS:
                return ProgramEnd(found, None if found.is_success else "interrupted", number)
        return ProgramEnd(found, cause)

    def _seconds_left(self) -> float | None:
        due = [at for at in (self._kill_at, self._timeout_at) if at is not None]
        return max(min(due) - self._clock(), 0.0) if due else None

    def _await_exit(self) -> None:
        self.inbox.put(self._process.wait())

    def _late_cause(self, found: Exit) -> str | None:
        """Whether the agent is being interrupted by the same signal that ended the program."""
        number = found.signal or (found.code or 0) - 128
        if number not in _POLITE_SIGNALS:
            return None
        message = self._next_message(_TWIN_SIGNAL_SECONDS)
        if message is None:
            return None
        if isinstance(message, Warn):
            self._warned = (message.number, self._clock())
            return None
        return message.reason if isinstance(message, Stop) else "interrupted"

    def _next_message(self, timeout_seconds: float | None) -> Message | None:
        return threads.take(self.inbox, timeout_seconds)
