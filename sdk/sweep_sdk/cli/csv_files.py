"""CSV output, the same for every command that offers it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def write_csv_lines(
    stream: TextIO, names: Sequence[str], records: Iterable[Mapping[str, Any]]
) -> None:
    """Write a header line, then one line for each record; missing values stay empty.

    Lists and maps are written as JSON, and non-finite numbers as ``NaN``, ``Infinity`` and
    ``-Infinity``.
    """
    from sweep_service.model.records.numbers import with_texts

    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    for record in map(with_texts, records):
        values = [record.get(name) for name in names]
        writer.writerow([json.dumps(v) if isinstance(v, (list, dict)) else v for v in values])
    stream.flush()
