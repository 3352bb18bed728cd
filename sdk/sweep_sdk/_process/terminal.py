r"""What other people and programs wrote, made safe for a terminal.

A control character can rename the window, hide text or type into the shell; here each is written
out, such as ``\x1b``. What goes to a file or a pipe stays as it is.
"""

from __future__ import annotations

import re

#: Colours and movements within the newest lines, as progress bars need them, and the beginning of
#: one that is cut off at the end.
_HARMLESS = rb"\x1b\[[0-9;]{0,32}[A-DGKm]"
_UNFINISHED = re.compile(rb"(?:\x1b(?:\[[0-9;]{0,32})?|\xc2)\Z")
#: All other control characters but backspace, tab, line feed and carriage return.
_UNSAFE = re.compile(rb"(" + _HARMLESS + rb")|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
_UNSAFE_TEXT = re.compile(r"(\x1b\[[0-9;]{0,32}m)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text with control characters escaped, so that it cannot affect the terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def safe_text(text: str) -> str:
    """Lines of sweep-sdk itself, in which control characters are escaped, except colours."""
    return _UNSAFE_TEXT.sub(lambda found: found.group(1) or printable(found.group()), text)


class TerminalFilter:
    """Makes a stream of program output safe, which may be cut anywhere into pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def safe(self, data: bytes) -> bytes:
        """The next piece; the beginning of a sequence at its end waits for the next one."""
        data = self._rest + data
        cut = _UNFINISHED.search(data)
        self._rest = cut.group() if cut else b""
        return safe_output(data[: len(data) - len(self._rest)])

    def end(self) -> bytes:
        """What is left at the end of the stream."""
        rest, self._rest = self._rest, b""
        return safe_output(rest)


def safe_output(data: bytes) -> bytes:
    """Program output in which control characters are escaped, except colours and the like."""
    return _UNSAFE.sub(lambda found: found.group(1) or _escaped(found.group()), data)


def _escaped(data: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in data)
