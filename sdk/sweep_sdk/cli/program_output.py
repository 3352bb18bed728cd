"""Program output on the agent's terminal: unchanged for one program, by line for several."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._process.terminal import TerminalFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._agent.view.events import Output

_MAX_PARTIAL_BYTES = 1 << 16
#: An unfinished line is shown once nothing has been added to it for this long,
QUIET_SECONDS = 0.5
#: and at most once in this time, since progress bars change many times a second.
PROGRESS_SECONDS = 5.0
#: Cursor movements, which would interfere between programs; colours are kept.
_MOVES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-ln-~]|[\x08\x0b\x0c]")


class ProgramOutput:
    """Copies the output of programs to the terminal.

    Without labels (one program at a time), every byte is copied immediately; control characters
    that could do harm are escaped where it goes to a terminal. With labels, only
    whole lines are written, each prefixed with the id of its run. A line that is overwritten in
    place by carriage returns, such as a progress bar, is shown at intervals in its current state.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to stdout and stderr of this process; ``clock`` returns seconds."""
        self.is_labelled = False
        self._clock = clock
        self._lines: dict[tuple[str, bool], _Line] = {}
        self._is_mid_line = {False: False, True: False}
        self._filters = {False: TerminalFilter(), True: TerminalFilter()}

    def write(self, event: Output) -> None:
        """Write a piece of output."""
        if self.is_labelled:
            self._collect((event.run, event.is_stderr), event.data)
        else:
            self._emit(event.data, is_stderr=event.is_stderr)

    def show_unfinished(self) -> None:
        """Write the unfinished lines to which nothing has been added for a while."""
        now = self._clock()
        for key, line in self._lines.items():
            if now - line.touched_at >= QUIET_SECONDS:
                self._show_state(key, line, line.state(), now)

    def finish(self, run: str) -> None:
        """Write the unfinished last lines of a run that has ended."""
        for key in ((run, False), (run, True)):
            line = self._lines.pop(key, None)
            if line is not None and line.state():
                self._emit_line(key, line.state())

    def end_lines(self) -> None:
        """Start a new line on each stream that a program left within a line."""
        for is_stderr, is_mid_line in self._is_mid_line.items():
            rest = self._filters[is_stderr].end()
            if is_mid_line or rest:
                self._emit(rest + b"\n", is_stderr=is_stderr)

    def _collect(self, key: tuple[str, bool], data: bytes) -> None:
        line = self._lines.setdefault(key, _Line())
        *ended, rest = (line.rest + data).split(b"\n")
        for text in ended:
            state = _last_state(text) or line.settled
            if state or not line.is_begun:  # nothing new since the unfinished line was shown
                self._emit_line(key, state)
            line.is_begun, line.settled = False, b""
        line.rest = rest
        line.touched_at = now = self._clock()
        if len(rest) > _MAX_PARTIAL_BYTES:
            self._show(key, line, line.state(), now)
        elif b"\r" in rest:
            overwritten, _, line.rest = rest.rpartition(b"\r")
            line.rest = b"\r" + line.rest
            line.settled = _last_state(overwritten) or line.settled
            self._show_state(key, line, line.settled, now)

    def _show_state(self, key: tuple[str, bool], line: _Line, state: bytes, now: float) -> None:
        is_due = line.shown_at is None or now - line.shown_at >= PROGRESS_SECONDS
        if state and is_due:
            self._show(key, line, state, now)

    def _show(self, key: tuple[str, bool], line: _Line, state: bytes, now: float) -> None:
        self._emit_line(key, state)
        line.shown_at = now
        line.is_begun = True
        if state == line.settled:
            line.settled = b""
        else:
            line.rest, line.settled = b"", b""

    def _emit_line(self, key: tuple[str, bool], text: bytes) -> None:
        run, is_stderr = key
        text = _MOVES.sub(b"", text)
        end = b"\x1b[0m\n" if b"\x1b[" in text else b"\n"
        self._emit(b"%s | %s%s" % (run.encode(), text, end), is_stderr=is_stderr)

    def _emit(self, data: bytes, *, is_stderr: bool) -> None:
        stream = sys.stderr if is_stderr else sys.stdout
        if stream.isatty():
            data = self._filters[is_stderr].safe(data)
        stream.buffer.write(data)
        stream.buffer.flush()
        self._is_mid_line[is_stderr] = not data.endswith(b"\n")


@dataclass
class _Line:
    """The line that a program is writing to one stream.

    Attributes:
        rest: The part that has not been shown.
        settled: The last state completed by a carriage return, if it has not been shown.
        is_begun: Whether any part of it has been shown.
        touched_at: Time of the last addition, in seconds of the clock.
        shown_at: Time at which an unfinished line was last shown; None if never.
    """

    rest: bytes = b""
    settled: bytes = b""
    is_begun: bool = False
    touched_at: float = 0.0
    shown_at: float | None = None

    def state(self) -> bytes:
        """What a terminal would show of the line."""
        return _last_state(self.rest) or self.settled


def _last_state(text: bytes) -> bytes:
    """The visible text of a line, in which a carriage return starts over."""
    states = (state for state in reversed(text.split(b"\r")) if _MOVES.sub(b"", state).strip())
    return next(states, b"")
