"""What a training program has logged, summed up: its metrics, its facts, how it finished."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from sweep_sdk._metrics import line_format

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sweep_sdk._metrics.values import MetricValue

#: Bounds of the facts that a program notes: its own configuration, texts and tags.
MAX_FACTS = 400
MAX_FACT_BYTES = 16_000
#: Bound of a run's results as JSON; the backend takes a little more.
MAX_SUMMARY_BYTES = 250_000
_TEXTS = ("name", "group", "notes", "job_type")


@dataclass(slots=True)
class Spread:
    """The finite values of one metric."""

    n_values: int = 0
    first: float = math.nan
    lowest: float = math.inf
    highest: float = -math.inf
    total: float = 0.0

    def add(self, value: float) -> None:
        """Add a value."""
        if not self.n_values:
            self.first = value
        self.n_values += 1
        self.total += value
        if value < self.lowest:  # faster than min(), and rows may have thousands of metrics
            self.lowest = value
        if value > self.highest:
            self.highest = value


@dataclass
class Logged:
    """What a program has logged.

    Attributes:
        metric: Name of the sweep's metric.
        exit_code: The one that the program finished with; None if it has not finished.
        last: The last value of each metric.
        own: The summary values that the program has set itself.
        spreads: The finite values of each metric that was logged.
        definitions: Patterns of metric names, and which summary values those metrics have.
        facts: What the program has noted about its run.
        n_facts_left_out: Number of facts that exceeded the bounds.
    """

    metric: str | None = None
    exit_code: int | None = None
    is_preempting: bool = False
    last: dict[str, MetricValue] = field(default_factory=dict)
    own: dict[str, MetricValue] = field(default_factory=dict)
    spreads: dict[str, Spread] = field(default_factory=dict)
    definitions: list[line_format.DefineLine] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    n_facts_left_out: int = 0

    @property
    def lowest(self) -> float | None:
        """The least value of the sweep's metric, or the one that the program set itself."""
        return self._extreme("lowest")

    @property
    def highest(self) -> float | None:
        """The greatest value of the sweep's metric, or the one that the program set itself."""
        return self._extreme("highest")

    @property
    def result(self) -> MetricValue | None:
        """The value of the sweep's metric that the program set itself; None without one."""
        return self.own.get(self.metric) if self.metric is not None else None

    @property
    def summary(self) -> dict[str, MetricValue]:
        """The last value of every metric, or the one that the program set itself."""
        return self.last | self.own

    def add_metrics(self, metrics: Mapping[str, MetricValue]) -> None:
        """Add the metrics of a row."""
        self.last.update(metrics)
        spreads = self.spreads
        for name, value in metrics.items():
            if not isinstance(value, str):  # values that are not finite are text
                spread = spreads.get(name)
                if spread is None:
                    spread = spreads[name] = Spread()
                spread.add(value)

    def add_line(self, line: line_format.Line) -> None:
        """Add a line that is not a row."""
        if isinstance(line, line_format.SummaryLine):
            self.own.update(line.metrics)
        elif isinstance(line, line_format.DescribeLine):
            self._note(line.facts)
        elif isinstance(line, line_format.DefineLine):
            self.definitions.append(line)
        elif isinstance(line, line_format.FinishLine):
            self.exit_code = line.exit_code
        elif isinstance(line, line_format.PreemptingLine):
            self.is_preempting = True

    def results(self) -> tuple[dict[str, MetricValue], int]:
        """The run's results as far as there is room, and the number of values left out.

        The sweep's metric comes first, then the last value of every other metric, then the summary
        values that the program has defined, then the least and greatest values.
        """
        hidden = self.hidden()
        last = {name: value for name, value in self.summary.items() if name not in hidden}
        extremes = self.extremes(hidden)
        whole = last | self.defined() | extremes
        essential = (self.metric, f"{self.metric}.min", f"{self.metric}.max")
        first = {name: whole[name] for name in essential if name in whole}
        kept = _fitting(first | whole, MAX_SUMMARY_BYTES)
        return kept, len(whole) - len(kept)

    def extremes(self, hidden: Collection[str] = ()) -> dict[str, MetricValue]:
        """``NAME.min`` and ``NAME.max`` of each metric that was logged more than once.

        The sweep's metric has them even if it was logged once, metrics in ``hidden`` never.
        """
        return {
            f"{name}.{which}": value
            for name, spread in self.spreads.items()
            if name not in hidden and (spread.n_values > 1 or name == self.metric)
            for which, value in (("min", spread.lowest), ("max", spread.highest))
        }

    def defined(self) -> dict[str, MetricValue]:
        """The summary values that the program has defined."""
        return {
            f"{name}.{definition.summary}": value
            for definition in self.definitions
            for name in self._matching(definition.metric)
            if (value := self._value_of(name, definition.summary)) is not None
        }

    def hidden(self) -> set[str]:
        """The metrics that the program has excluded from the summary."""
        return {
            name
            for definition in self.definitions
            if definition.summary == "none"
            for name in self._matching(definition.metric)
            if name != self.metric
        }

    def _matching(self, pattern: str) -> Iterable[str]:
        return [name for name in self.spreads if name == pattern or fnmatchcase(name, pattern)]

    def _value_of(self, name: str, summary: str) -> MetricValue | None:
        spread = self.spreads[name]
        values: dict[str, MetricValue] = {
            "min": spread.lowest,
            "max": spread.highest,
            "mean": spread.total / spread.n_values,
            "first": spread.first,
            "last": self.last[name],
        }
        return values.get(summary)

    def _extreme(self, which: str) -> float | None:
        result = self.result
        if isinstance(result, (int, float)) and math.isfinite(result):
            return result
        spread = self.spreads.get(self.metric) if self.metric is not None else None
        return None if spread is None else getattr(spread, which)

    def _note(self, facts: Mapping[str, Any]) -> None:
        """Add facts, as long as there is room."""
        groups = {
            name: self.facts.get(name, {}) | facts[name]
            for name in ("config", "summary")
            if isinstance(facts.get(name), dict) and facts[name]
        }
        texts = {name: facts[name] for name in (*_TEXTS, "tags") if name in facts}
        whole = self.facts | texts | groups
        if _is_within_bounds(whole):
            self.facts = whole
            return
        for name in (*_TEXTS, "tags"):
            if name in facts:
                self._note_one(self.facts, name, facts[name])
        for name in ("config", "summary"):
            group = facts.get(name)
            if isinstance(group, dict):
                for key, value in group.items():
                    self._note_one(self.facts.setdefault(name, {}), key, value)

    def _note_one(self, group: dict[str, Any], key: str, value: Any) -> None:
        before = group.get(key)
        has_one = key in group
        group[key] = value
        if _is_within_bounds(self.facts):
            return
        self.n_facts_left_out += 1
        if has_one:
            group[key] = before
        else:
            del group[key]


def _is_within_bounds(facts: Mapping[str, Any]) -> bool:
    n_facts = sum(len(one) if isinstance(one, dict) else 1 for one in facts.values())
    return n_facts <= MAX_FACTS and _size(facts) <= MAX_FACT_BYTES


def _fitting(values: dict[str, MetricValue], most_bytes: int) -> dict[str, MetricValue]:
    """The first values, as many as fit into ``most_bytes`` bytes of JSON."""
    if _size(values) <= most_bytes:
        return values
    room = most_bytes
    kept = {}
    for name, value in values.items():
        room -= _size({name: value})  # its braces make up for the comma and the space
        if room < 0:
            break
        kept[name] = value
    return kept


def _size(facts: Mapping[str, Any]) -> int:
    return len(json.dumps(facts))
