"""How an agent handles each signal that can be caught, and how long its shutdown may take."""

from __future__ import annotations

import platform
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._world import clock, processes, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

#: Slurm and Kubernetes kill 30 s after SIGTERM: 15 s for the program, 8 s for its results.
TERM_TIMEOUT_SECONDS = 15.0
DELIVERY_SECONDS = 8.0
#: How long an agent that has to end waits for a silent network.
SILENCE_SECONDS = 3.0
#: Signals within this time of the previous one count as repeats by a batch system.
REPEAT_SECONDS = 2.0

#: Systemd ends services that it considers hung with SIGABRT. An interpreter that aborts by itself
#: still ends: ``abort()`` removes the handler and raises the signal again.
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGABRT")
#: Processors that continue after a trap instruction; others would execute it again, forever.
_TRAPS_GO_ON = platform.machine() in ("x86_64", "AMD64", "i686", "i386")
#: Left to their default actions: faults, job control, and informational signals.
_LEFT_ALONE = (
    *("SIGKILL", "SIGSTOP", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGTTIN", "SIGTTOU", "SIGWINCH"),
    *("SIGURG", "SIGPIPE", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGEMT", "SIGINFO"),
    *("SIGTSTP", *(() if _TRAPS_GO_ON else ("SIGTRAP",))),
)


def _numbers(names: tuple[str, ...]) -> frozenset[int]:
    return frozenset(int(getattr(signal, name)) for name in names if hasattr(signal, name))


#: Signals that end the agent once its programs have ended.
ENDING = _numbers(_ENDING)
#: Signals that are meant for the programs: batch systems announce the end of a job with them.
PASSED_ON = frozenset(map(int, signal.valid_signals())) - ENDING - _numbers(_LEFT_ALONE)
STOPPING = getattr(signal, "SIGTSTP", None)


@dataclass
class Deadline:
    """The deadline of an agent that has to end.

    Attributes:
        at: Time in monotonic seconds; None if there is no deadline.
    """

    at: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the deadline, at least 0; None if there is none."""
        return None if self.at is None else max(self.at - clock.monotonic(), 0.0)

    def has_room_for_another_request(self) -> bool:
        """Whether an unanswered request would time out before the deadline."""
        left = self.seconds_left
        return left is None or left > SILENCE_SECONDS + 1.0


@dataclass
class InterruptCount:
    """Counts the requests to an agent to end.

    Attributes:
        first: The first signal, if any.
        count: Number of requests. Signals that a batch system sends in quick succession count as
            one, even if they differ; a user at the terminal may repeat the request at once.
    """

    clock: Callable[[], float] = clock.monotonic
    first: int | None = None
    count: int = 0
    _last_at: float | None = None

    def add(self, number: int, *, is_typed: bool = False) -> bool:
        """Add an ending signal; returns whether it counts.

        Args:
            number: The signal.
            is_typed: Whether a user has typed it.
        """
        now, last_at = self.clock(), self._last_at
        self._last_at = now
        if not is_typed and last_at is not None and now - last_at < REPEAT_SECONDS:
            return False
        self.first = number if self.first is None else self.first
        self.count += 1
        return True


def is_typed(number: int) -> bool:
    """Whether a signal was typed at the terminal, by a user who can repeat it."""
    return number == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def handled(on_signal: Callable[[int], None]) -> Iterator[None]:
    """Call ``on_signal`` with signals during a block; main thread only.

    Signals that are ignored stay ignored (``nohup``). ``on_signal`` is called in a signal handler
    and must be reentrant.
    """

    def handle(number: int, _: FrameType | None) -> None:
        on_signal(number)

    before = {}
    if threads.in_main_thread():
        stopping = () if STOPPING is None else (int(STOPPING),)
        for number in (*ENDING, *PASSED_ON, *stopping):
            if processes.handler_of(number) is not signal.SIG_IGN:
                before[number] = processes.set_handler(number, handle)
        if processes.handler_of(signal.SIGCHLD) is signal.SIG_IGN:  # it hides exit statuses
            before[int(signal.SIGCHLD)] = processes.set_handler(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            processes.set_handler(number, handler)
