"""Logged rows as a table, CSV or JSON."""

from __future__ import annotations

import json
import tempfile
from typing import IO, TYPE_CHECKING, Any, TextIO

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.records import iso_time
from sweep_sdk._results.rows import ROW_FIELDS, row_names
from sweep_sdk.cli.csv_files import write_csv_lines
from sweep_sdk.cli.formats import NOTHING, duration_text, value_text
from sweep_sdk.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Row = dict[str, Any]

#: Size up to which rows stay in memory while their names are collected; larger ones go to disk.
_IN_MEMORY_BYTES = 8_000_000
_METRIC, _OTHER = 1, 2


def row_columns(
    rows: Sequence[Row], began: Mapping[str, float], metric: str | None
) -> list[Column]:
    """The columns of a table of rows; run and attempt are shown only if they differ.

    Args:
        rows: Rows of one or more runs.
        began: The time at which each run began, in seconds since the epoch, by run id.
        metric: The sweep's metric, which is shown in a narrow terminal as well.
    """
    elapsed = [None if row["time"] is None else row["time"] - began[row["run"]] for row in rows]
    columns = [
        Column(title, [str(row[name]) for row in rows], 0, name != "run")
        for title, name in (("RUN", "run"), ("ATTEMPT", "attempt"))
        if len({row[name] for row in rows}) > 1
    ]
    columns.append(Column("STEP", [_text(row["step"]) for row in rows], 0, True))
    columns.append(Column("TIME", [duration_text(seconds) for seconds in elapsed], _METRIC, True))
    for name in row_names(rows)[len(ROW_FIELDS) :]:
        cells = [_text(row[name]) if name in row else NOTHING for row in rows]
        columns.append(Column(name, cells, _METRIC if name == metric else _OTHER, True))
    return columns


def _text(value: Any) -> str:
    return NOTHING if value is None else value_text(value)


def write_csv_rows(
    stream: TextIO,
    rows: Iterable[Row],
    metrics: Sequence[str],
    *,
    for_spreadsheet: bool = False,
) -> int:
    """Write rows as CSV, with times in ISO 8601.

    The header needs the names of all columns. If ``metrics`` does not give them, the rows are
    kept in a temporary file until all names are known.

    Returns:
        The number of rows.

    Raises:
        UsageError: There is no space for the temporary file.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, "w+", encoding="utf-8") as spool:
        names: Iterable[str] = (*ROW_FIELDS, *metrics)
        counted = _Counted(rows)
        found: Iterable[Row] = counted
        if not metrics:
            names = _spooled(spool, counted)
            found = map(json.loads, spool)
        with_times = ({**row, "time": iso_time(row["time"])} for row in found)
        write_csv_lines(stream, list(names), with_times, for_spreadsheet=for_spreadsheet)
        return counted.n_rows


def write_json_rows(stream: TextIO, rows: Iterable[Row], _: Sequence[str] = ()) -> int:
    """Write rows as a JSON list with one row on each line, as they are read.

    Returns:
        The number of rows.
    """
    from sweep_service.model.records.numbers import with_texts

    counted = _Counted(rows)
    separator = "[\n"
    for row in counted:
        stream.write(separator + json.dumps(with_texts(row), allow_nan=False))
        separator = ",\n"
    stream.write("\n]\n" if counted.n_rows else "[]\n")
    stream.flush()
    return counted.n_rows


class _Counted:
    """An iterable that counts the rows it yields."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.n_rows = 0
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.n_rows += 1
            yield row


def _spooled(spool: IO[str], rows: Iterable[Row]) -> list[str]:
    """Write the rows to ``spool`` and rewind it.

    Returns:
        The names that occur in the rows.

    Raises:
        UsageError: There is no space on the disk.
    """
    names = dict.fromkeys(ROW_FIELDS)
    for row in rows:
        names |= dict.fromkeys(row)
        try:
            spool.write(json.dumps(row) + "\n")
        except OSError as error:
            raise UsageError(
                f"no space for a temporary file ({error.strerror or error}): set TMPDIR to a folder"
                " with free space, or choose metrics with --metric"
            ) from None
    spool.seek(0)
    return list(names)
