r"""The process that finds metrics in the output of one training program.

Run by path, without site packages::

    python -I -S search_main.py METRICS_FILE '{"stdout": {"loss": "loss: ([0-9.]+)"}}'

The agent writes the output to standard input in pieces, each after a header of five bytes (see
``HEADER``). Each line that a pattern matches becomes a row of the metrics file, as if the program
had logged it. To standard output goes one JSON list per line: ``["notice", TEXT]`` for the agent's
watcher, and at the end ``["unmatched", [NAME, ...]]``.

It is a process of its own because a regular expression can take almost forever, and no other thread
of a Python process runs while it does. The time of a pattern on a line is bounded by a timer whose
signal interrupts the match, which needs no library.
"""

from __future__ import annotations

import json
import re
import signal
import struct
import sys
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))

from sweep_sdk._agent.printed.lines import LineSplitter
from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.values import as_non_finite
from sweep_sdk._metrics.writer import MetricsFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType
    from typing import Any, BinaryIO

    from sweep_sdk._metrics.values import MetricValue

#: Header of a piece: the stream, as a digit, and the number of bytes that follow.
HEADER = struct.Struct(">cI")
STREAMS = {b"1": "stdout", b"2": "stderr"}
STEP = "step"
#: Time that a pattern may take on a line. Like the following, it is processor time of this process,
#: so that a busy machine makes no pattern slow.
SECONDS_A_LINE = 0.25
#: A pattern that takes longer on a line is slow; usually it takes a microsecond or two.
SLOW_SECONDS = 0.001
#: A pattern is given up if its slow lines have taken this long and more than this share of the time
#: in which there was nothing to do: the program must not wait for it.
MOST_SLOW_SECONDS = 1.0
MOST_SHARE = 0.2
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eEdD][-+]?[0-9]+)?", re.ASCII)
_LONGEST_INTEGER = 18


class _Slow(Exception):
    """A line has taken too long."""


class TimeLimit:
    """Interrupts a match that takes too much processor time; for the main thread only."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_running = False
        signal.signal(signal.SIGVTALRM, self._ring)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the time of a block.

        Raises:
            _Slow: The time is up; raised in the middle of the block.
        """
        self._is_running = True
        signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)
        try:
            yield
        finally:
            self._is_running = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_running:
            self._is_running = False
            raise _Slow


@dataclass
class Idle:
    """How long this process has had nothing to do so far."""

    seconds: float = 0.0


class Search(NamedTuple):
    """The text that a pattern has found in a line, and the time that it took."""

    text: str | None
    seconds: float
    is_cut_short: bool


class Patterns:
    """The patterns of one stream.

    Attributes:
        matched: The names whose pattern has matched so far.
    """

    def __init__(
        self,
        patterns: Mapping[str, str],
        limit: TimeLimit,
        notice: Callable[[str], None],
        idle: Idle,
        most_slow_seconds: float = MOST_SLOW_SECONDS,
    ) -> None:
        self.matched: set[str] = set()
        self._patterns = {name: re.compile(pattern) for name, pattern in patterns.items()}
        self._limit = limit
        self._notice = notice
        self._most_slow_seconds = most_slow_seconds
        self._slow_seconds = dict.fromkeys(patterns, 0.0)
        self._idle = idle

    def find(self, line: str) -> dict[str, str]:
        """The last group of the last match of each pattern that matches the line, by name."""
        found: dict[str, str] = {}
        for name, pattern in list(self._patterns.items()):
            search = self._search(pattern, line)
            if search.seconds > SLOW_SECONDS:  # try again: the machine may have been the cause
                search = min(search, self._search(pattern, line), key=lambda one: one.seconds)
            if search.text is not None:
                found[name] = search.text
            if search.is_cut_short:
                self._notice(
                    f"the pattern of {name}, {pattern.pattern!r}, takes too long on a line, which"
                    " is left out; write it without nested repetitions"
                )
            if search.seconds > SLOW_SECONDS:
                self._count_slow(name, search.seconds)
        self.matched.update(found)
        return found

    def _search(self, pattern: re.Pattern[str], line: str) -> Search:
        before = time.process_time()
        try:
            with self._limit.running():
                text, is_cut_short = _last_group(pattern, line), False
        except _Slow:
            text, is_cut_short = None, True
        return Search(text, time.process_time() - before, is_cut_short)

    def _count_slow(self, name: str, seconds: float) -> None:
        """Give up the pattern if it costs too much."""
        self._slow_seconds[name] += seconds
        most = max(self._most_slow_seconds, MOST_SHARE * self._idle.seconds)
        if self._slow_seconds[name] > most:
            pattern = self._patterns.pop(name).pattern
            self._notice(
                f"the pattern of {name}, {pattern!r}, took {self._slow_seconds[name]:.1f} s in"
                " total and is not used any more in this run"
            )


