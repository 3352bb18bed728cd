"""The reading end of the metrics file: whole lines, as batches that can be sent once more.

The file is the spool. A batch is a span of its bytes, so what was in flight when an agent died is
found again from two numbers, and is sent again as the very same batch.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk import _lines
from sweep_sdk._agent.said import Said
from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from sweep_sdk._metrics import MetricValue

#: Bounds of a batch; the backend takes 10,000 rows and requests of some MB.
MAX_BATCH_ROWS = 10_000
MAX_BATCH_BYTES = 512_000
#: Read at once, unless a line is longer.
_CHUNK_BYTES = 1_000_000
_MAX_NOTICES = 20
#: What a row has besides its metrics.
_ROW_FRAME_BYTES = 100


class Unreadable(UsageError):
    """A metrics file that cannot be read to its end, though it may be later."""


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
        left_out: How often each message about something left out was due; each is told once.
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
        self.said = Said(metric)
        self._path = path
        self._metric = metric
        self._clock = clock
        self._notice = notice
        self._n_rows = 0
        self._next_step = 0
        self._is_in_long_line = False
        self.left_out: Counter[str] = Counter()

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
            left = _lines.MAX_LINE_BYTES if end is None else end - position
            chunk = _read_chunk(file, position, max(left, 0))
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                position += len(line) + 1
                yield line, position
            if not lines and len(chunk) >= _lines.MAX_LINE_BYTES:
                position += len(chunk)
                self.position = position
                self._is_in_long_line = True
            elif not lines:
                break
        if rest and is_final:
            yield rest, position + len(rest)

    def _take(self, line: bytes) -> dict[str, Any] | None:
        """The row that a line holds, as it travels; other lines are heard."""
        if self._is_in_long_line:
            self._is_in_long_line = False
            self._tell(
                f"a line of over {_lines.MAX_LINE_BYTES:,} bytes in the metrics file is skipped"
            )
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
        self.said.hear(row.metrics)
        metrics = self._fitting(row.metrics)
        return {"step": step, "at": at, "metrics": metrics} if metrics else None

    def _fitting(self, metrics: dict[str, MetricValue]) -> dict[str, MetricValue]:
        """As many of a row's metrics as the backend keeps, the sweep's metric first."""
        kept = fitting(metrics, self._metric, _lines.MAX_ROW_BYTES)
        if len(kept) < len(metrics):
            self._tell(
                f"a row is wider than {_lines.MAX_ROW_BYTES:,} bytes:"
                f" {len(metrics) - len(kept):,} of its {len(metrics):,} values are left out"
            )
        return kept

    def _hear(self, line: _lines.Line) -> None:
        if isinstance(line, _lines.Summary):
            for refusal in line.refusals:
                self._tell(refusal)
        self.said.take(line)

    def _check_size(self, file: BinaryIO) -> None:
        if file.seek(0, 2) < self.position:
            self._tell("the metrics file was overwritten: programs must append to it")
            self.position = 0

    def _tell(self, message: str, detail: str = "") -> None:
        """Tell a message the first time that it is due, and count it."""
        if message in self.left_out:
            self.left_out[message] += 1
        elif len(self.left_out) < _MAX_NOTICES:
            self.left_out[message] = 1
            self._notice(message + detail)


def fitting(
    metrics: dict[str, MetricValue], first: str | None, max_bytes: int
) -> dict[str, MetricValue]:
    """The metrics that fit into a row, in their order.

    Args:
        metrics: Of the row.
        first: The name of the metric that is kept before all others.
        max_bytes: Of the row as JSON.
    """
    room = max_bytes - _ROW_FRAME_BYTES
    if _may_fit(metrics, room):
        return metrics
    names = [first] if first is not None and first in metrics else []
    names += [name for name in metrics if name != first]
    kept = set()
    for name in names:
        room -= len(json.dumps(name)) + len(json.dumps(metrics[name])) + 4
        if room < 0:
            break
        kept.add(name)
    return {name: value for name, value in metrics.items() if name in kept}


def _may_fit(metrics: dict[str, MetricValue], room: int) -> bool:
    is_small = 6 * sum(map(len, metrics)) + 40 * len(metrics) < room  # what escapes may add
    return is_small or len(json.dumps(metrics)) <= room


def _read_chunk(file: BinaryIO, position: int, most: int) -> bytes:
    """Bytes from ``position`` on: a usual chunk, more where a line is longer than that."""
    size = _CHUNK_BYTES
    while True:
        file.seek(position)
        chunk = file.read(min(size, most))
        if b"\n" in chunk or len(chunk) < size or size >= _lines.MAX_LINE_BYTES:
            return chunk
        size *= 2
