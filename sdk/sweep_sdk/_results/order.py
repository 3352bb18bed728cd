"""Sorting runs by their values, and finding the best one."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sweep_sdk._results.names import Names

    Run = Mapping[str, Any]

_GOALS = {
    "min": "minimize",
    "minimise": "minimize",
    "minimize": "minimize",
    "max": "maximize",
    "maximise": "maximize",
    "maximize": "maximize",
}
#: States that are excluded, as for the sweep's own metric.
NEVER_BEST = ("failed", "crashed", "pending")


def sorted_runs(runs: Sequence[Run], keys: Sequence[str], names: Names) -> list[Run]:
    """Sort runs by the values of names, in order of priority; ``-`` reverses the order.

    Numbers come before texts; runs without a value, or with NaN, always come last.

    Raises:
        UsageError: No run has one of the names.
    """
    found = list(runs)
    for key in reversed(keys):
        getter = names.getter(key.removeprefix("-"))
        pairs = [(getter(run), run) for run in found]
        known = [pair for pair in pairs if _is_comparable(pair[0])]
        known.sort(key=lambda pair: _rank(pair[0]), reverse=key.startswith("-"))
        unknown = [pair for pair in pairs if not _is_comparable(pair[0])]
        found = [run for _, run in (*known, *unknown)]
    return found


def _is_comparable(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, (int, float)):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, json.dumps(value, sort_keys=True))


def best_first(runs: Sequence[Run], goals: Mapping[str, str]) -> list[Run]:
    """Sort runs by the values of their sweeps' metrics; those that cannot be best come last.

    Args:
        runs: Runs in any order; the sort is stable.
        goals: The goal of each sweep, by its id.
    """

    def rank(run: Run) -> tuple[bool, float]:
        value = run["best"]
        if value is None or run["state"] in NEVER_BEST:
            return True, 0.0
        return False, value if goals[run["sweep"]] == "minimize" else -value

    return sorted(runs, key=rank)


def read_goal(goal: str) -> str:
    """Parse a goal in any of its usual forms to ``minimize`` or ``maximize``.

    Raises:
        UsageError: It is neither.
    """
    if goal not in _GOALS:
        raise UsageError(f"goal is {goal!r}; one of minimize, maximize")
    return _GOALS[goal]


def best_value(run: Run, metric: str, goal: str) -> float | None:
    """A run's best finite value of any metric according to its summary, or None.

    The summary has a metric's last value and, if it was logged more than once, its minimum and
    maximum. For a run in progress it only has the sweep's metric.
    """
    extreme, choose = (".min", min) if goal == "minimize" else (".max", max)
    values = (run["summary"].get(name) for name in (metric, f"{metric}{extreme}"))
    finite = [v for v in values if isinstance(v, (int, float)) and math.isfinite(v)]
    return choose(finite, default=None)


def best_by(runs: Iterable[Run], metric: str, goal: str) -> tuple[Run, float] | None:
    """The run with the best value of a metric, and that value; None if no run has one.

    Failed, crashed and pending runs do not count. Of equal values the first one is best.
    """
    best: tuple[Run, float] | None = None
    for run in runs:
        value = None if run["state"] in NEVER_BEST else best_value(run, metric, goal)
        if value is not None and (best is None or _is_better(value, best[1], goal)):
            best = run, value
    return best


def _is_better(value: float, other: float, goal: str) -> bool:
    return value < other if goal == "minimize" else value > other