def _last_group(pattern: re.Pattern[str], line: str) -> str | None:
    last = deque(pattern.finditer(line), maxlen=1)
    groups = last[0].groups() if last else ()
    return next((text for text in reversed(groups) if text is not None), None)


def number_of(text: str) -> MetricValue:
    """The number in a text, as it is logged; the text itself if it is not a number.

    The reader of the rows refuses such a text with its name, as in any other row.
    """
    text = text.strip().rstrip(".,;:")
    known = as_non_finite(text)
    if known is not None or not _NUMBER.fullmatch(text):
        return known or text
    if text.lstrip("+-").isdigit() and len(text) <= _LONGEST_INTEGER:
        return int(text)
    number = float(re.sub("[dD]", "e", text))  # Fortran writes 1.0D-3
    return as_non_finite(str(number)) or number


class Rows:
    """Writes the metrics of a line as a row."""

    def __init__(self, file: MetricsFile, notice: Callable[[str], None]) -> None:
        self._file = file
        self._notice = notice
        self._step: Any = None

    def write(self, found: Mapping[str, str]) -> None:
        """Write the metrics of a line; a step applies to the following rows too."""
        metrics = {name: number_of(text) for name, text in found.items()}
        if STEP in metrics:
            self._step = metrics.pop(STEP)
        if metrics:
            trouble = self._file.append(line_format.encode_row(self._step, time.time(), metrics))
            if trouble:
                self._notice(trouble)

    def close(self) -> None:
        """Close the file, with a notice if rows could not be written."""
        trouble = self._file.close()
        if trouble:
            self._notice(trouble)


class Finder:
    """Finds metrics in the pieces of all streams."""

    def __init__(
        self,
        patterns: Mapping[str, Mapping[str, str]],
        rows: Rows,
        limit: TimeLimit,
        notice: Callable[[str], None],
        idle: Idle,
    ) -> None:
        self._rows = rows
        self._splitters = {stream: LineSplitter() for stream in patterns}
        self._patterns = {
            stream: Patterns(named, limit, notice, idle) for stream, named in patterns.items()
        }
        self._names = {name for named in patterns.values() for name in named}

    def feed(self, stream: str, data: bytes) -> None:
        """Search a piece of a stream."""
        if stream in self._splitters:
            self._search(stream, self._splitters[stream].feed(data))

    def finish(self) -> list[str]:
        """Search last lines without a line end; returns the names that were never found."""
        for stream, splitter in self._splitters.items():
            self._search(stream, splitter.finish())
        self._rows.close()
        matched = {name for patterns in self._patterns.values() for name in patterns.matched}
        return sorted(self._names - matched)

    def _search(self, stream: str, lines: list[str]) -> None:
        for line in lines:
            self._rows.write(self._patterns[stream].find(line))


def main() -> None:
    """Find metrics until the pipe ends: the program has ended, or its agent is gone."""
    _ignore_signals()
    shown: set[str] = set()

    def notice(text: str) -> None:
        if text not in shown:
            shown.add(text)
            _send(["notice", text])

    rows = Rows(MetricsFile(sys.argv[1]), notice)
    limit, idle = TimeLimit(SECONDS_A_LINE), Idle()
    finder = Finder(json.loads(sys.argv[2]), rows, limit, notice, idle)
    for stream, data in _pieces(sys.stdin.buffer, idle):
        finder.feed(stream, data)
    _send(["unmatched", finder.finish()])


def _ignore_signals() -> None:
    """Ignore signals that a batch system sends to every process: the program may go on printing."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with suppress(OSError, ValueError):  # some cannot be ignored
            signal.signal(number, signal.SIG_IGN)


def _pieces(pipe: BinaryIO, idle: Idle) -> Iterator[tuple[str, bytes]]:
    while True:
        began_at = time.monotonic()
        header = pipe.read(HEADER.size)
        idle.seconds += time.monotonic() - began_at
        if len(header) < HEADER.size:
            return
        stream, size = HEADER.unpack(header)
        yield STREAMS[stream], pipe.read(size)


def _send(message: list[Any]) -> None:
    with suppress(OSError):  # the agent is gone, but the rows are written
        print(json.dumps(message), flush=True)  # noqa: T201  the agent reads it


if __name__ == "__main__":
    main()
