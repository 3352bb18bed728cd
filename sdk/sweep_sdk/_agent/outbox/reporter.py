"""Reports while a program runs: rows, or a heartbeat if there are none; obeys the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_sdk._backend.retry import RetryPolicy
from sweep_sdk._exceptions import InvalidRequest, LeaseLost, SweepDeleted, SweepError
from sweep_sdk._world import clock, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._agent.outbox.delivery import Delivery
    from sweep_sdk._backend.client import Client
    from sweep_service.wire.runs import Attention, Command

_LONGEST_BACKOFF_SECONDS = 30.0
_USUAL_SECONDS = 10.0
#: With a backend on this machine, where a request costs next to nothing.
_NEAR_SECONDS = 0.1
#: With a remote backend: rows that it judges are found soon, others wait for the next heartbeat.
_LOOK_SECONDS = 1.0


class Pace:
    """The pace of one run, as the backend asks for it.

    Attributes:
        attention: Which rows matter at once; None if the backend is too old to say.
    """

    def __init__(
        self,
        attention: Attention | None = None,
        *,
        is_near: bool = False,
        fixed_seconds: float | None = None,
    ) -> None:
        """Set up.

        Args:
            attention: The attention that was handed out with the run.
            is_near: Whether the backend is on this machine.
            fixed_seconds: Seconds between two looks, after each of which all rows are sent; None to
                follow the backend.
        """
        self.attention = attention
        self._is_near = is_near
        self._fixed_seconds = fixed_seconds

    @property
    def seconds(self) -> float:
        """Seconds between two looks for rows."""
        if self._fixed_seconds is not None:
            return self._fixed_seconds
        if self.attention is None or self.attention.is_empty:
            return _USUAL_SECONDS
        return _NEAR_SECONDS if self._is_near else _LOOK_SECONDS

    @property
    def is_choosy(self) -> bool:
        """Whether rows that do not matter at once wait for a heartbeat."""
        is_guided = self.attention is not None
        return is_guided and not self._is_near and self._fixed_seconds is None

    def update(self, attention: Attention | None) -> None:
        """Follow the attention in an answer, if it has one."""
        if attention is not None:
            self.attention = attention


class Reporter:
    """A thread that keeps a lease alive and sends rows; a context manager.

    While the backend is away, the training goes on and its rows wait in their file. When it is
    back, the lease is renewed unless another agent has taken the run; then ``stop`` is called.
    """

    def __init__(
        self,
        delivery: Delivery,
        client: Client,
        *,
        lease_seconds: float,
        report_interval_seconds: float,
        pace: Pace,
        stop: Callable[[str], None],
        notice: Callable[[str], None],
        clock: Callable[[], float] = clock.monotonic,
    ) -> None:
        """Set up; nothing is sent before the block begins.

        Args:
            delivery: Delivery of the attempt.
            client: Client used for the requests, without retries: the next turn is the next try.
            lease_seconds: How long the backend waits for a report.
            report_interval_seconds: Longest time between two reports.
            pace: How often rows are looked for, and which are sent at once.
            stop: Called with the reason why the run must end: the backend's, ``lease_lost``, or
                ``deleted``.
            notice: Called with a message when the backend goes away and when it is back.
            clock: Returns monotonic seconds.
        """
        self._delivery = delivery
        self._client = client
        self._beat_seconds = min(report_interval_seconds, lease_seconds / 3)
        self._pace = pace
        self._longest_pause = self._beat_seconds
        self._longest_interval = report_interval_seconds
        self._stop = stop
        self._notice = notice
        self._n_failures = 0
        self._clock = clock
        self._heard_at = clock()
        self._is_closing = threads.Event()
        self._is_ending = False
        self._is_end_sent = False
        self._wakes: threads.SimpleQueue[None] = threads.SimpleQueue()
        self._thread = threads.Thread(target=self._run, name="reporter", daemon=True)

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until the request in flight is answered; rows that are left are not sent."""
        self._is_closing.set()
        self._wakes.put(None)
        self._thread.join()

    def announce_end(self) -> None:
        """The agent has to end: report at once that the run may have to be handed out again.

        It may be called in a signal handler.
        """
        self._is_ending = True
        self._wakes.put(None)

    def _row_seconds(self) -> float:
        return min(self._pace.seconds, self._longest_pause)

    def _run(self) -> None:
        pause = self._row_seconds()
        while True:
            threads.take(self._wakes, pause)
            if self._is_closing.is_set():
                return
            pause = self.report()

    def report(self) -> float:
        """Take one turn; the seconds until the next. Only the thread calls it."""
        try:
            command = self._send()
        except LeaseLost:
            return self._end("lease_lost")
        except SweepDeleted:
            return self._end("deleted")
        except SweepError as error:
            return self._back_off(error)
        if self._n_failures > 1:
            self._notice("the backend is back")
        self._n_failures = 0
        if command is not None:
            self._obey(command)
        return self._row_seconds()

    def _send(self) -> Command | None:
        """Send that the agent has to end, rows that are due, or a heartbeat if that is due."""
        last = self._send_end() if self._is_ending and not self._is_end_sent else None
        while self._are_rows_due() and not self._is_closing.is_set():
            command = self._delivery.send(self._client)
            if command is None:
                break
            last = command
        if last is None and self._is_beat_due():
            last = self._delivery.beat(self._client, is_preempting=self._is_ending)
        if last is not None:
            self._heard_at = self._clock()
        return last

    def _are_rows_due(self) -> bool:
        """Whether rows must be sent now; the others go with the next heartbeat."""
        attention = self._pace.attention
        if attention is None or not self._pace.is_choosy or self._is_ending or self._is_beat_due():
            return True
        return self._delivery.look(attention)

    def _is_beat_due(self) -> bool:
        return self._clock() - self._heard_at >= self._beat_seconds * 0.9

    def _send_end(self) -> Command | None:
        """Have the lease shortened; None if the backend is too old for that."""
        try:
            command = self._delivery.beat(self._client, is_preempting=True)
        except InvalidRequest:
            self._is_ending = False
            return None
        self._is_end_sent = True
        return command

    def _obey(self, command: Command) -> None:
        self._beat_seconds = min(self._longest_interval, command.lease_seconds / 3)
        self._pace.update(command.attention)
        if command.reason is not None:
            self._stop(command.reason)

    def _end(self, reason: str) -> float:
        self._is_closing.set()
        self._stop(reason)
        return 0.0

    def _back_off(self, error: SweepError) -> float:
        """Wait longer each time, but not beyond the time at which the lease must be renewed.

        A backend that is back soon lets others take the run. A single failure is not worth a line.
        """
        self._n_failures += 1
        if self._n_failures == 2:
            self._notice(f"{error}; the run continues, and its metrics wait on disk")
        asked = getattr(error, "retry_after_seconds", None)
        longest = min(_LONGEST_BACKOFF_SECONDS, self._beat_seconds)
        policy = RetryPolicy(first_delay_seconds=1.0, longest_delay_seconds=longest)
        return policy.delay(self._n_failures, asked, self._client.retrier.uniform)
