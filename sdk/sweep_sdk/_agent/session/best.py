"""The best run that an agent knows of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.view.events import BestSoFar
from sweep_sdk._world import threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._agent.outbox.logged import Logged


class BestTracker:
    """Compares by the sweep's metric; without one nothing is best.

    Attributes:
        metric: The metric's name, as the agent knows it; None without one.
    """

    def __init__(self, sweep: Mapping[str, Any]) -> None:
        """Begin with what the backend knows of the sweep."""
        metric = sweep.get("metric") or {}
        self.metric: str | None = metric.get("name")
        self._is_maximised = metric.get("goal") == "maximize"
        self._value: float | None = None
        self._lock = threads.Lock()
        self.learn(sweep)

    def follow(self, metric: str | None) -> None:
        """Go by another metric from now on, if the sweep has another; None: it is not known."""
        with self._lock:
            if metric is not None and metric != self.metric:
                self.metric, self._value = metric, None

    def value_of(self, logged: Logged) -> float | None:
        """The best value that a program reported."""
        return logged.highest if self._is_maximised else logged.lowest

    def is_missing(self, logged: Logged) -> bool:
        """Whether a program never logged the sweep's metric, not even as NaN."""
        return logged.metric is not None and logged.metric not in logged.summary

    def has_no_value(self, logged: Logged) -> bool:
        """Whether a program never gave the sweep's metric a finite value."""
        return logged.metric is not None and self.value_of(logged) is None

    def learn(self, sweep: Mapping[str, Any]) -> BestSoFar | None:
        """Take in the sweep's best run; the event, if that is news."""
        run = sweep.get("best") or {}
        value = run.get("best")
        if not isinstance(value, (int, float)):
            return None
        return self.offer(str(run.get("id")), value, run.get("config") or {})

    def offer(self, run: str, value: float | None, config: Mapping[str, Any]) -> BestSoFar | None:
        """Take in a run's result; the event, if it is the best so far."""
        if value is None or self.metric is None:
            return None
        with self._lock:
            if self._value is not None and not self._is_better(value, self._value):
                return None
            self._value = value
        return BestSoFar(run, self.metric, value, config)

    def _is_better(self, value: float, other: float) -> bool:
        return value > other if self._is_maximised else value < other
