"""When to repeat a request: exponential backoff with full jitter, honouring Retry-After.

With a ``Renewal``, a credential that is no longer accepted is also retried for a while, because it
may be about to be replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sweep_sdk._exceptions import BackendUnavailable, NotAuthorized
from sweep_sdk._world import chance, clock, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    Sleep = Callable[[float], None]
    Trouble = Callable[[BackendUnavailable | NotAuthorized], None]

Answer = TypeVar("Answer")

#: Interval between readings of a rejected credential, and the time after which it is given up.
RENEWAL_INTERVAL_SECONDS = 30.0
RENEWAL_SECONDS = 600.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often and for how long a request is repeated before its error is raised.

    Attributes:
        attempts: Maximum number of requests; None for no limit except the deadline.
        deadline_seconds: Time after the first request after which it is not repeated again.
    """

    attempts: int | None = 8
    deadline_seconds: float = 60.0
    first_delay_seconds: float = 0.25
    longest_delay_seconds: float = 20.0

    def delay(
        self,
        n_failures: int,
        retry_after_seconds: float | None,
        uniform: Callable[[float, float], float],
    ) -> float:
        """Seconds to wait after the n-th failure in a row.

        Full jitter: uniform in [0, first * 2**(n - 1)], capped; the backend's Retry-After is added
        to it, so that clients that were given the same time do not all return at once.

        References:
            M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
        """
        grown = self.first_delay_seconds * 2.0 ** min(n_failures - 1, 30)
        return (retry_after_seconds or 0.0) + uniform(0.0, min(grown, self.longest_delay_seconds))


ONCE = RetryPolicy(attempts=1)


def what_next(error: BackendUnavailable | NotAuthorized, usually: str) -> str:
    """A message about a failure and what follows: ``usually``, or looking for a credential."""
    if isinstance(error, BackendUnavailable):
        return f"{error}; {usually}"
    return (
        f"{error}; it is read again every {RENEWAL_INTERVAL_SECONDS:.0f} s for"
        f" {RENEWAL_SECONDS / 60:.0f} minutes, and what is running goes on"
    )


class Renewal:
    """Limits how long a rejected credential is retried; shared by an agent's threads."""

    def __init__(self) -> None:
        self._lock = threads.Lock()
        self._refused_since: float | None = None

    def wait(self, error: NotAuthorized, now: float) -> float:
        """Seconds until the credential should be read again.

        Raises:
            BackendUnavailable: The credential has been rejected for too long.
        """
        with self._lock:
            since = self._refused_since = self._refused_since or now
        if now - since < RENEWAL_SECONDS:
            return RENEWAL_INTERVAL_SECONDS
        raise BackendUnavailable(
            f"{error}; it has been refused for {(now - since) / 60:.0f} minutes",
            is_temporary=False,
        ) from None

    def done(self) -> None:
        """Record that a credential has been accepted."""
        with self._lock:
            self._refused_since = None


@dataclass(frozen=True)
class Retrier:
    """Repeats a call while the backend is away; time and randomness can be replaced.

    Attributes:
        on_trouble: Called with each failure that is followed by a retry.
        renewal: Limits how long a rejected credential is retried; None for not at all.
    """

    policy: RetryPolicy = RetryPolicy()
    sleep: Sleep = clock.sleep
    clock: Callable[[], float] = clock.monotonic
    uniform: Callable[[float, float], float] = chance.uniform
    on_trouble: Trouble | None = None
    renewal: Renewal | None = None

    def call(self, send: Callable[[int], Answer]) -> Answer:
        """Call ``send`` with the number of failures so far, until it succeeds.

        Raises:
            BackendUnavailable: The last failure, if the policy allows no further retry.
            NotAuthorized: Likewise, or if rejected credentials are not retried.
        """
        give_up_at = self.clock() + self.policy.deadline_seconds
        n_failures = 0
        while True:
            try:
                answer = send(n_failures)
            except (BackendUnavailable, NotAuthorized) as error:
                n_failures += 1
                delay = self._delay(error, n_failures)
                if delay is None or self._is_over(n_failures, delay, give_up_at):
                    raise
                if self.on_trouble is not None:
                    self.on_trouble(error)
            else:
                if self.renewal is not None:
                    self.renewal.done()
                return answer
            self.sleep(delay)

    def _delay(self, error: BackendUnavailable | NotAuthorized, n_failures: int) -> float | None:
        """Seconds until the next try; None if there is none."""
        if isinstance(error, BackendUnavailable):
            delay = self.policy.delay(n_failures, error.retry_after_seconds, self.uniform)
            return delay if error.is_temporary else None
        if self.renewal is None or not error.was_accepted:
            return None
        return self.renewal.wait(error, self.clock())

    def _is_over(self, n_failures: int, delay: float, give_up_at: float) -> bool:
        if self.policy.attempts is not None and n_failures >= self.policy.attempts:
            return True
        return self.clock() + delay >= give_up_at
