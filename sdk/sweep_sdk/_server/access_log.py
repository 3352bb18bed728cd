"""The file to which the local server writes a line for each request."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: When a file has this size, it is renamed, and replaces the one that was renamed before.
MAX_BYTES = 20_000_000


@contextmanager
def access_log(path: Path) -> Iterator[Callable[[str], None]]:
    """A function that appends a line to a file, which this user alone can read.

    Args:
        path: The file; created in an existing folder if it does not exist.

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
    """A file and the one before it; quicker than the handlers of ``logging``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def write(self, line: str) -> None:
        """Append a line, or lose it: a full disk is no reason to leave a request unanswered."""
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
