"""Runs as columns: for people the ones that differ, for programs all of them."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, TextIO

from sweep_sdk.cli.formats import NOTHING, duration_text, flattened, value_text
from sweep_sdk.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Run = dict[str, Any]
    Sweep = dict[str, Any]

_PLAIN_FIELDS = (
    "id",
    "index",
    "state",
    "attempt",
    "exit_code",
    "signal",
    "stopped_early",
    "best",
    "agent",
    "host",
    "created_at",
    "started_at",
    "ended_at",
)
_ABSENT = object()
_METRIC, _TIME, _VARYING, _SOMETIMES, _OTHER = 1, 2, 3, 4, 5


def run_columns(runs: Sequence[Run], sweep: Sweep, now: float) -> list[Column]:
    """The columns of a table of runs; parameters that are the same everywhere are no news."""
    return [
        Column("RUN", [run["id"] for run in runs]),
        Column("STATE", [_state_text(run) for run in runs]),
        *_metric_columns(runs, sweep),
        *_parameter_columns(runs),
        Column("TIME", [duration_text(_seconds(run, now)) for run in runs], _TIME, True),
        *_columns_that_vary(runs),
    ]


def _state_text(run: Run) -> str:
    return "finished early" if run["stopped_early"] else str(run["state"])


def _metric_columns(runs: Sequence[Run], sweep: Sweep) -> list[Column]:
    """The best value of the sweep's metric, then the other metrics' last values."""
    name = sweep["metric"]["name"] if sweep["metric"] else None
    columns = [] if name is None else [_value_column(name, _bests(runs), _METRIC)]
    for other in _names(run["summary"] for run in runs):
        if other not in (name, f"{name}.min", f"{name}.max"):
            values = [run["summary"].get(other, _ABSENT) for run in runs]
            columns.append(_value_column(other, values, _OTHER))
    return columns


def _bests(runs: Sequence[Run]) -> list[Any]:
    return [_ABSENT if run["best"] is None else run["best"] for run in runs]


def _parameter_columns(runs: Sequence[Run]) -> list[Column]:
    configs = [flattened(run["config"]) for run in runs]
    columns = []
    for name in _names(configs):
        values = [config.get(name, _ABSENT) for config in configs]
        if len(runs) == 1 or any(value != values[0] for value in values):
            columns.append(_value_column(name, values, _VARYING))
    return columns


def _columns_that_vary(runs: Sequence[Run]) -> list[Column]:
    columns = []
    for title, field in (("AGENT", "agent"), ("ATTEMPT", "attempt"), ("EXIT", "exit_code")):
        values = [_ABSENT if run[field] is None else run[field] for run in runs]
        if len(set(values)) > 1:
            columns.append(_value_column(title, values, _SOMETIMES))
    return columns


def _value_column(title: str, values: Sequence[Any], rank: int) -> Column:
    is_number = all(isinstance(value, (int, float)) or value is _ABSENT for value in values)
    cells = [NOTHING if value is _ABSENT else value_text(value) for value in values]
    return Column(title, cells, rank, is_number)


def _seconds(run: Run, now: float) -> float | None:
    """How long the newest attempt has taken."""
    if run["started_at"] is None:
        return None
    return float((now if run["ended_at"] is None else run["ended_at"]) - run["started_at"])


def _names(maps: Iterable[dict[str, Any]]) -> list[str]:
    """All keys, in the order in which they are first seen."""
    return list(dict.fromkeys(name for values in maps for name in values))


def write_csv(stream: TextIO, runs: Sequence[Run]) -> None:
    """A line for each run, with ``config.*``, ``summary.*`` and ``attributes.*``.

    Lists and maps are written as JSON.
    """
    rows = [_csv_row(run) for run in runs]
    names = [*_PLAIN_FIELDS, *_grouped(name for name in _names(rows) if name not in _PLAIN_FIELDS)]
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    stream.flush()


def _grouped(names: Iterable[str]) -> list[str]:
    """The names of the config, then of the summary, then of the attributes."""
    kinds = ("config", "summary", "attributes")
    return sorted(names, key=lambda name: kinds.index(name.partition(".")[0]))


def _csv_row(run: Run) -> dict[str, Any]:
    row = {name: run[name] for name in _PLAIN_FIELDS}
    for kind in ("config", "summary", "attributes"):
        row |= flattened(run.get(kind) or {}, f"{kind}.")
    return {name: _csv_cell(value) for name, value in row.items()}


def _csv_cell(value: Any) -> Any:
    """Numbers that JSON lacks look as in JSON, not as Python prints them."""
    from sweep_service.model.numbers import with_texts

    plain = with_texts(value)
    return json.dumps(plain) if isinstance(plain, (list, dict)) else plain
