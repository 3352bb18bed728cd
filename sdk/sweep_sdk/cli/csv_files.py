"""CSV output, the same for every command that offers it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Beginnings of texts that spreadsheet programs execute.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv_lines(
    stream: TextIO,
    names: Sequence[str],
    records: Iterable[Mapping[str, Any]],
    *,
    for_spreadsheet: bool = False,
) -> None:
    """Write a header line, then one line for each record; missing values stay empty.

    Lists and maps are written as JSON, and non-finite numbers as ``NaN``, ``Infinity`` and
    ``-Infinity``.

    Args:
        stream: Stream to write to.
        names: Names of the columns.
        records: Values by name.
        for_spreadsheet: Put an apostrophe before texts that a spreadsheet program would execute as
            formulas.
    """
    from sweep_service.model.records.numbers import with_texts

    writer = csv.writer(stream, lineterminator="\n")
    guard = _without_formula if for_spreadsheet else _unchanged
    writer.writerow([guard(name) for name in names])
    for record in records:
        writer.writerow([_cell(with_texts(guard(record.get(name)))) for name in names])
    stream.flush()


def _unchanged(value: Any) -> Any:
    return value


def _without_formula(value: Any) -> Any:
    """The value; a text that a spreadsheet program takes for a formula gets an apostrophe.

    References:
        OWASP, "CSV Injection".
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value
