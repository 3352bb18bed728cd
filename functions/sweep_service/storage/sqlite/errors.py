"""Translation of SQLite's errors into errors of the backend.

They are distinguished by their texts, which are fixed for each error code, because Python provides
the codes only from 3.11 on.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sweep_service.errors import (
    Busy,
    InvalidRequest,
    ServiceError,
    StoreUnavailable,
    StoreUnusable,
    SweepDeleted,
    TooLarge,
)
from sweep_service.storage.sqlite.schema import DELETED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DISK_RETRY_SECONDS = 30.0

_UNUSABLE = {
    "file is not a database": "is not an SQLite database; name another file in SWEEP_LOCAL_DB",
    "malformed": "is damaged; restore a copy, or name another file in SWEEP_LOCAL_DB",
    "readonly": "cannot be written: check the permissions of the file and its folder, or name"
    " another folder in SWEEP_HOME",
    "unable to open": "cannot be opened: check the permissions of the file and its folder, and"
    " how many files a process may open (ulimit -n), or name another folder in SWEEP_HOME",
}


def is_locked(error: sqlite3.Error) -> bool:
    """Whether the file was locked, so that the same statement may succeed later."""
    return any(text in str(error) for text in ("is locked", "locking protocol"))


@contextmanager
def translating(path: Path) -> Iterator[None]:
    """Translate SQLite's errors; unknown ones are passed on unchanged."""
    try:
        yield
    except sqlite3.Error as error:
        meaning = _meaning(error, path)
        if meaning is None:
            raise
        raise meaning from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise InvalidRequest(f"a value that cannot be stored: {error}") from error


def _meaning(error: sqlite3.Error, path: Path) -> ServiceError | None:
    text = str(error)
    if text == DELETED:
        return SweepDeleted(text)
    if is_locked(error):
        return Busy(
            f"{path} has been locked by another program for too long: end that program"
            f" ('fuser {path}' finds it)"
        )
    if "disk is full" in text or "disk I/O error" in text:
        return StoreUnavailable(
            f"{path}: {text}; free space or repair the disk", _DISK_RETRY_SECONDS
        )
    if "too big" in text:
        return TooLarge(f"more than SQLite keeps in one value: {text}")
    meanings = (meaning for fragment, meaning in _UNUSABLE.items() if fragment in text)
    return next((StoreUnusable(f"{path} {meaning}") for meaning in meanings), None)
