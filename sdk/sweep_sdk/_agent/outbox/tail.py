"""The reading end of the metrics file: whole lines, as batches of numbered rows.

The file is the spool. Whoever reads it from the beginning numbers its rows alike, and the backend
takes each number once: what an agent that died had sent may be sent again.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.outbox.logged import Logged
from sweep_sdk._agent.outbox.source import Source
from sweep_sdk._exceptions import UsageError
from sweep_sdk._metrics import line_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from sweep_sdk._metrics.values import MetricValue

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
        offset: Number of the first row within the attempt.
        n_bytes: About how large the rows are.
    """

    offset: int
    rows: tuple[dict[str, Any], ...]
    n_bytes: int = 0

    def since(self, number: int) -> Batch:
        """The rows that are not before row ``number``."""
        n_before = min(max(number - self.offset, 0), len(self.rows))
        return replace(self, offset=self.offset + n_before, rows=self.rows[n_before:])

    def has_room_for(self, more: Batch) -> bool:
        """Whether the rows of ``more`` follow these, and both make one batch."""
        return (
            more.offset == self.offset + len(self.rows)
            and len(self.rows) + len(more.rows) <= MAX_BATCH_ROWS
            and self.n_bytes + more.n_bytes <= MAX_BATCH_BYTES
        )

    def joined(self, more: Batch) -> Batch:
        """Both as one batch."""
        return Batch(self.offset, self.rows + more.rows, self.n_bytes + more.n_bytes)


