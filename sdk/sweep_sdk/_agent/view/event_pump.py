"""Carries events from the agent's threads to the one watcher."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING

from sweep_sdk._agent.view.events import Output, Quiet
from sweep_sdk._world import clock, threads

if TYPE_CHECKING:
    from sweep_sdk._agent.view.events import Event, Watcher

_MAX_OUTPUT_BYTES = 4_000_000
_PATIENCE_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
_FLUSH_SECONDS = 1.0
_QUIET_SECONDS = 0.5


class EventPump:
    """Calls the watcher from a thread of its own, event by event.

    A watcher that cannot keep up delays the programs' output for a few seconds. After that, output
    is left out until the watcher moves again; the log files have all of it. No other event is ever
    left out.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._events: deque[Event] = deque()
        self._n_output_bytes = 0
        self._is_stuck = False
        self._is_closed = False
        self._changed = threads.Condition()
        self._thread = threads.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def __enter__(self) -> EventPump:
        return self

    def __exit__(self, *_: object) -> None:
        """Show the remaining events, unless the watcher is stuck."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_SECONDS)

    def emit(self, event: Event) -> None:
        """Add an event."""
        with self._changed:
            if isinstance(event, Output):
                if not self._has_room():
                    return
                self._n_output_bytes += len(event.data)
            self._events.append(event)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait briefly until the watcher has taken all events."""
        with self._changed:
            self._changed.wait_for(lambda: not self._events, _FLUSH_SECONDS)

    def _has_room(self) -> bool:
        """Whether there is room for output; waits for it, unless that was in vain before."""
        give_up_at = clock.monotonic() + (0.0 if self._is_stuck else _PATIENCE_SECONDS)
        while self._n_output_bytes >= _MAX_OUTPUT_BYTES:
            left = give_up_at - clock.monotonic()
            if left <= 0 or not self._changed.wait(left):
                self._is_stuck = True
                return False
        self._is_stuck = False
        return True

    def _run(self) -> None:
        had_output = False
        while True:
            event = self._next(_QUIET_SECONDS if had_output else None)
            if event is None:
                return
            had_output = had_output or isinstance(event, Output)
            # A terminal that is gone (ValueError: closed) must end neither training nor events.
            with contextlib.suppress(OSError, ValueError):
                self._watcher(event)

    def _next(self, quiet_seconds: float | None) -> Event | None:
        """The next event; ``Quiet`` after ``quiet_seconds`` without one, None at the end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._events or self._is_closed, quiet_seconds):
                return Quiet()
            if not self._events:
                return None
            event = self._events.popleft()
            if isinstance(event, Output):
                self._n_output_bytes -= len(event.data)
            self._changed.notify_all()
            return event
