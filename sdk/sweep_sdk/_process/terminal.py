r"""Makes text of other people and programs safe for a terminal.

Control characters can rename the window, hide text or type into the shell. They are escaped here,
for example as ``\x1b``. Output to a file or a pipe is not changed.
"""

from __future__ import annotations

import re

#: Colours and cursor movements within the last lines, as used by progress bars, and the start of
#: one that is cut off at the end.
_HARMLESS = rb"\x1b\[[0-9;]{0,32}[A-DGKm]"
_UNFINISHED = re.compile(rb"(?:\x1b(?:\[[0-9;]{0,32})?|\xc2)\Z")
#: All other control characters except backspace, tab, line feed and carriage return.
_UNSAFE = re.compile(rb"(" + _HARMLESS + rb")|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
_UNSAFE_TEXT = re.compile(r"(\x1b\[[0-9;]{0,32}m)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Escape the control characters of a text, so that it cannot affect the terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def safe_text(text: str) -> str:
    """Escape the control characters in output of sweep-sdk itself, except colours."""
    return _UNSAFE_TEXT.sub(lambda found: found.group(1) or printable(found.group()), text)


class TerminalFilter:
    """Makes a stream of program output safe, however it is split into pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def safe(self, data: bytes) -> bytes:
        """Filter the next piece; an incomplete sequence at its end waits for the next one."""
        data = self._rest + data
        cut = _UNFINISHED.search(data)
        self._rest = cut.group() if cut else b""
        return safe_output(data[: len(data) - len(self._rest)])

    def end(self) -> bytes:
        """Return what is left at the end of the stream."""
        rest, self._rest = self._rest, b""
        return safe_output(rest)


def safe_output(data: bytes) -> bytes:
    """Escape the control characters of program output, except harmless ones such as colours."""
    return _UNSAFE.sub(lambda found: found.group(1) or _escaped(found.group()), data)


def _escaped(data: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in data)
