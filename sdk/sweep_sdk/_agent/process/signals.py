"""What an agent does about each signal that can be caught, and how long its ending may take."""

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

#: Slurm and Kubernetes kill 30 s after they have asked: 15 for the program, 8 for its results.
TERM_TIMEOUT_SECONDS = 15.0
DELIVERY_SECONDS = 8.0
#: An agent that has to end waits no longer for a network that says nothing.
SILENCE_SECONDS = 3.0
#: A signal that follows another within this time is a batch system that repeats itself.
REPEAT_SECONDS = 2.0

#: SIGABRT is how systemd ends what it believes to hang. An interpreter that aborts by itself ends
#: all the same: ``abort()`` takes the handler away and raises the signal again.
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGABRT")
#: After a trap that an interpreter has met, these processors go on behind it; others would meet it
#: again, and never come to an end.
_TRAPS_GO_ON = platform.machine() in ("x86_64", "AMD64", "i686", "i386")
#: Left to their default actions: faults, job control, and what only informs.
_LEFT_ALONE = (
    *("SIGKILL", "SIGSTOP", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGTTIN", "SIGTTOU", "SIGWINCH"),
    *("SIGURG", "SIGPIPE", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGEMT", "SIGINFO"),
    *("SIGTSTP", *(() if _TRAPS_GO_ON else ("SIGTRAP",))),
)


def _numbers(names: tuple[str, ...]) -> frozenset[int]:
    return frozenset(int(getattr(signal, name)) for name in names if hasattr(signal, name))


#: They end the agent, once its programs have ended.
ENDING = _numbers(_ENDING)
#: They are meant for the programs: a batch system announces the end of its time with them.
PASSED_ON = frozenset(map(int, signal.valid_signals())) - ENDING - _numbers(_LEFT_ALONE)
STOPPING = getattr(signal, "SIGTSTP", None)


@dataclass
class Deadline:
    """When an agent has to have ended.

    Attributes:
        at: In seconds of the clock that only goes on; None as long as there is no bound.
    """

    at: float | None = None

    @property
    def seconds_left(self) -> float | None:
        """Until then, at least 0; None where there is no bound."""
        return None if self.at is None else max(self.at - clock.monotonic(), 0.0)

    def has_room_for_another_request(self) -> bool:
        """Whether a request to which nobody answers would be over in time."""
        left = self.seconds_left
        return left is None or left > SILENCE_SECONDS + 1.0


@dataclass
class InterruptCount:
    """Counts how often somebody has asked an agent to end.

    Attributes:
        first: The first signal; None before any.
        count: How often it was meant. What a batch system sends within a moment counts as one, also
            where the signals differ; a person at the terminal may insist at once.
    """

    clock: Callable[[], float] = clock.monotonic
    first: int | None = None
    count: int = 0
    _last_at: float | None = None

    def add(self, number: int, *, is_typed: bool = False) -> bool:
        """Take in an ending signal; whether it counts.

        Args:
            number: The signal.
            is_typed: Whether a person has typed it.
        """
        now, last_at = self.clock(), self._last_at
        self._last_at = now
        if not is_typed and last_at is not None and now - last_at < REPEAT_SECONDS:
            return False
        self.first = number if self.first is None else self.first
        self.count += 1
        return True


def is_typed(number: int) -> bool:
    """Whether a signal came from somebody at the terminal, who can insist."""
    return number == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def handled(on_signal: Callable[[int], None]) -> Iterator[None]:
    """Call ``on_signal`` with signals during a block, in the main thread alone.

    Those that are ignored stay so (``nohup``). It is called in a signal handler, where little is
    allowed.
    """

    def handle(number: int, _: FrameType | None) -> None:
        on_signal(number)

    before = {}
    if threads.in_main_thread():
        stopping = () if STOPPING is None else (int(STOPPING),)
        for number in (*ENDING, *PASSED_ON, *stopping):
            if processes.handler_of(number) is not signal.SIG_IGN:
                before[number] = processes.set_handler(number, handle)
        if processes.handler_of(signal.SIGCHLD) is signal.SIG_IGN:  # it hides how programs end
            before[int(signal.SIGCHLD)] = processes.set_handler(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            processes.set_handler(number, handler)