class Tail:
    """Reads rows from a metrics file that grows.

    Attributes:
        position: Everything before this byte has been read.
        logged: What the program has said up to there.
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
        self.logged = Logged(metric)
        self._path = path
        self._source = Source(path)
        self._metric = metric
        self._clock = clock
        self._notice = notice
        self._n_rows = 0
        self._next_step = 0
        self._is_in_long_line = False
        self.left_out: Counter[str] = Counter()

    def read(self, *, is_final: bool = False, max_rows: int = MAX_BATCH_ROWS) -> Batch | None:
        """Read on: the next rows, None when there are none yet.

        Args:
            is_final: Nobody writes any more: a last line without line end counts.
            max_rows: Bound of the batch.

        Raises:
            Unreadable: If ``is_final``: to go on would lose what the file still holds.
        """
        offset = self._n_rows
        rows: list[dict[str, Any]] = []
        n_bytes = 0
        try:
            n_bytes = self._read_into(rows, is_final, max_rows)
            if not rows and self._source.is_replaced():
                n_bytes = self._read_into(rows, True, max_rows)
                if not rows:
                    self._turn_to_successor()
                    n_bytes = self._read_into(rows, is_final, max_rows)
        except OSError as error:
            trouble = f"cannot read {self._path}: {error.strerror}"
            if is_final and not rows:
                raise Unreadable(trouble) from None
            self._tell(trouble)
        self._n_rows += len(rows)
        return Batch(offset, tuple(rows), n_bytes) if rows else None

    def is_incomplete(self) -> bool:
        """Whether the program has not been able to write all its lines; known once it has ended."""
        return self._source.is_incomplete()

    def close(self) -> None:
        """Close the file; it is opened again where that is needed."""
        self._source.close()

    def _read_into(self, rows: list[dict[str, Any]], is_final: bool, max_rows: int) -> int:
        """Read rows from the open file, as many as make a batch; about how many bytes they are.

        Raises:
            OSError: It cannot be read on; what was read before counts.
        """
        file = self._source.file()
        if file is None:
            return 0
        if file.seek(0, 2) < self.position:
            self._tell("the metrics file was overwritten: programs must append to it")
            self.position = 0
        n_bytes = 0
        for line, next_position in self._whole_lines(file, is_final):
            if rows and n_bytes + len(line) > MAX_BATCH_BYTES:
                break
            self.position = next_position
            row = self._take(line)
            if row is not None:
                rows.append(row)
                n_bytes += min(len(line), line_format.MAX_ROW_BYTES)
            if len(rows) >= max_rows:
                break
        return n_bytes

    def _turn_to_successor(self) -> None:
        """Go on in the file that has the name now."""
        if self.position:
            self._tell("the metrics file was replaced by another one: programs must append to it")
        self._source.close()
        self.position = 0

    def _whole_lines(self, file: BinaryIO, is_final: bool) -> Iterator[tuple[bytes, int]]:
        """Lines from ``position`` on, each with the position after it."""
        position = self.position
        while True:
            chunk = _read_chunk(file, position)
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                position += len(line) + 1
                yield line, position
            if not lines and len(chunk) >= line_format.MAX_LINE_BYTES:
                position += len(chunk)
                self.position = position
                self._is_in_long_line = True
            elif not lines:
                break
        if rest and is_final and self._is_whole(rest):
            yield rest, position + len(rest)

    def _is_whole(self, line: bytes) -> bool:
        """Whether a line without an end means something.

        If not it may have been cut, or its writer may still live: whoever reads on must find all of
        it, or rows would be numbered differently.
        """
        try:
            line_format.decode_line(line)
        except line_format.BadLine as error:
            self._tell_bad(line, error)
            return False
        return True

    def _take(self, line: bytes) -> dict[str, Any] | None:
        """The row that a line holds, as it travels; other lines are heard."""
        if self._is_in_long_line:
            self._is_in_long_line = False
            self._tell(
                f"a line of over {line_format.MAX_LINE_BYTES:,} bytes in the metrics file is"
                " skipped"
            )
            return None
        try:
            found = line_format.decode_line(line)
        except line_format.BadLine as error:
            self._tell_bad(line, error)
            return None
        if isinstance(found, line_format.RowLine):
            return self._row(found)
        if found is not None:
            self._hear(found)
        return None

    def _row(self, row: line_format.RowLine) -> dict[str, Any] | None:
        for refusal in row.refusals:
            self._tell(refusal)
        step = self._next_step if row.step is None else row.step
        self._next_step = step + 1
        at = self._clock() if row.at is None else row.at
        self.logged.add_metrics(row.metrics)
        metrics = self._fitting(row.metrics)
        return {"step": step, "at": at, "metrics": metrics} if metrics else None

    def _fitting(self, metrics: dict[str, MetricValue]) -> dict[str, MetricValue]:
        """As many of a row's metrics as the backend keeps, the sweep's metric first."""
        kept = fitting(metrics, self._metric, line_format.MAX_ROW_BYTES)
        if len(kept) < len(metrics):
            self._tell(
                f"a row is wider than {line_format.MAX_ROW_BYTES:,} bytes",
                f": {len(metrics) - len(kept):,} of its {len(metrics):,} values are left out",
            )
        return kept

    def _hear(self, line: line_format.Line) -> None:
        if isinstance(line, line_format.SummaryLine):
            for refusal in line.refusals:
                self._tell(refusal)
        self.logged.add_line(line)

    def _tell_bad(self, line: bytes, error: line_format.BadLine) -> None:
        text = line[:60].decode("utf-8", "backslashreplace")
        self._tell(f"a line in the metrics file is skipped: {error}", f": {text!r}")

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
        room -= len(_quoted(name)) + _length_of(metrics[name]) + 4
        if room < 0:
            break
        kept.add(name)
    return {name: value for name, value in metrics.items() if name in kept}


#: A text as it is in JSON.
_quoted = json.encoder.encode_basestring_ascii


def _length_of(value: MetricValue) -> int:
    """At least the length of a value in JSON: that of its ``repr``, but for ``Infinity``."""
    text = repr(value)
    return len(text) + 5 if text.endswith("inf") else len(text)


def _may_fit(metrics: dict[str, MetricValue], room: int) -> bool:
    is_small = 6 * sum(map(len, metrics)) + 40 * len(metrics) < room  # what escapes may add
    return is_small or len(json.dumps(metrics)) <= room


def _read_chunk(file: BinaryIO, position: int) -> bytes:
    """Bytes from ``position`` on: a usual chunk, more where a line is longer than that."""
    size = _CHUNK_BYTES
    while True:
        file.seek(position)
        chunk = file.read(min(size, line_format.MAX_LINE_BYTES))
        if b"\n" in chunk or len(chunk) < size or size >= line_format.MAX_LINE_BYTES:
            return chunk
        size *= 2
