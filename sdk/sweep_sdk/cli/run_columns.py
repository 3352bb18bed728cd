"""Runs as a table of the columns that differ, or as CSV with all columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from sweep_sdk._results.names import shown_value
from sweep_sdk._results.records import (
    RUN_TIMES,
    flattened,
    iso_time,
    names_of,
    record_names,
    run_record,
    seconds_taken,
)
from sweep_sdk.cli.csv_files import write_csv_lines
from sweep_sdk.cli.formats import NOTHING, duration_text, value_text
from sweep_sdk.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sweep_sdk._results.names import Names

    Run = Mapping[str, Any]
    Sweep = Mapping[str, Any]

_ABSENT = object()
_METRIC, _TIME, _VARYING, _SOMETIMES, _OTHER = 1, 2, 3, 4, 5


def run_columns(runs: Sequence[Run], sweeps: Sequence[Sweep], now: float) -> list[Column]:
    """The columns of a table of runs, without parameters that are the same in all of them.

    Args:
        runs: The runs, in the order of the table.
        sweeps: The sweeps of the runs; if there are several, a column names the sweep.
        now: The current time, in seconds since the epoch.
    """
    states = ["finished early" if run["stopped_early"] else str(run["state"]) for run in runs]
    return [
        Column("RUN", [run["id"] for run in runs]),
        *_sweep_columns(runs, sweeps),
        Column("STATE", states),
        *_metric_columns(runs, sweeps),
        *_parameter_columns(runs),
        Column("TIME", [duration_text(seconds_taken(run, now)) for run in runs], _TIME, True),
        *_columns_that_vary(runs),
    ]


def _sweep_columns(runs: Sequence[Run], sweeps: Sequence[Sweep]) -> list[Column]:
    names = {sweep["id"]: sweep["name"] or sweep["id"] for sweep in sweeps}
    if len(names) == 1:
        return []
    return [Column("SWEEP", [names[run["sweep"]] for run in runs], _VARYING)]


def _metric_columns(runs: Sequence[Run], sweeps: Sequence[Sweep]) -> list[Column]:
    """The best values of the sweeps' metrics, followed by the last values of other metrics."""
    own = {sweep["id"]: sweep["metric"]["name"] for sweep in sweeps if sweep["metric"]}
    columns = []
    for name in dict.fromkeys(own.values()):
        values = [
            _or_absent(shown_value(run, name) if own.get(run["sweep"]) == name else None)
            for run in runs
        ]
        columns.append(value_column(name, values, _METRIC))
    logged = names_of(run["summary"] for run in runs)
    known = {*logged, *own.values()}
    for name in logged:
        if name not in own.values() and not _is_extreme(name, known):
            values = [run["summary"].get(name, _ABSENT) for run in runs]
            columns.append(value_column(name, values, _OTHER))
    return columns


def _is_extreme(name: str, known: set[str]) -> bool:
    """Whether ``name`` is the minimum or maximum of another metric."""
    base, _, which = name.rpartition(".")
    return which in ("min", "max") and base in known


def _parameter_columns(runs: Sequence[Run]) -> list[Column]:
    configs = [flattened(run["config"]) for run in runs]
    columns = []
    for name in names_of(configs):
        values = [config.get(name, _ABSENT) for config in configs]
        if len(runs) == 1 or any(value != values[0] for value in values):
            columns.append(value_column(name, values, _VARYING))
    return columns


def _columns_that_vary(runs: Sequence[Run]) -> list[Column]:
    columns = []
    for title, field in (("AGENT", "agent"), ("ATTEMPT", "attempt"), ("EXIT", "exit_code")):
        values = [_ABSENT if run[field] is None else run[field] for run in runs]
        if len(set(values)) > 1:
            columns.append(value_column(title, values, _SOMETIMES))
    return columns


def value_column(title: str, values: Sequence[Any], rank: int = 0) -> Column:
    """A column of config or metric values; numbers are right-aligned."""
    is_number = all(isinstance(value, (int, float)) or value is _ABSENT for value in values)
    cells = [NOTHING if value is _ABSENT else value_text(value) for value in values]
    return Column(title, cells, rank, is_number)


class ChosenColumns:
    """Columns chosen by the user, in the given order."""

    def __init__(self, names: Sequence[str], known: Names) -> None:
        """Look up the names.

        Raises:
            UsageError: A name is unknown.
        """
        self.names = tuple(names)
        self._getters: list[Callable[[Run], Any]] = [known.getter(name) for name in names]

    def record(self, run: Run) -> dict[str, Any]:
        """The values of a run by name; None where the run has no such value."""
        return {name: getter(run) for name, getter in zip(self.names, self._getters, strict=True)}

    def table(self, runs: Sequence[Run]) -> list[Column]:
        """The columns of a table of runs."""
        records = [_with_iso_times(self.record(run)) for run in runs]
        return [value_column(name, [_or_absent(r[name]) for r in records]) for name in self.names]


def _or_absent(value: Any) -> Any:
    return _ABSENT if value is None else value


def write_csv(
    stream: TextIO,
    runs: Sequence[Run],
    chosen: ChosenColumns | None = None,
    *,
    for_spreadsheet: bool = False,
) -> None:
    """Write one line for each run.

    Args:
        stream: Stream to write to.
        runs: The runs, in the order of the lines.
        chosen: Columns to write; by default all, including ``config.*``, ``summary.*`` and
            ``attributes.*``.
        for_spreadsheet: As for ``write_csv_lines``.
    """
    records = [run_record(run) if chosen is None else chosen.record(run) for run in runs]
    names = record_names(records) if chosen is None else chosen.names
    timed = map(_with_iso_times, records)
    write_csv_lines(stream, names, timed, for_spreadsheet=for_spreadsheet)


def _with_iso_times(record: Mapping[str, Any]) -> dict[str, Any]:
    times = {
        name: iso_time(record[name]) for name in record if name.removeprefix("run.") in RUN_TIMES
    }
    return {**record, **times}
