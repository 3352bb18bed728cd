"""The access log of the local server, with one line per request."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Size at which a file is renamed, which replaces the previously renamed one.
MAX_BYTES = 20_000_000


@contextmanager
def access_log(path: Path) -> Iterator[Callable[[str], None]]:
    """Open a log file that only this user can read; yields a function that appends a line.

    Args:
        path: Path of the file, which is created in an existing folder if it does not exist.

    Raises:
        UsageError: The file cannot be opened.
    """
    try:
        file = _BoundedFile(path)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; choose another file with --access-log"
        ) from None
    with closing(file):
        yield file.write


class _BoundedFile:
    """A log file with one rotated predecessor; faster than the handlers of ``logging``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def write(self, line: str) -> None:
        """Append a line. Errors are ignored, so that a full disk does not affect requests."""
        data = f"{line}\n".encode()
        with suppress(OSError):
            if self._size + len(data) > MAX_BYTES:
                self._rotate()
            self._size += os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)

    def _rotate(self) -> None:
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        full = self._descriptor
        self._open()
        os.close(full)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size
