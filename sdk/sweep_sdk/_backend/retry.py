"""When to repeat a request: exponential backoff with full jitter, honouring Retry-After."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sweep_sdk._exceptions import BackendUnavailable
from sweep_sdk._world import chance, clock

if TYPE_CHECKING:
    from collections.abc import Callable

    Sleep = Callable[[float], None]
    Trouble = Callable[[BackendUnavailable], None]

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a request is repeated before the caller is told.

    Attributes:
        attempts: At most so many requests; None for no bound but the deadline.
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
        below it, so that those who were told the same do not return at the same instant.

        References:
            M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
        """
        grown = self.first_delay_seconds * 2.0 ** min(n_failures - 1, 30)
        return (retry_after_seconds or 0.0) + uniform(0.0, min(grown, self.longest_delay_seconds))


ONCE = RetryPolicy(attempts=1)


@dataclass(frozen=True)
class Retrier:
    """Repeats a call while the backend is away for a moment; time and chance can be replaced.

    Attributes:
        on_trouble: Told of each failure that is followed by another try.
    """

    policy: RetryPolicy = RetryPolicy()
    sleep: Sleep = clock.sleep
    clock: Callable[[], float] = clock.monotonic
    uniform: Callable[[float, float], float] = chance.uniform
    on_trouble: Trouble | None = None

    def call(self, send: Callable[[int], Answer]) -> Answer:
        """The first answer of ``send``, which is given the number of failures so far.

        Raises:
            BackendUnavailable: The last failure, when the policy allows no further try.
        """
        give_up_at = self.clock() + self.policy.deadline_seconds
        n_failures = 0
        while True:
            try:
                return send(n_failures)
            except BackendUnavailable as error:
                n_failures += 1
                delay = self.policy.delay(n_failures, error.retry_after_seconds, self.uniform)
                if not error.is_temporary or self._is_over(n_failures, delay, give_up_at):
                    raise
                if self.on_trouble is not None:
                    self.on_trouble(error)
            self.sleep(delay)

    def _is_over(self, n_failures: int, delay: float, give_up_at: float) -> bool:
        if self.policy.attempts is not None and n_failures >= self.policy.attempts:
            return True
        return self.clock() + delay >= give_up_at
