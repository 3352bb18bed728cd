"""Metrics that programs only print: a process for each run finds them with patterns."""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.options import check_patterns
from sweep_sdk._agent.printed.row_process import PATIENCE_SECONDS, POLL_SECONDS, RowProcess
from sweep_sdk._agent.printed.search_main import HEADER
from sweep_service.model.language.printed import STREAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    #: Patterns by stream and by name of the metric.
    Patterns = Mapping[str, Mapping[str, str]]

_MAIN = Path(__file__).with_name("search_main.py")


def patterns_of(config: Mapping[str, Any], more: Mapping[str, str]) -> Patterns:
    """The patterns that find metrics in the output.

    Args:
        config: The sweep's normalised config.
        more: The agent's own patterns for both streams, by the name of the metric; they take
            precedence over those of the sweep.

    Raises:
        UsageError: This Python rejects a pattern that the backend's Python accepted.
    """
    found: dict[str, dict[str, str]] = {
        stream: {name: pattern for name, pattern in named.items() if name not in more}
        for stream, named in (config.get("metrics_from") or {}).items()
        if stream in STREAMS
    }
    for stream in STREAMS if more else ():
        found[stream] = {**found.get(stream, {}), **more}
    for named in found.values():
        check_patterns(named)
    return {stream: named for stream, named in found.items() if named}


@contextmanager
def printed_metrics(
    patterns: Patterns,
    metrics_file: Path,
    notice: Callable[[str], None],
    held_descriptor: int | None,
    stopping: threading.Event | None = None,
) -> Iterator[PrintedMetrics | None]:
    """Find metrics while a program runs; None without patterns. See ``PrintedMetrics``.

    Raises:
        LaunchFailed: The process cannot be started.
    """
    if not patterns:
        yield None
        return
    printed = PrintedMetrics(patterns, metrics_file, notice, held_descriptor)
    try:
        yield printed
    finally:
        printed.close(stopping)


class PrintedMetrics(RowProcess):
    """Finds metrics in the output of one program, in a process of its own.

    Attributes:
        unmatched: The names whose pattern has matched nothing; known at the end.
    """

    WHAT = "printed metrics"

    def __init__(
        self,
        patterns: Patterns,
        metrics_file: Path,
        notice: Callable[[str], None],
        held_descriptor: int | None = None,
    ) -> None:
        """Start the process.

        Args:
            patterns: The patterns.
            metrics_file: The metrics file of the attempt; gets a row for each line with metrics.
            notice: Called with a message about each pattern that causes trouble.
            held_descriptor: A file that stays open until the last row is written; see
                ``start_child``.

        Raises:
            LaunchFailed: It cannot be started.
        """
        self.unmatched: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._is_closed = False
        super().__init__(_MAIN, metrics_file, patterns, notice, held_descriptor)
        os.set_blocking(self._pipe.fileno(), False)
        self._room = select.poll()
        self._room.register(self._pipe, select.POLLOUT)

    def feed(self, data: bytes, is_stderr: bool) -> None:
        """Pass on a piece of output; waits while the process makes progress."""
        with self._lock:
            if self._is_closed:
                return
            left = memoryview(HEADER.pack(b"2" if is_stderr else b"1", len(data)) + data)
            give_up_at = time.monotonic() + PATIENCE_SECONDS
            while left:
                n_written = self._write(left)
                if n_written:
                    left = left[n_written:]
                    give_up_at = time.monotonic() + PATIENCE_SECONDS
                elif n_written is None or time.monotonic() >= give_up_at:
                    self._give_up()
                    return

    def close(self, stopping: threading.Event | None = None) -> None:
        """Wait until all rows are written, for a bounded time; see ``RowProcess``."""
        with self._lock:
            self._is_closed = True
        super().close(stopping)

    def _write(self, data: memoryview) -> int | None:
        """The number of bytes written; None if the process has closed the pipe."""
        try:
            if not self._room.poll(POLL_SECONDS * 1000):
                return 0
            return os.write(self._pipe.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def _give_up(self) -> None:
        self._is_closed = True
        self._process.kill()
        self._notice("the process that finds printed metrics is gone; no more of them are recorded")

    def _take(self, kind: str, value: Any) -> None:
        if kind == "unmatched":
            self.unmatched = tuple(value)
