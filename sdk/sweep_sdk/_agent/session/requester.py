"""How an agent gets its next run: it asks, waits if told to, and delivers for dead agents."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._agent.view.events import Notice, Waiting
from sweep_sdk._backend.client import new_key
from sweep_sdk._backend.retry import ONCE, RetryPolicy, what_next
from sweep_sdk._exceptions import SweepEnded, SweepError
from sweep_sdk._world import clock, threads
from sweep_service.wire.runs import HandOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._agent.outbox.pending import Outbox
    from sweep_sdk._agent.view.events import Event
    from sweep_sdk._backend.client import Client
    from sweep_sdk._exceptions import BackendUnavailable, NotAuthorized

NEIGHBOUR_SECONDS = 2.0


class _Stopped(Exception):
    """The agent is ending: no further question."""


class RunRequester:
    """Asks in the name of one agent, for all of its slots.

    Attributes:
        has_ended: Whether the backend has said that the sweep hands out no more runs.
    """

    def __init__(
        self,
        client: Client,
        sweep: str,
        *,
        agent: str,
        host: str,
        outbox: Outbox,
        emit: Callable[[Event], None],
        stopping: threads.Event,
        patience_seconds: float,
    ) -> None:
        """Set up.

        Args:
            client: Client used for the request.
            sweep: The sweep's id.
            agent: The agent's name.
            host: The machine's name.
            outbox: The pending deliveries of agents on this machine.
            emit: Takes events.
            stopping: Set when no more runs are wanted; ends every wait at once.
            patience_seconds: How long a backend that is away is asked again.
        """
        self.has_ended = False
        self._sweep = sweep
        self._agent = agent
        self._host = host
        self._outbox = outbox
        self._emit = emit
        self._stopping = stopping
        self._patient = client.with_retries(
            RetryPolicy(attempts=None, deadline_seconds=patience_seconds),
            sleep=self._sleep,
            on_trouble=self._on_trouble,
        )
        self._quick = client.with_retries(ONCE)
        self._neighbours_seen_at = -NEIGHBOUR_SECONDS
        self._neighbours_lock = threads.Lock()
        self._is_in_trouble = False
        self._told: set[str] = set()

    def next_run(self, slot: str) -> HandOut | None:
        """The next run; None when the sweep has ended or the agent is ending.

        Raises:
            SweepError: The backend refuses, or has been away for longer than the patience.
        """
        key = new_key()
        told = None
        while not self._stopping.is_set():
            self._pay_neighbours()
            try:
                answer = self._patient.ask(self._sweep, key, self._agent, slot, self._host)
            except SweepEnded:
                self.has_ended = True
                return None
            except _Stopped:
                return None
            self._is_in_trouble = False
            if isinstance(answer, HandOut):
                return answer
            if answer.reason != told:
                told = answer.reason
                self._emit(Waiting(answer.reason, slot))
            self._wait(answer.wait_seconds)
        return None

    def _wait(self, seconds: float) -> None:
        """Wait, but not longer than until there is something to take over."""
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            if self._stopping.wait(min(left, NEIGHBOUR_SECONDS)) or self._pay_neighbours():
                return

    def _pay_neighbours(self) -> bool:
        """Deliver what dead agents of this machine left; whether there was anything."""
        with self._neighbours_lock:
            now = clock.monotonic()
            if now - self._neighbours_seen_at < NEIGHBOUR_SECONDS:
                return False
            self._neighbours_seen_at = now
            has_paid = False
            with contextlib.suppress(SweepError):  # it stays there, for the next time
                for synced in sync(self._quick, self._outbox, self._tell_once, self._host):
                    has_paid = True
                    self._notice(
                        f"attempt {synced.attempt} of {synced.run} was left behind by another"
                        f" agent: {synced.state}"
                    )
            return has_paid

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def _on_trouble(self, error: BackendUnavailable | NotAuthorized) -> None:
        if not self._is_in_trouble:
            self._is_in_trouble = True
            self._notice(what_next(error, "asking again until it is back"))

    def _tell_once(self, message: str) -> None:
        """Show a message about pending deliveries once; they are retried every few seconds."""
        if message not in self._told:
            self._told.add(message)
            self._notice(message)

    def _notice(self, message: str) -> None:
        self._emit(Notice(message))
