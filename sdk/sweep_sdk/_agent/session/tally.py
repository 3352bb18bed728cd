"""An agent's counts of its runs, and the decision to take no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._world import clock, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._agent.options import AgentOptions

INITIAL_SECONDS = 60.0
#: Number of times in a row that a machine may fail to run a program before its agent ends. The
#: agent waits for 1, 2, 4 and 8 seconds in between.
MAX_MACHINE_FAULTS = 5
FIRST_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class GivingUp:
    """Why an agent takes no more runs.

    Attributes:
        option: The field of ``AgentOptions`` that sets the limit; None if none does.
    """

    reason: str
    option: str | None


class Tally:
    """Counts the runs of all slots of an agent.

    Attributes:
        n_runs: Number of attempts that have ended here.
        n_failed: Number of them that failed.
        n_finished: Number of them that finished.
        n_failed_in_a_row: Number of failures since the last attempt that finished.
        gave_up: Why no more runs are taken; None while the agent takes runs.
    """

    def __init__(self, options: AgentOptions, clock: Callable[[], float] = clock.monotonic) -> None:
        """Begin to count.

        Args:
            options: The limits.
            clock: Returns monotonic seconds.
        """
        self.n_runs = 0
        self.n_failed = 0
        self.n_finished = 0
        self.n_failed_in_a_row = 0
        self.gave_up: GivingUp | None = None
        self._n_taken = 0
        self._n_given_back = 0
        self._n_machine_faults = 0
        self._n_without_metric = 0
        self._n_without_value = 0
        self._options = options
        self._clock = clock
        self._started_at = self._next_fault_at = clock()
        self._lock = threads.Lock()

    def take_turn(self) -> bool:
        """Claim one more run; whether that is allowed."""
        with self._lock:
            if self.gave_up is not None or self._n_taken == self._options.count:
                return False
            self._n_taken += 1
            return True

    def give_back_turn(self) -> None:
        """Return a claim for which there was no run."""
        with self._lock:
            self._n_taken -= 1

    def add(
        self, state: str, *, is_metric_missing: bool = False, is_without_value: bool = False
    ) -> bool:
        """Count a run that has ended.

        Args:
            state: The state of the run.
            is_metric_missing: Whether it never logged the sweep's metric.
            is_without_value: Whether it logged no finite value of the metric.

        Returns:
            Whether it is the first run in a row that finished without a value of the metric, or
            without logging it at all.
        """
        with self._lock:
            self.n_runs += 1
            self._n_machine_faults = 0
            self.n_finished += state == "finished"
            self.n_failed += state == "failed"
            self._n_given_back += state in ("preempted", "lost")
            if state == "finished":
                self.n_failed_in_a_row = 0
            self.n_failed_in_a_row += state == "failed"
            if state == "finished":
                self._n_without_metric = self._n_without_metric + 1 if is_metric_missing else 0
                is_lacking = is_metric_missing or is_without_value
                self._n_without_value = self._n_without_value + 1 if is_lacking else 0
            if self.gave_up is None:
                self.gave_up = self._reason() if state == "failed" else self._blind_reason()
            return state == "finished" and 1 in (self._n_without_metric, self._n_without_value)

    def add_machine_fault(self, why: str) -> float:
        """Count a failure of this machine to run a program, which says nothing about the run.

        Failures of several slots within one pause count once.

        Args:
            why: The cause, in half a sentence.

        Returns:
            Seconds to wait before the next attempt.
        """
        with self._lock:
            self._n_taken -= 1
            self._n_given_back += 1
            now = self._clock()
            if now >= self._next_fault_at:
                self._n_machine_faults += 1
                self._next_fault_at = now + FIRST_PAUSE_SECONDS * 2.0 ** (
                    self._n_machine_faults - 1
                )
            if self._n_machine_faults >= MAX_MACHINE_FAULTS and self.gave_up is None:
                self.gave_up = GivingUp(
                    f"this machine failed to run a program {self._n_machine_faults} times in a"
                    f" row ({why})",
                    None,
                )
            return self._next_fault_at - now

    def give_up(self, reason: GivingUp) -> None:
        """Take no more runs."""
        with self._lock:
            self.gave_up = self.gave_up or reason

    @property
    def is_failure(self) -> bool:
        """Whether the agent gave up, or none of its runs finished although some should have.

        Runs that an operator ended count for neither.
        """
        with self._lock:
            has_nothing = not self.n_finished and self.n_failed + self._n_given_back > 0
            return self.gave_up is not None or has_nothing

    def _blind_reason(self) -> GivingUp | None:
        if 0 < self._options.max_runs_without_metric <= self._n_without_metric:
            return GivingUp(
                f"{self._n_without_metric} runs in a row finished without logging the sweep's"
                " metric",
                "max_runs_without_metric",
            )
        return None

    def _reason(self) -> GivingUp | None:
        is_initial = self._clock() - self._started_at < INITIAL_SECONDS
        if is_initial and 0 < self._options.max_initial_failures <= self.n_failed:
            return GivingUp(
                f"{self.n_failed} runs failed in the first {INITIAL_SECONDS:.0f} s",
                "max_initial_failures",
            )
        if not self.n_finished and 0 < self._options.max_failures <= self.n_failed:
            return GivingUp(f"{self.n_failed} runs failed and none succeeded", "max_failures")
        if 0 < self._options.max_consecutive_failures <= self.n_failed_in_a_row:
            n_failed = self.n_failed_in_a_row
            return GivingUp(f"{n_failed} runs failed in a row", "max_consecutive_failures")
        return None
