"""Selection and order of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.conditions import Condition, parse_conditions
from sweep_sdk._results.names import Metrics, Names
from sweep_sdk._results.order import best_first, sorted_runs

Run = Mapping[str, Any]

#: States in which a run can be found.
STATES = (
    "pending",
    "running",
    "finished",
    "failed",
    "crashed",
    "killed",
    "preempting",
    "preempted",
)


@dataclass(frozen=True)
class Selection:
    """Criteria and order for selecting runs; by default all runs by index.

    Attributes:
        conditions: Conditions, all of which must hold.
        sort: Names to sort by; a leading ``-`` puts the largest value first.
        top: Maximum number of runs; without ``sort``, the best ones.
        states: Accepted states; empty for all.
        tags: Tags, all of which the run must have.
        name: Name of the run; ``*`` and ``?`` are wildcards.
    """

    conditions: tuple[Condition, ...] = ()
    sort: tuple[str, ...] = ()
    top: int | None = None
    states: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    name: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether it selects all runs in their usual order."""
        return self == EVERYTHING

    @property
    def is_ordered(self) -> bool:
        """Whether runs are sorted; otherwise they are in order of index."""
        return bool(self.sort) or self.top is not None

    def of(self, runs: Sequence[Run], metrics: Metrics) -> list[Run]:
        """Apply the selection to runs.

        Args:
            runs: Runs in order of sweep and index.
            metrics: The metrics of the runs' sweeps.

        Raises:
            UsageError: No run has one of the names.
        """
        if self.is_everything or not runs:
            return list(runs)
        names = Names(runs, metrics)
        tests = [(names.getter(condition.name), condition) for condition in self.conditions]
        found = [
            run
            for run in runs
            if self._is_of_kind(run) and all(test.holds(getter(run)) for getter, test in tests)
        ]
        if self.top is not None and not self.sort:
            return best_first(found, _common_goals(metrics))[: self.top]
        return sorted_runs(found, self.sort, names)[: self.top]

    def _is_of_kind(self, run: Run) -> bool:
        noted = run.get("attributes") or {}
        return (
            (not self.states or run["state"] in self.states)
            and self.tags <= set(map(str, noted.get("tags") or ()))
            and (self.name is None or fnmatchcase(str(noted.get("name", "")), self.name))
        )


def _common_goals(metrics: Metrics) -> dict[str, str]:
    """The goal of each sweep, by its id.

    Raises:
        UsageError: A sweep has no metric, or sweeps have different metrics.
    """
    aims = {(metric["name"], metric["goal"]) for metric in metrics.values() if metric}
    if len(aims) != 1 or None in metrics.values():
        reason = "the sweeps do not have the same metric" if aims else "there is no metric"
        raise UsageError(f"which runs are the top ones? {reason}: say by what to sort")
    return {sweep: metric["goal"] for sweep, metric in metrics.items() if metric}


EVERYTHING = Selection()


def selection(
    where: str | Iterable[str] = (),
    sort: str | Iterable[str] = (),
    top: int | None = None,
    state: str | Iterable[str] = (),
    tags: str | Iterable[str] = (),
    name: str | None = None,
) -> Selection:
    """Parse a selection; each argument is a text with commas, or several texts.

    Args:
        where: Conditions, such as ``lr<0.01 and opt=adam``, all of which must hold.
        sort: Names such as ``lr`` or ``-loss``.
        top: A number of runs.
        state: States of runs.
        tags: Tags.
        name: A name or pattern.

    Raises:
        UsageError: A condition is invalid, or there is no such state.
    """
    states = listed(state)
    for word in states:
        if word not in STATES:
            raise UsageError(f"state is '{word}'; one of {', '.join(STATES)}")
    if top is not None and top < 1:
        raise UsageError(f"top is {top}; needs a number of at least 1")
    texts = [where] if isinstance(where, str) else where
    return Selection(
        conditions=tuple(part for text in texts for part in parse_conditions(text)),
        sort=tuple(listed(sort)),
        top=top,
        states=frozenset(states),
        tags=frozenset(listed(tags)),
        name=name,
    )


def listed(texts: str | Iterable[str]) -> list[str]:
    """The parts of one or several texts with commas."""
    given = [texts] if isinstance(texts, str) else texts
    return [part for text in given for part in map(str.strip, text.split(",")) if part]
