"""Waits for one training program, and ends it if necessary: with SIGTERM, later with SIGKILL."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sweep_sdk._agent.process.child import Exit
from sweep_sdk._agent.process.signals import ENDING, PASSED_ON
from sweep_sdk._world import clock, threads

if TYPE_CHECKING:
    from collections.abc import Callable

#: A program that fails within this time of a batch system's warning counts as preempted.
WARNING_SECONDS = 600.0
#: How long to wait for a signal to the agent after a program was ended by a signal. Batch systems
#: signal all processes of a job; the program was then interrupted and has not failed.
_TWIN_SIGNAL_SECONDS = 0.5
_POLITE_SIGNALS = ENDING | PASSED_ON


@dataclass(frozen=True)
class Stop:
    """A request to end the run: the backend's reason, ``lease_lost`` or ``deleted``."""

    reason: str


@dataclass(frozen=True)
class Interrupt:
    """The agent received a signal.

    Attributes:
        nth: Number of the request to end, from 1.
        is_forwarded: Whether the first signal is passed on to the program.
        grace_seconds: Seconds that the program has after the first signal; None for no limit until
            the signal is repeated.
    """

    number: int
    nth: int
    is_forwarded: bool = True
    grace_seconds: float | None = None


@dataclass(frozen=True)
class Warn:
    """The agent received a signal that is meant for the program."""

    number: int


@dataclass(frozen=True)
class ProgramEnd:
    """How the program ended.

    Attributes:
        cause: Why it was ended: a ``Stop`` reason, ``interrupted`` or ``run_timeout``; None if it
            ended by itself.
        warned_by: The signal with which a batch system had announced the end shortly before, if
            any.
    """

    exit: Exit
    cause: str | None
    warned_by: int | None = None


class Process(Protocol):
    """The interface of a child that a supervisor uses."""

    def signal(self, number: int) -> None:
        """Send a signal to the program's processes."""

    def wait(self) -> Exit:
        """Wait until the program has ended."""


Message = Exit | Stop | Interrupt | Warn


class Supervisor:
    """Supervises one program.

    Attributes:
        inbox: Queue of messages, to which any thread or signal handler may add.
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
        """Wait until the program has ended."""
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
        """Handle a message."""
        if isinstance(message, Warn):
            self._warned = (message.number, self._clock())
            self._process.signal(message.number)
        elif isinstance(message, Stop):
            self._end(message.reason)
        elif message.nth > self._n_interrupts:  # the same message may arrive twice
            self._n_interrupts = message.nth
            self._interrupt(message)

    def check_time(self) -> None:
        """End the program if its time limit is reached, or kill it if its grace time is over."""
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
        """Kill the program after this time, or at the end of an earlier grace time."""
        at = self._clock() + seconds
        self._kill_at = at if self._kill_at is None else min(self._kill_at, at)

    def _forward(self, message: Interrupt) -> None:
        """Pass a signal on, after which the program may end by itself."""
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
        """The cause if the agent receives the same signal as the one that ended the program."""
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
