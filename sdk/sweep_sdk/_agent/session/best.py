"""The best run that an agent knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.view.events import BestSoFar
from sweep_sdk._world import threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._agent.outbox.logged import Logged


class BestTracker:
    """Compares runs by the sweep's metric; without a metric no run is the best.

    Attributes:
        metric: The metric's name, as the agent knows it; None without one.
    """

    def __init__(self, sweep: Mapping[str, Any]) -> None:
        """Begin with the best run of ``sweep``, as the backend shows it."""
        metric = sweep.get("metric") or {}
        self.metric: str | None = metric.get("name")
        self._is_maximised = metric.get("goal") == "maximize"
        self._value: float | None = None
        self._lock = threads.Lock()
        best = sweep.get("best") or {}
        if isinstance(best.get("best"), (int, float)):
            self.offer(str(best.get("id")), best["best"], {})

    def follow(self, metric: str | None) -> None:
        """Compare by the metric of a hand-out, if it has changed; None if it is not known."""
        with self._lock:
            if metric is not None and metric != self.metric:
                self.metric, self._value = metric, None

    def value_of(self, logged: Logged) -> float | None:
        """The best value that a program reported."""
        return logged.highest if self._is_maximised else logged.lowest

    def offer(self, run: str, value: float | None, config: Mapping[str, Any]) -> BestSoFar | None:
        """Compare a run's result; an event if it is the best so far."""
        if value is None or self.metric is None:
            return None
        with self._lock:
            before = self._value
            is_better = before is None or (value > before if self._is_maximised else value < before)
            if not is_better:
                return None
            self._value = value
        return BestSoFar(run, self.metric, value, config)
