"""What programs write, on the agent's terminal: of one as it comes, of several line by line."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._agent.view.events import Output

_MAX_PARTIAL_BYTES = 1 << 16
#: A line without an end is shown when nothing was added to it for so long,
QUIET_SECONDS = 0.5
#: and again at most so often, since progress bars change many times a second.
PROGRESS_SECONDS = 5.0
#: Moves of the cursor, which several programs cannot make on one terminal; colours are kept.
_MOVES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-ln-~]|[\x08\x0b\x0c]")


class ProgramOutput:
    """Passes on what programs write.

    Of one program at a time every byte is passed on as it comes. With labels, every line that is
    written is whole and begins with the id of its run. Of a line that is overwritten in place (by
    carriage returns, as progress bars do) the state of the moment is shown now and then.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to this process's stdout and stderr; ``clock`` is in seconds."""
        self.is_labelled = False
        self._clock = clock
        self._lines: dict[tuple[str, bool], _Line] = {}
        self._is_mid_line = {False: False, True: False}

    def write(self, event: Output) -> None:
        """Pass on a piece of output."""
        if self.is_labelled:
            self._collect((event.run, event.is_stderr), event.data)
        else:
            self._emit(event.data, is_stderr=event.is_stderr)

    def show_unfinished(self) -> None:
        """Pass on the lines without an end to which nothing has been added for a while."""
        now = self._clock()
        for key, line in self._lines.items():
            if now - line.touched_at >= QUIET_SECONDS:
                self._show_state(key, line, line.state(), now)

    def finish(self, run: str) -> None:
        """Pass on the last lines, which had no end."""
        for key in ((run, False), (run, True)):
            line = self._lines.pop(key, None)
            if line is not None and line.state():
                self._emit_line(key, line.state())

    def end_lines(self) -> None:
        """Begin a new line where a program has left off within one."""
        for is_stderr, is_mid_line in self._is_mid_line.items():
            if is_mid_line:
                self._emit(b"\n", is_stderr=is_stderr)

    def _collect(self, key: tuple[str, bool], data: bytes) -> None:
        line = self._lines.setdefault(key, _Line())
        *ended, rest = (line.rest + data).split(b"\n")
        for text in ended:
            state = _last_state(text) or line.settled
            if state or not line.is_begun:  # the end of a line that has been shown adds nothing
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
        stream: BinaryIO = (sys.stderr if is_stderr else sys.stdout).buffer
        stream.write(data)
        stream.flush()
        self._is_mid_line[is_stderr] = not data.endswith(b"\n")


@dataclass
class _Line:
    """The line that a program is writing to one stream.

    Attributes:
        rest: What of it has not been shown.
        settled: The last state that a carriage return has completed, if it has not been shown.
        is_begun: Whether any of it has been shown.
        touched_at: When something was last added.
        shown_at: When such a line was last shown before its end; None if none was.
    """

    rest: bytes = b""
    settled: bytes = b""
    is_begun: bool = False
    touched_at: float = 0.0
    shown_at: float | None = None

    def state(self) -> bytes:
        """What a terminal would show of it."""
        return _last_state(self.rest) or self.settled


def _last_state(text: bytes) -> bytes:
    """What is left to see of a line in which carriage returns begin anew."""
    states = (state for state in reversed(text.split(b"\r")) if _MOVES.sub(b"", state).strip())
    return next(states, b"")
