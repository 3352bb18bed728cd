"""The store of local mode: opened on first use, and reporting a damaged file as such.

Requests that need no store, such as a dry run, succeed even if it cannot be opened. Only this
package writes to the SQLite file, so anything in it that cannot be decoded is damage.
"""

from __future__ import annotations

import struct
import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from sweep_service.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sweep_service.storage.store import Store

try:
    import sqlite3
except ImportError:  # this Python was built without SQLite: no store can be opened
    _OF_DATABASE: tuple[type[Exception], ...] = ()
    _OF_PROGRAMMING: tuple[type[Exception], ...] = ()
else:
    _OF_DATABASE = (sqlite3.DatabaseError,)
    _OF_PROGRAMMING = (sqlite3.ProgrammingError,)

#: Exceptions of decoding bytes other than those that were written.
_OF_DECODING = (ValueError, TypeError, KeyError, IndexError, struct.error)
_DAMAGE: tuple[type[Exception], ...] = (*_OF_DECODING, *_OF_DATABASE)


class DeferredStore:
    """A store that is opened on first use."""

    def __init__(self, path: Path, open_store: Callable[[], Store]) -> None:
        self._path = path
        self._open_store = open_store
        self._opened: Store | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        """A method of the store.

        Raises:
            ServiceError: The store cannot be opened. The next call tries again.
        """
        with self._damage_reported():
            method = getattr(self._store(), name)

        @wraps(method)
        def guarded(*words: Any, **named: Any) -> Any:
            with self._damage_reported():
                return method(*words, **named)

        return guarded

    def close(self) -> None:
        """Close the store, if it was opened."""
        if self._opened is not None:
            self._opened.close()

    @contextmanager
    def _damage_reported(self) -> Iterator[None]:
        """Raise ``StoreUnusable`` if the file holds something that cannot be decoded."""
        try:
            yield
        except _DAMAGE as error:
            if isinstance(error, _OF_PROGRAMMING):
                raise
            raise StoreUnusable(
                f"{self._path} is damaged ({type(error).__name__}: {error!s:.80}): restore a copy,"
                f" save what can be read with 'sqlite3 {self._path} .recover', or name another file"
                " in SWEEP_LOCAL_DB"
            ) from error

    def _store(self) -> Store:
        if self._opened is None:
            with self._lock:
                if self._opened is None:
                    self._opened = self._open_store()
        return self._opened
