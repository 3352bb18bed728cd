"""Cuts a program's output into lines of bounded length, for patterns that find metrics. Pure.

It imports little and only from the standard library, because a process of each run loads it.
"""

from __future__ import annotations

import re

#: Longer lines are split between two words, so that no number is cut in two.
MAX_LINE_BYTES = 8192
_ENDS = re.compile(rb"[\r\n]")
_BLANKS = re.compile(rb"[ \t\r\n]")
#: Colors and other terminal escapes, which may be in the middle of ``loss: 0.3``.
_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")


class LineSplitter:
    """Cuts the pieces of a stream into lines; a carriage return ends a line too."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_in_word = False

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        if self._is_in_word:
            blank = _BLANKS.search(data)
            if blank is None:
                return []
            data, self._is_in_word = data[blank.start() :], False
        *lines, rest = _ENDS.split(self._rest + data)
        found = [part for line in lines for part in _parts(line)]
        *parts, self._rest = _parts(rest)
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest, self._is_in_word = b"", True
        return [_text(line) for line in (*found, *parts) if 0 < len(line) <= MAX_LINE_BYTES]

    def finish(self) -> list[str]:
        """The last line, if it has no line end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _parts(line: bytes) -> list[bytes]:
    """The parts of a line, at least one. Only the last can be too long, if it is a single word.

    Such a word contains no number.
    """
    parts = []
    while len(line) > MAX_LINE_BYTES:
        cut = max(line.rfind(blank, 0, MAX_LINE_BYTES) for blank in (b" ", b"\t"))
        if cut < 0:
            after = _BLANKS.search(line)
            if after is None:
                break
            line = line[after.start() + 1 :]
            continue
        parts.append(line[:cut])
        line = line[cut + 1 :]
    return [*parts, line]


def _text(line: bytes) -> str:
    return _ESCAPES.sub(b"", line).decode("utf-8", "replace")
