r"""The process that looks for metrics in what one training program prints.

Run by path, without site packages::

    python -I -S search_main.py METRICS_FILE '{"stdout": {"loss": "loss: ([0-9.]+)"}}'

Standard input brings what the program prints, from the agent: pieces, each after a header of five
bytes (see ``HEADER``). Each line in which a pattern matches becomes a row of the metrics file, as
if the program had logged it. Standard output brings the agent one JSON list a line: ``["notice",
TEXT]`` for its watcher, and in the end ``["unmatched", [NAME, ...]]``.

It is a process of its own because a regular expression can take longer than anybody can wait, and
no other thread of a Python process runs meanwhile. The time that a pattern may take for a line is
bounded by a timer, whose signal interrupts the match: no library is needed for it.
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

#: Of each piece: the stream, as a digit, and the number of bytes that follow.
HEADER = struct.Struct(">cI")
STREAMS = {b"1": "stdout", b"2": "stderr"}
STEP = "step"
#: The longest that a pattern may take for a line. Of this process's own time, as all that follow:
#: a busy machine makes no pattern slow.
SECONDS_A_LINE = 0.25
#: A line that takes a pattern longer than this is slow: usual ones take a microsecond or two.
SLOW_SECONDS = 0.001
#: A pattern that has taken so long for slow lines, and more than this share of the time for which
#: nothing was to be done, is given up: the program shall not wait for it.
MOST_SLOW_SECONDS = 1.0
MOST_SHARE = 0.2
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eEdD][-+]?[0-9]+)?", re.ASCII)
_LONGEST_INTEGER = 18


class _Slow(Exception):
    """A line has taken too long."""


class TimeLimit:
    """Interrupts what takes too much of this process's time; for its main thread alone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_running = False
        signal.signal(signal.SIGVTALRM, self._ring)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the time run.

        Raises:
            _Slow: It is over; from within whatever runs then.
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
    """For how long nothing was to be done so far."""

    seconds: float = 0.0


class Search(NamedTuple):
    """What a pattern has found in a line, and how long it took."""

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

    def look(self, line: str) -> dict[str, str]:
        """What the patterns find in a line: of the last match the last group, by name."""
        found: dict[str, str] = {}
        for name, pattern in list(self._patterns.items()):
            search = self._search(pattern, line)
            if search.seconds > SLOW_SECONDS:  # once more: the machine may have been at fault
                search = min(search, self._search(pattern, line), key=lambda one: one.seconds)
            if search.text is not None:
                found[name] = search.text
            if search.is_cut_short:
                self._notice(
                    f"the pattern of {name}, {pattern.pattern!r}, takes too long for a line, which"
                    " is left out; write it without repetitions within repetitions"
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
        """Give the pattern up if it costs too much."""
        self._slow_seconds[name] += seconds
        most = max(self._most_slow_seconds, MOST_SHARE * self._idle.seconds)
        if self._slow_seconds[name] > most:
            pattern = self._patterns.pop(name).pattern
            self._notice(
                f"the pattern of {name}, {pattern!r}, took {self._slow_seconds[name]:.1f} s in all"
                " and is not looked for any more in this run"
            )


def _last_group(pattern: re.Pattern[str], line: str) -> str | None:
    last = deque(pattern.finditer(line), maxlen=1)
    groups = last[0].groups() if last else ()
    return next((text for text in reversed(groups) if text is not None), None)


def number_of(text: str) -> MetricValue:
    """The number that a text spells, as it travels; the text itself if it spells none.

    Such a text is refused by name where the rows are read, as in any other row.
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
    """Writes what was found in a line as a row."""

    def __init__(self, file: MetricsFile, notice: Callable[[str], None]) -> None:
        self._file = file
        self._notice = notice
        self._step: Any = None

    def write(self, found: Mapping[str, str]) -> None:
        """Write the metrics of a line; a step alone counts for the rows from there on."""
        metrics = {name: number_of(text) for name, text in found.items()}
        if STEP in metrics:
            self._step = metrics.pop(STEP)
        if metrics:
            trouble = self._file.append(line_format.encode_row(self._step, time.time(), metrics))
            if trouble:
                self._notice(trouble)

    def close(self) -> None:
        """Tell what could not be written."""
        trouble = self._file.close()
        if trouble:
            self._notice(trouble)


class Listener:
    """Takes the pieces of all streams."""

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

    def hear(self, stream: str, data: bytes) -> None:
        """Take in a piece of a stream."""
        if stream in self._splitters:
            self._look(stream, self._splitters[stream].feed(data))

    def finish(self) -> list[str]:
        """Take in last lines without an end; the names of which nothing was found."""
        for stream, splitter in self._splitters.items():
            self._look(stream, splitter.finish())
        self._rows.close()
        matched = {name for patterns in self._patterns.values() for name in patterns.matched}
        return sorted(self._names - matched)

    def _look(self, stream: str, lines: list[str]) -> None:
        for line in lines:
            self._rows.write(self._patterns[stream].look(line))


def main() -> None:
    """Look for metrics until the pipe ends: the program has ended, or its agent is gone."""
    _ignore_signals()
    told: set[str] = set()

    def notice(text: str) -> None:
        if text not in told:
            told.add(text)
            _tell(["notice", text])

    rows = Rows(MetricsFile(sys.argv[1]), notice)
    limit, idle = TimeLimit(SECONDS_A_LINE), Idle()
    listener = Listener(json.loads(sys.argv[2]), rows, limit, notice, idle)
    for stream, data in _pieces(sys.stdin.buffer, idle):
        listener.hear(stream, data)
    _tell(["unmatched", listener.finish()])


def _ignore_signals() -> None:
    """Signals that a batch system sends to every process are for the program: it may print on."""
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


def _tell(message: list[Any]) -> None:
    with suppress(OSError):  # the agent is gone; the rows are not
        print(json.dumps(message), flush=True)  # noqa: T201  the agent reads it


if __name__ == "__main__":
    main()
