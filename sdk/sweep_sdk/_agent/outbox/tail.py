"""The reading end of the metrics file: whole lines, as batches of numbered rows.

The file is the queue of the rows. Every reader that starts at its beginning numbers its rows alike,
and the backend takes each number once, so rows that a dead agent has sent may be sent again.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.outbox.logged import Logged
from sweep_sdk._exceptions import UsageError
from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.writer import INCOMPLETE
from sweep_sdk._world import disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from sweep_sdk._metrics.values import MetricValue

#: Bounds of a batch; the backend takes 10,000 rows, and requests of a few MB.
MAX_BATCH_ROWS = 10_000
MAX_BATCH_BYTES = 512_000
#: Size of one read, unless a line is longer.
_CHUNK_BYTES = 1_000_000
_MAX_NOTICES = 20
#: Bytes of a row besides its metrics.
_ROW_FRAME_BYTES = 100


class Unreadable(UsageError):
    """A metrics file cannot be read to its end at the moment."""


@dataclass(frozen=True)
class Batch:
    """Rows to be sent together.

    Attributes:
        offset: Number of the first row within the attempt.
        n_bytes: Approximate size of the rows.
    """

    offset: int
    rows: tuple[dict[str, Any], ...]
    n_bytes: int = 0

    def since(self, number: int) -> Batch:
        """The rows from row ``number`` on."""
        n_before = min(max(number - self.offset, 0), len(self.rows))
        return replace(self, offset=self.offset + n_before, rows=self.rows[n_before:])

    def has_room_for(self, more: Batch) -> bool:
        """Whether the rows of ``more`` follow these, and both fit into one batch."""
        return (
            more.offset == self.offset + len(self.rows)
            and len(self.rows) + len(more.rows) <= MAX_BATCH_ROWS
            and self.n_bytes + more.n_bytes <= MAX_BATCH_BYTES
        )

    def joined(self, more: Batch) -> Batch:
        """Both as one batch."""
        return Batch(self.offset, self.rows + more.rows, self.n_bytes + more.n_bytes)


class Source:
    """A growing file, which its reader keeps open from the beginning, whatever becomes of its path.

    A folder of runs may be removed while a program writes. An open file can still be read, and has
    all that the program writes to the file that it has open itself.
    """

    def __init__(self, path: disk.Path) -> None:
        """Open the file at ``path``, if it exists already."""
        self._path = path
        self._file: BinaryIO | None = None
        with contextlib.suppress(OSError):
            self.file()

    def file(self) -> BinaryIO | None:
        """The open file; None as long as it does not exist.

        Raises:
            OSError: It exists and cannot be opened.
        """
        if self._file is None:
            try:
                self._file = disk.open_to_read(self._path)
            except FileNotFoundError:
                return None
        return self._file

    def is_replaced(self) -> bool:
        """Whether another file than the open one is at the path now."""
        if self._file is None:
            return False
        try:
            there, held = self._path.stat(), disk.stat_descriptor(self._file.fileno())
        except OSError:  # no file is there: the open one is still the program's
            return False
        return (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino)

    def is_incomplete(self) -> bool:
        """Whether lines are missing: the program could not write them, or the file is gone."""
        if self._file is None:
            return True
        try:
            found = disk.stat_descriptor(self._file.fileno())
        except OSError:
            return False
        return bool(found.st_mode & INCOMPLETE)

    def close(self) -> None:
        """Close the file; the next use opens the file that is at the path then."""
        self._file = None


class Tail:
    """Reads rows from a growing metrics file.

    Attributes:
        position: Everything before this byte has been read.
        logged: What the program has logged up to there.
        left_out: Number of times that each message about something left out has applied; each is
            shown once.
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
            clock: Returns seconds since the epoch, for rows without a time.
            notice: Called once with a message about each kind of line that is skipped.
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
        """The next rows; None if there are none yet.

        Args:
            is_final: Whether nothing more will be written, so that a last line needs no line end.
            max_rows: Maximum number of rows.

        Raises:
            Unreadable: If ``is_final``, since the rest of the file would be lost otherwise.
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
            self._notice_once(trouble)
        self._n_rows += len(rows)
        return Batch(offset, tuple(rows), n_bytes) if rows else None

    def is_incomplete(self) -> bool:
        """Whether the program could not write all its lines; known once it has ended."""
        return self._source.is_incomplete()

    def close(self) -> None:
        """Close the file; it is opened again if necessary."""
        self._source.close()

    def _read_into(self, rows: list[dict[str, Any]], is_final: bool, max_rows: int) -> int:
        """Read up to a batch of rows from the open file; their approximate size in bytes.

        Raises:
            OSError: The file cannot be read any further; the rows read before it are in ``rows``.
        """
        file = self._source.file()
        if file is None:
            return 0
        if file.seek(0, 2) < self.position:
            self._notice_once("the metrics file was overwritten: programs must append to it")
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
        """Continue with the file that is at the path now."""
        if self.position:
            self._notice_once(
                "the metrics file was replaced by another one: programs must append to it"
            )
        self._source.close()
        self.position = 0

    def _whole_lines(self, file: BinaryIO, is_final: bool) -> Iterator[tuple[bytes, int]]:
        """The lines from ``position`` on, each with the position after it."""
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
        """Whether a line without a line end can be decoded.

        Otherwise it may be incomplete, and its writer may still be running: another reader must
        find all of it, or it would number the rows differently.
        """
        try:
            line_format.decode_line(line)
        except line_format.BadLine as error:
            self._notice_bad_line(line, error)
            return False
        return True

    def _take(self, line: bytes) -> dict[str, Any] | None:
        """The row in a line, as it is sent; other lines are added to what was logged."""
        if self._is_in_long_line:
            self._is_in_long_line = False
            self._notice_once(
                f"a line of over {line_format.MAX_LINE_BYTES:,} bytes in the metrics file is"
                " skipped"
            )
            return None
        try:
            found = line_format.decode_line(line)
        except line_format.BadLine as error:
            self._notice_bad_line(line, error)
            return None
        if isinstance(found, line_format.RowLine):
            return self._row(found)
        if isinstance(found, line_format.SummaryLine):
            for refusal in found.refusals:
                self._notice_once(refusal)
        if found is not None:
            self.logged.add_line(found)
        return None

    def _row(self, row: line_format.RowLine) -> dict[str, Any] | None:
        for refusal in row.refusals:
            self._notice_once(refusal)
        step = self._next_step if row.step is None else row.step
        self._next_step = step + 1
        at = self._clock() if row.at is None else row.at
        self.logged.add_metrics(row.metrics)
        metrics = self._fitting(row.metrics)
        return {"step": step, "at": at, "metrics": metrics} if metrics else None

    def _fitting(self, metrics: dict[str, MetricValue]) -> dict[str, MetricValue]:
        """The metrics of a row that fit into it, the sweep's metric first."""
        kept = fitting(metrics, self._metric, line_format.MAX_ROW_BYTES)
        if len(kept) < len(metrics):
            self._notice_once(
                f"a row is larger than {line_format.MAX_ROW_BYTES:,} bytes",
                f": {len(metrics) - len(kept):,} of its {len(metrics):,} values are left out",
            )
        return kept

    def _notice_bad_line(self, line: bytes, error: line_format.BadLine) -> None:
        text = line[:60].decode("utf-8", "backslashreplace")
        self._notice_once(f"a line in the metrics file is skipped: {error}", f": {text!r}")

    def _notice_once(self, message: str, detail: str = "") -> None:
        """Show a message the first time that it applies, and count how often it does."""
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
        metrics: The metrics of the row.
        first: Name of the metric that takes precedence over all others.
        max_bytes: Maximum size of the row as JSON.
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


#: Quotes a text for JSON.
_quoted = json.encoder.encode_basestring_ascii


def _length_of(value: MetricValue) -> int:
    """An upper bound of the length of a value in JSON: its ``repr``, except for ``Infinity``."""
    text = repr(value)
    return len(text) + 5 if text.endswith("inf") else len(text)


def _may_fit(metrics: dict[str, MetricValue], room: int) -> bool:
    is_small = 6 * sum(map(len, metrics)) + 40 * len(metrics) < room  # escapes may add that
    return is_small or len(json.dumps(metrics)) <= room


def _read_chunk(file: BinaryIO, position: int) -> bytes:
    """Bytes from ``position`` on: one chunk, or more if a line is longer than that."""
    size = _CHUNK_BYTES
    while True:
        file.seek(position)
        chunk = file.read(min(size, line_format.MAX_LINE_BYTES))
        if b"\n" in chunk or len(chunk) < size or size >= line_format.MAX_LINE_BYTES:
            return chunk
        size *= 2
