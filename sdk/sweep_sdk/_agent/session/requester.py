"""How an agent gets its next run: it asks, waits, and meanwhile delivers for dead agents."""

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
    """The agent is ending and asks for no more runs."""


class RunRequester:
    """Asks for the runs of all slots of one agent.

    Attributes:
        has_ended: Whether the backend has answered that the sweep has ended.
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
            client: Client used for the requests.
            sweep: The sweep's id.
            agent: The agent's name.
            host: The machine's name.
            outbox: The pending deliveries of agents on this machine.
            emit: Called with each event.
            stopping: Set when no more runs are wanted; ends every wait at once.
            patience_seconds: How long requests are repeated while the backend is away.
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
        self._shown: set[str] = set()

    def next_run(self, slot: str) -> HandOut | None:
        """The next run; None if the sweep has ended or the agent is ending.

        Raises:
            SweepError: The backend refuses, or has been away for longer than ``patience_seconds``.
        """
        key = new_key()
        shown = None
        while not self._stopping.is_set():
            self._deliver_for_neighbours()
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
            if answer.reason != shown:
                shown = answer.reason
                self._emit(Waiting(answer.reason, slot))
            self._wait(answer.wait_seconds)
        return None

    def _wait(self, seconds: float) -> None:
        """Wait, unless a delivery for a dead agent makes a run available before."""
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0:
            if self._stopping.wait(min(left, NEIGHBOUR_SECONDS)) or self._deliver_for_neighbours():
                return

    def _deliver_for_neighbours(self) -> bool:
        """Deliver what dead agents on this machine have left; whether there was anything."""
        with self._neighbours_lock:
            now = clock.monotonic()
            if now - self._neighbours_seen_at < NEIGHBOUR_SECONDS:
                return False
            self._neighbours_seen_at = now
            has_delivered = False
            with contextlib.suppress(SweepError):  # the rest stays on disk for the next time
                for synced in sync(self._quick, self._outbox, self._notice_once, self._host):
                    has_delivered = True
                    self._notice(
                        f"attempt {synced.attempt} of {synced.run} was left behind by another"
                        f" agent: {synced.state}"
                    )
            return has_delivered

    def _sleep(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped

    def _on_trouble(self, error: BackendUnavailable | NotAuthorized) -> None:
        if not self._is_in_trouble:
            self._is_in_trouble = True
            self._notice(what_next(error, "asking again until it is back"))

    def _notice_once(self, message: str) -> None:
        """Show a message about pending deliveries once; they are retried every few seconds."""
        if message not in self._shown:
            self._shown.add(message)
            self._notice(message)

    def _notice(self, message: str) -> None:
        self._emit(Notice(message))
