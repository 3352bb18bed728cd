"""When to repeat a request: exponential backoff with full jitter, honouring Retry-After.

A credential that was accepted and is so no longer is waited for too, by those who have a
``Renewal``: somebody may be about to replace it.
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

#: Seconds between readings of a refused credential, and after which it is given up.
RENEWAL_INTERVAL_SECONDS = 30.0
RENEWAL_SECONDS = 600.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often and for how long a request is repeated before its error is raised.

    Attributes:
        attempts: Maximum number of requests; None for no bound but the deadline.
        deadline_seconds: No repetition begins later than this after the first request.
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

        Full jitter: uniform in [0, first * 2**(n - 1)], capped; a backend's Retry-After is added
        below it, so that clients that were given the same time do not all return at once.

        References:
            M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
        """
        grown = self.first_delay_seconds * 2.0 ** min(n_failures - 1, 30)
        return (retry_after_seconds or 0.0) + uniform(0.0, min(grown, self.longest_delay_seconds))


ONCE = RetryPolicy(attempts=1)


def what_next(error: BackendUnavailable | NotAuthorized, usually: str) -> str:
    """A failure, and how it goes on: ``usually``, or that another credential is looked for."""
    if isinstance(error, BackendUnavailable):
        return f"{error}; {usually}"
    return (
        f"{error}; it is read again every {RENEWAL_INTERVAL_SECONDS:.0f} s for"
        f" {RENEWAL_SECONDS / 60:.0f} minutes, and what is running goes on"
    )


class Renewal:
    """How long a credential that is refused is waited for; shared by an agent's threads."""

    def __init__(self) -> None:
        self._lock = threads.Lock()
        self._refused_since: float | None = None

    def wait(self, error: NotAuthorized, now: float) -> float:
        """Seconds until the credential is worth another look.

        Raises:
            BackendUnavailable: It has been refused for too long.
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
        """A credential has been accepted."""
        with self._lock:
            self._refused_since = None


@dataclass(frozen=True)
class Retrier:
    """Repeats a call while the backend is away for a moment; time and chance can be replaced.

    Attributes:
        on_trouble: Called with each failure that is followed by another try.
        renewal: Decides how long a refused credential is waited for; None: not at all.
    """

    policy: RetryPolicy = RetryPolicy()
    sleep: Sleep = clock.sleep
    clock: Callable[[], float] = clock.monotonic
    uniform: Callable[[float, float], float] = chance.uniform
    on_trouble: Trouble | None = None
    renewal: Renewal | None = None

    def call(self, send: Callable[[int], Answer]) -> Answer:
        """The first answer of ``send``, which is given the number of failures so far.

        Raises:
            BackendUnavailable: The last failure, when the policy allows no further try.
            NotAuthorized: Likewise, or when no other credential is waited for.
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
        """Seconds until the next try; None where there is none."""
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
