"""Ends what takes too long: one thread for all requests of a transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._world import clock, threads

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(eq=False)
class Watch:
    """One thing that must end in time.

    Attributes:
        deadline: By ``clock.monotonic``.
        is_over: Whether it did not.
    """

    deadline: float
    is_over: bool = False


class Watchdog:
    """Calls a function when a deadline passes.

    Its thread is started when it is needed, and sleeps until the earliest of the deadlines that it
    has seen. To begin and to end a watch therefore wakes nobody, as long as all watches are about
    equally long. It ends when there is nothing to watch.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        """Set up.

        Args:
            act: Called in the thread of the watchdog; must not raise.
        """
        self._act = act
        self._watches: set[Watch] = set()
        self._changed = threads.Condition()
        self._wakes_at: float | None = None  # None: there is no thread

    def begin(self, seconds: float) -> Watch:
        """Watch something for a time."""
        watch = Watch(clock.monotonic() + seconds)
        with self._changed:
            self._watches.add(watch)
            if self._wakes_at is None:
                threads.Thread(target=self._run, name="watchdog", daemon=True).start()
                self._wakes_at = watch.deadline
            elif watch.deadline < self._wakes_at:
                self._changed.notify()
        return watch

    def end(self, watch: Watch) -> None:
        """Note that something has ended."""
        with self._changed:
            self._watches.discard(watch)

    def close(self) -> None:
        """Watch nothing any more."""
        with self._changed:
            self._watches.clear()
            self._changed.notify()

    def _run(self) -> None:
        while self._sleep():
            self._act()

    def _sleep(self) -> bool:
        """Wait until a deadline has passed; False: there is nothing to watch."""
        with self._changed:
            while self._watches:
                now = clock.monotonic()
                over = [watch for watch in self._watches if watch.deadline <= now]
                for watch in over:
                    watch.is_over = True
                self._watches.difference_update(over)
                if over:
                    return True
                self._wakes_at = min(watch.deadline for watch in self._watches)
                self._changed.wait(self._wakes_at - now)
            self._wakes_at = None
            return False
