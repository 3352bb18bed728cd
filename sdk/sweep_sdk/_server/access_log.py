"""The file to which the local server writes a line for each request."""

from __future__ import annotations

import logging
import os
from contextlib import closing, contextmanager
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import TextIOWrapper
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
        handler = _PrivateHandler(path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; choose another file with --access-log"
        ) from None

    def log(line: str) -> None:
        handler.handle(logging.LogRecord("access", logging.INFO, "", 0, line, None, None))

    with closing(handler):
        yield log


class _PrivateHandler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Lose a line: a full disk is no reason to leave a request unanswered."""

    def _open(self) -> TextIOWrapper:
        def private(name: str, flags: int) -> int:
            return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)

        return open(self.baseFilename, "a", encoding=self.encoding, opener=private)
