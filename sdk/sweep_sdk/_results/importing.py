"""Converts the rows of a table to configurations and metric values for an import."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.spaces import space_of

if TYPE_CHECKING:
    from sweep_service.model.space.search_space import Parameter

MAX_RESULTS = 5_000
_MAX_FILE_BYTES = 20_000_000

_WORDS = {"True": True, "False": False, "None": None, "": None}
#: Advice about an unknown column ``{name}`` in a sweep with the metric ``{metric}``.
_ADVICE = "metrics={{{metric!r}: {name!r}}} makes it the metric, ignore=[{name!r}] passes it over"

#: A row of a table: the text in each column.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """The meaning of a table's columns.

    Attributes:
        metrics: Columns of metrics by name of the metric, for columns with another name.
        ignored: Columns that are not used.
        advice: Advice about an unknown column ``{name}``; ``{metric}`` is the sweep's metric.
    """

    metrics: Mapping[str, str]
    ignored: Sequence[str] = ()
    advice: str = _ADVICE


def read_table(source: str | os.PathLike[str] | Iterable[Row]) -> list[Row]:
    """The rows of a CSV file, or the given ones.

    Raises:
        UsageError: The file cannot be read, has no rows, or has too many.
    """
    rows = _read_file(Path(source)) if isinstance(source, (str, os.PathLike)) else list(source)
    if not rows:
        raise UsageError("there are no results to import")
    if len(rows) > MAX_RESULTS:
        raise UsageError(
            f"found {len(rows):,} results; at most {MAX_RESULTS:,} at once: import them in parts"
        )
    return rows


def results_of(rows: Sequence[Row], sweep: Mapping[str, Any], columns: Columns) -> list[Any]:
    """The rows as objects ``{"config": ..., "value": ...}``, as the backend takes them.

    Args:
        rows: Values by names of parameters (dotted if nested) and metrics.
        sweep: The sweep as the backend returns it.
        columns: The meaning of the columns.

    Raises:
        UsageError: A column is neither a parameter nor a metric, a column is missing, or a value
            of the metric is not a number.
    """
    parameters = parameters_of(sweep)
    rows = [flat(row, parameters) for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    metric = sweep["metric"]["name"] if sweep["metric"] else None
    column = columns.metrics.get(metric, metric) if metric is not None else None
    _check_columns(names, parameters, column, metric, columns)
    return [
        {
            "config": config_of(row, parameters),
            "value": _value(number, column, row.get(column)) if column in names else None,
        }
        for number, row in enumerate(rows, start=1)
    ]


def parameters_of(sweep: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of a sweep by name."""
    return {p.name: p for p in space_of(sweep).leaves}


def _read_file(path: Path) -> list[Row]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise UsageError(f"{path} has more than {_MAX_FILE_BYTES:,} bytes")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows: list[Row] = []
            for row in reader:
                if None in row or None in row.values():
                    raise UsageError(
                        f"{path}, line {reader.line_num}: it has not as many cells as the first"
                    )
                rows.append({name: text for name, text in row.items() if text != ""})
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no CSV file in UTF-8: {error}") from None
    return rows


def flat(row: Row, parameters: Mapping[str, Parameter], prefix: str = "") -> dict[str, Any]:
    """The row with nested maps flattened to dotted names, except for values that are maps."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and name not in parameters:
            found |= flat(value, parameters, f"{name}.")
        else:
            found[name] = value
    return found


def _check_columns(
    names: Sequence[str],
    parameters: Mapping[str, Parameter],
    column: str | None,
    metric: str | None,
    columns: Columns,
) -> None:
    for name in columns.metrics:
        if name != metric:
            has = f"its metric is {metric}" if metric is not None else "it has no metric"
            raise UsageError(f"metric '{name}': the sweep does not go by it; {has}")
    for name in (*columns.metrics.values(), *columns.ignored):
        if name not in names:
            raise UsageError(f"there is no column '{name}'; columns: {', '.join(names)}")
    known = {*parameters, column, *columns.ignored}
    unknown = [name for name in names if name not in known]
    if unknown:
        wanted = f"parameters: {', '.join(parameters)}"
        wanted += f"; metric: {metric}" if metric is not None else ""
        more = f", as {', '.join(unknown[1:])}" if unknown[1:] else ""
        advice = columns.advice.format(name=unknown[0], metric=metric or "loss")
        raise UsageError(
            f"column '{unknown[0]}' is neither a parameter nor the sweep's metric{more}: {advice}"
            f" ({wanted})"
        )
    missing = [
        name
        for name, parameter in parameters.items()
        if name not in names and parameter.distribution.n_values != 1 and not parameter.when
    ]
    if missing:
        raise UsageError(f"there is no column for the parameter '{missing[0]}'")


def config_of(row: Row, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values of the parameters that a row has, as the sweep would hand them out."""
    config: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name in row:
            node = config
            for part in parameter.path[:-1]:
                node = node.setdefault(part, {})
            node[parameter.path[-1]] = _understood(row[name], parameter)
    return config


def _understood(cell: Any, parameter: Parameter) -> Any:
    """The value of a cell in a file: a number, boolean, null or JSON; otherwise its text."""
    if not isinstance(cell, str) or parameter.distribution.contains(cell):
        return cell
    candidates: list[Any] = []
    with suppress(ValueError):
        candidates.append(json.loads(cell))
    with suppress(ValueError):
        candidates.append(float(cell))
    if cell in _WORDS:
        candidates.append(_WORDS[cell])
    fitting = (value for value in candidates if parameter.distribution.contains(value))
    return next(fitting, candidates[0] if candidates else cell)


def _value(number: int, column: str | None, cell: Any) -> float | None:
    if cell is None:
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise UsageError(
            f"row {number}, column '{column}': found {cell!r}; a metric is one number"
        ) from None


def outcome_text(imported: Mapping[str, Any]) -> str:
    """A one-line message about the outcome of an import."""
    parts = []
    if imported["observed"]:
        parts.append(f"{_count(imported['observed'], 'result')} for bayes to go by")
    if imported["done"]:
        parts.append(f"{_count(imported['done'], 'point')} done")
    if imported["known"]:
        parts.append(f"{_count(imported['known'], 'result')} known before")
    if imported["left_out"]:
        parts.append(f"{_count(imported['n_left_out'], 'result')} left out")
    return ", ".join(parts) or "nothing new"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
