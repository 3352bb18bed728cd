"""The reading end of the metrics file: whole lines, as batches that can be sent once more.

The file is the spool. A batch is a span of its bytes, so what was in flight when an agent died is
found again from two numbers, and is sent again as the very same batch.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep_sdk import _lines
from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from sweep_sdk._metrics import MetricValue

#: Bounds of a batch; the backend takes 10,000 rows and requests of some MB.
MAX_BATCH_ROWS = 10_000
MAX_BATCH_BYTES = 512_000
#: Read at once; larger than any line that is kept.
_CHUNK_BYTES = 1_000_000
_MAX_NOTICES = 20


class Unreadable(UsageError):
    """A metrics file that cannot be read to its end, though it may be later."""


@dataclass
class Said:
    """What a program has said.

    Attributes:
        exit_code: From its finish; None when it said nothing.
        summary: The last value of every metric, and what it set itself.
        lowest: Least finite value of the sweep's metric; None before any.
        highest: Greatest finite value of the sweep's metric; None before any.
    """

    exit_code: int | None = None
    is_preempting: bool = False
    summary: dict[str, MetricValue] = field(default_factory=dict)
    lowest: float | None = None
    highest: float | None = None

    def hear(self, metrics: dict[str, MetricValue], metric: str | None) -> None:
        """Take in the metrics of a row."""
        self.summary.update(metrics)
        value = metrics.get(metric) if metric is not None else None
        if isinstance(value, (int, float)) and math.isfinite(value):
            self.lowest = value if self.lowest is None else min(self.lowest, value)
            self.highest = value if self.highest is None else max(self.highest, value)


@dataclass(frozen=True)
class Batch:
    """Rows to be sent together.

    Attributes:
        start: First byte of the span.
        end: First byte after it.
        offset: Number of the first row within the attempt.
    """

    start: int
    end: int
    offset: int
    rows: tuple[dict[str, Any], ...]


class Tail:
    """Reads rows from a metrics file that grows.

    Attributes:
        position: Everything before this byte has been read.
        said: What the program has said up to there.
    """

    def __init__(
        self,
        path: Path,
        metric: str | None,
        clock: Callable[[], float],
        notice: Callable[[str], None],
    ) -> None:
        """Begin at the first byte.

        Args:
            path: The file; it need not exist yet.
            metric: Name of the sweep's metric.
            clock: Seconds since the epoch, for rows that carry no time.
            notice: Told once about each kind of line that is skipped.
        """
        self.position = 0
        self.said = Said()
        self._path = path
        self._metric = metric
        self._clock = clock
        self._notice = notice
        self._n_rows = 0
        self._next_step = 0
        self._is_in_long_line = False
        self._told: set[str] = set()

    def read(
        self, *, end: int | None = None, is_final: bool = False, max_rows: int = MAX_BATCH_ROWS
    ) -> Batch | None:
        """Read on: the next rows, None when there are none yet.

        Args:
            end: Read no line beyond this byte.
            is_final: Nobody writes any more: a last line without line end counts.
            max_rows: Bound of the batch.

        Raises:
            Unreadable: If ``is_final``: to go on would lose what the file still holds.
        """
        start, offset = self.position, self._n_rows
        rows: list[dict[str, Any]] = []
        n_bytes = 0
        try:
            with self._path.open("rb") as file:
                self._check_size(file)
                for line, next_position in self._whole_lines(file, end, is_final):
                    if rows and n_bytes + len(line) > MAX_BATCH_BYTES:
                        break
                    self.position = next_position
                    row = self._take(line)
                    if row is not None:
                        rows.append(row)
                        n_bytes += len(json.dumps(row))
                    if len(rows) >= max_rows:
                        break
        except FileNotFoundError:
            pass
        except OSError as error:
            trouble = f"cannot read {self._path}: {error.strerror}"
            if is_final and not rows:
                raise Unreadable(trouble) from None
            self._tell(trouble)
        self._n_rows += len(rows)
        return Batch(start, self.position, offset, tuple(rows)) if rows else None

    def _whole_lines(
        self, file: BinaryIO, end: int | None, is_final: bool
    ) -> Iterator[tuple[bytes, int]]:
        """Lines from ``position`` on, each with the position after it."""
        position = self.position
        while True:
            file.seek(position)
            left = _CHUNK_BYTES if end is None else min(_CHUNK_BYTES, end - position)
            chunk = file.read(max(left, 0))
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                position += len(line) + 1
                yield line, position
            if not lines and len(chunk) == _CHUNK_BYTES:
                position += len(chunk)
                self.position = position
                self._is_in_long_line = True
            elif not lines or len(chunk) < left:
                break
        if rest and is_final:
            yield rest, position + len(rest)

    def _take(self, line: bytes) -> dict[str, Any] | None:
        """The row that a line holds, as it travels; other lines are heard."""
        if self._is_in_long_line:
            self._is_in_long_line = False
            self._tell(f"a line of over {_CHUNK_BYTES:,} bytes in the metrics file is skipped")
            return None
        try:
            found = _lines.decode_line(line)
        except _lines.BadLine as error:
            text = line[:60].decode("utf-8", "backslashreplace")
            self._tell(f"a line in the metrics file is skipped: {error}", f": {text!r}")
            return None
        if isinstance(found, _lines.Row):
            return self._row(found)
        if found is not None:
            self._hear(found)
        return None

    def _row(self, row: _lines.Row) -> dict[str, Any] | None:
        for refusal in row.refusals:
            self._tell(refusal)
        step = self._next_step if row.step is None else row.step
        self._next_step = step + 1
        at = self._clock() if row.at is None else row.at
        document = {"step": step, "at": at, "metrics": row.metrics}
        n_bytes = len(json.dumps(document))
        if n_bytes > _lines.MAX_ROW_BYTES:
            self._tell(f"a row of {n_bytes:,} bytes is left out: at most {_lines.MAX_ROW_BYTES:,}")
            return None
        self.said.hear(row.metrics, self._metric)
        return document if row.metrics else None

    def _hear(self, line: _lines.Summary | _lines.Finish | _lines.Preempting) -> None:
        if isinstance(line, _lines.Finish):
            self.said.exit_code = line.exit_code
        elif isinstance(line, _lines.Preempting):
            self.said.is_preempting = True
        else:
            for refusal in line.refusals:
                self._tell(refusal)
            self.said.hear(line.metrics, self._metric)

    def _check_size(self, file: BinaryIO) -> None:
        if file.seek(0, 2) < self.position:
            self._tell("the metrics file was overwritten: programs must append to it")
            self.position = 0

    def _tell(self, message: str, detail: str = "") -> None:
        if message not in self._told and len(self._told) < _MAX_NOTICES:
            self._told.add(message)
            self._notice(message + detail)
