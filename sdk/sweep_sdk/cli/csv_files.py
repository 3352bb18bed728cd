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
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(record.get(name)) for name in names] for record in records)
    stream.flush()


def _cell(value: Any) -> Any:
    from sweep_service.model.numbers import with_texts

    plain = with_texts(value)
    return json.dumps(plain) if isinstance(plain, (list, dict)) else plain
