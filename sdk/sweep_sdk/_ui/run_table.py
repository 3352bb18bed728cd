"""Runs as a table of columns, the form in which the page and a report hold them.

A table document is plain JSON:

- ``fields``, ``config``, ``summary``, ``attributes``: a column (a list with one value for each row)
  by name. Nested values have dotted names, and a run without a value has null there.
- ``index`` among ``fields`` identifies the rows.

Non-finite numbers are the texts ``NaN``, ``Infinity`` and ``-Infinity``; within ``config`` and
``attributes``, where texts may be written as well, they are ``{"$number": TEXT}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._results.records import GROUPS, flattened, names_of
from sweep_service.model.records.numbers import tagged, with_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_sdk._results.records import Run

#: Fields of a run that a table holds; an older backend leaves out some of them.
FIELDS = (
    "index", "state", "attempt", "config_version", "best", "agent", "host", "exit_code", "signal",
    "created_at", "started_at", "ended_at", "stopped_early", "early_stop", "suggestion",
    "lease_end", "step", "heard_at", "stop_requested", "attempt_started_at", "attempts",
    "name", "tags", "notes", "metrics",
)  # fmt: skip


def columns_of(runs: Sequence[Run]) -> dict[str, Any]:
    """The table of some runs, in the order of the runs."""
    fields = {name: [run.get(name) for run in runs] for name in FIELDS}
    groups = {group: _group([run.get(group) or {} for run in runs]) for group in GROUPS}
    return {
        "fields": with_texts(_without_empty(fields)),
        "config": tagged(groups["config"]),
        "summary": with_texts(groups["summary"]),
        "attributes": tagged(groups["attributes"]),
    }


def _group(maps: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    rows = [flattened(values) for values in maps]
    return {name: [row.get(name) for row in rows] for name in names_of(rows)}


def _without_empty(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The columns that have a value in some row."""
    return {name: values for name, values in columns.items() if any(v is not None for v in values)}
