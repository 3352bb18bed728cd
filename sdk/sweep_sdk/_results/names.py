"""Resolves names of values of runs: fields, parameters, metrics and attributes.

``config.lr``, ``summary.loss``, ``attributes.config.seed`` and ``run.state`` name one value each.
A name without a prefix is looked up in all of them. The sweep's metric means a run's best value
(see ``shown_value``), any other metric its last one.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.records import GROUPS, RUN_FIELDS, flattened, names_of, seconds_taken

Run = Mapping[str, Any]
Getter = Callable[[Run], Any]
#: The metric of each sweep, ``{"name": ..., "goal": ...}``, by the sweep's id.
Metrics = Mapping[str, Mapping[str, Any] | None]

#: Attributes that can be named like fields.
NOTED = ("name", "tags", "group", "notes", "job_type")
_MAX_NAMES_SHOWN = 30
_MOST_NAMES_COMPARED = 2000


class Names:
    """The names that occur in some runs."""

    def __init__(
        self, runs: Sequence[Run], metrics: Metrics, clock: Callable[[], float] = time.time
    ) -> None:
        """Collect the names of the runs.

        Args:
            runs: All of them, so that a name is known if any run has it.
            metrics: The metrics of their sweeps.
            clock: Returns seconds since the epoch.
        """
        self._has_runs = bool(runs)
        self._metrics = metrics
        self._clock = clock
        self._groups = {
            group: set(names_of(flattened(run.get(group) or {}) for run in runs))
            for group in GROUPS
        }
        self._metric_names = {metric["name"] for metric in metrics.values() if metric}

    def getter(self, name: str) -> Getter:
        """A function that gets the value of ``name`` from a run, or None if the run has none.

        Raises:
            UsageError: No run has the name, or it is ambiguous.
        """
        if not self._has_runs:
            return lambda _: None
        prefix, dot, rest = name.partition(".")
        if dot and prefix == "run" and rest in self._fields:
            return self._field(rest)
        if dot and rest in self._groups.get(prefix, ()):
            return _in_group(prefix, rest)
        found = self._meanings(name)
        if len(found) > 1:
            raise UsageError(f"'{name}' is said of several things: write {' or '.join(found)}")
        if not found:
            raise UsageError(f"no run has '{name}'{self._hint(name)}")
        return next(iter(found.values()))

    def check_metric(self, name: str) -> None:
        """Check that some run has a metric.

        Raises:
            UsageError: No run has it.
        """
        if name not in self._groups["summary"]:
            raise UsageError(f"no run has a value of '{name}'{self._hint(name)}")

    @property
    def _fields(self) -> tuple[str, ...]:
        return (*RUN_FIELDS, "time", *NOTED)

    def _meanings(self, name: str) -> dict[str, Getter]:
        """The full forms of a name, each with a function that gets its value."""
        meanings: dict[str, Getter] = {}
        if name in self._fields and (name not in NOTED or name in self._groups["attributes"]):
            meanings[f"run.{name}"] = self._field(name)
        if name in self._groups["config"]:
            meanings[f"config.{name}"] = _in_group("config", name)
        if name in self._metric_names or name in self._groups["summary"]:
            meanings[f"summary.{name}"] = self._metric(name)
        if meanings:
            return meanings
        noted = (f"config.{name}", f"summary.{name}")
        return {
            f"attributes.{key}": _in_group("attributes", key)
            for key in noted
            if key in self._groups["attributes"]
        }

    def _field(self, name: str) -> Getter:
        if name == "time":
            return lambda run: seconds_taken(run, self._clock())
        if name in NOTED:
            return lambda run: (run.get("attributes") or {}).get(name)
        return lambda run: run[name]

    def _metric(self, name: str) -> Getter:
        def value(run: Run) -> Any:
            metric = self._metrics.get(run["sweep"])
            is_own = metric is not None and metric["name"] == name
            return shown_value(run, name) if is_own else run["summary"].get(name)

        return value

    def _hint(self, name: str) -> str:
        """Suggestions for an unknown name: similar names, otherwise all."""
        word = name.partition(".")[2] if name.partition(".")[0] in (*GROUPS, "run") else name
        groups = (self._groups["config"], self._metric_names | self._groups["summary"])
        known = list(dict.fromkeys((*sorted(groups[0]), *sorted(groups[1]), *self._fields)))
        near = difflib.get_close_matches(word, known[:_MOST_NAMES_COMPARED], n=3)
        near = near or [other for other in known if word in other][:3]
        if near:
            return f"; did you mean {' or '.join(near)}?"
        more = ", ..." if len(known) > _MAX_NAMES_SHOWN else ""
        return f"; there are {', '.join(known[:_MAX_NAMES_SHOWN])}{more}"


def shown_value(run: Run, metric: str) -> Any:
    """The best value of the sweep's metric in a run, or the one it diverged to; None without."""
    return run["best"] if run["best"] is not None else run["summary"].get(metric)


def _in_group(group: str, name: str) -> Getter:
    def value(run: Run) -> Any:
        values = run.get(group) or {}
        found = values.get(name)
        if found is None or isinstance(found, dict):  # a dotted name, or a prefix of other names
            return flattened(values).get(name) if "." in name else None
        return found

    return value
