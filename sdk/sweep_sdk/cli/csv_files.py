"""CSV for programs: one convention for every command that writes it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def write_csv_lines(
    stream: TextIO, names: Sequence[str], records: Iterable[Mapping[str, Any]]
) -> None:
    """A line of names, then one for each record; what a record lacks is left empty.

    Lists and maps are written as JSON, numbers that are not finite as ``NaN``, ``Infinity`` and
    ``-Infinity``.
    """
    from sweep_service.model.records.numbers import with_texts

    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for record in map(with_texts, records):
        writer.writerow([_cell(record.get(name)) for name in names])
    stream.flush()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value
