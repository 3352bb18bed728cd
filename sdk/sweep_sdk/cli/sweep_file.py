"""Reads sweep files as text, which the backend parses."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from sweep_sdk._exceptions import UsageError

#: Far more than a backend accepts, and little enough to read from any file.
_MAX_BYTES = 1_000_000
_STDIN = "-"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_sweep_file(name: str) -> str:
    """The text of a sweep file; ``-`` means standard input.

    Raises:
        UsageError: The file does not exist, is too large, or is not text.
    """
    content = _read(name)
    if len(content) > _MAX_BYTES:
        raise UsageError(f"{name}: larger than {_MAX_BYTES:,} bytes; this is not a sweep file")
    encoding = next(
        (found for mark, found in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8"
    )
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{name}: line {line} is not valid UTF-8; save the file as UTF-8"
        ) from None


def _read(name: str) -> bytes:
    if name == _STDIN:
        return sys.stdin.buffer.read(_MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except IsADirectoryError:
        raise UsageError(f"{name} is a folder; give the path of the sweep file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UsageError(f"{name}: {str(reason).lower()}{_suggestion(name)}") from None


def _suggestion(name: str) -> str:
    """A suggestion of sweep files in the same folder with a similar name, or nothing."""
    from sweep_sdk.cli.group import did_you_mean

    path = Path(name)
    if not path.parent.is_dir():
        return ""
    beside = [str(found) for kind in ("*.yaml", "*.yml") for found in path.parent.glob(kind)]
    return did_you_mean(str(path), beside)
