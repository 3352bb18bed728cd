"""One SQLite file, shared by many threads and processes.

Every write is a ``BEGIN IMMEDIATE`` transaction: it takes the write lock before it reads anything,
so no write fails because of a concurrent one. This module waits for the lock by itself, because
SQLite's busy handler sleeps for up to 100 ms, which leaves the file idle and starves single writers
for seconds. Queueing on a separate lock file would be fairer, but a suspended process that holds
the lock would block all others forever. Within a process, writers queue on a lock in memory.

Each transaction borrows a connection from a pool, so there are as many connections as threads in
the store at the same time, however many threads come and go.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_service.errors import Busy, ServiceError, StoreGone
from sweep_service.storage.sqlite.errors import is_locked, translating
from sweep_service.storage.sqlite.place import check_place
from sweep_service.storage.sqlite.schema import is_current, upgrade

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

BUSY_TIMEOUT_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.0003
_LONGEST_PAUSE_SECONDS = 0.01
_MAX_IDLE = 8
_WRITES_A_LOOK = 200
_MAX_LOG_BYTES = 16 * 2**20
_TRIM_MILLISECONDS = 200

#: Device and inode.
_FileId = tuple[int, int]

_databases: weakref.WeakSet[Database] = weakref.WeakSet()


class Database:
    """A pool of connections to one file that translates SQLite's errors into the backend's."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        busy_timeout_seconds: float,
        local_file_systems: Collection[str] = (),
    ) -> None:
        self.path = Path(path).absolute()
        self._busy_timeout_seconds = busy_timeout_seconds
        self._writing = threading.Lock()
        self._n_writes = 0
        self._idle: deque[sqlite3.Connection] = deque()
        self._open: set[sqlite3.Connection] = set()
        self._is_closed = False
        self._log = Path(f"{self.path}-wal")
        self._file: _FileId | None = None
        self._log_file: _FileId | None = None
        check_place(self.path, local_file_systems)
        _databases.add(self)
        with self._lent():
            pass  # report a file that cannot be used now rather than later

    def read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of one SELECT, which sees every write committed before."""
        with self._lent() as connection:
            return self._patiently(connection, sql, values).fetchall()

    def read_page(
        self, sql: str, values: Sequence[object], count: int, n_bytes: int
    ) -> list[tuple[Any, ...]]:
        """The first rows of a SELECT whose last column is the size and whose last ? is the limit.

        Returns at most ``count`` rows and ``n_bytes``, but at least one row of any size.
        """
        page: list[tuple[Any, ...]] = []
        with self._lent() as connection:
            rows = self._patiently(connection, sql, (*values, count))
            for row in rows:
                n_bytes -= row[-1]
                if page and n_bytes < 0:
                    break
                page.append(row[:-1])
            rows.close()  # ends the read, whose snapshot would block checkpoints
        return page

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction, which is rolled back if the block raises."""
        deadline = time.monotonic() + self._busy_timeout_seconds
        with self._turn(), self._lent() as connection:
            self._patiently(connection, "BEGIN IMMEDIATE", deadline=deadline)
            with connection:
                yield connection
            self._check_files()  # the write may have gone to a file that was removed
            self._n_writes += 1
            if self._n_writes % _WRITES_A_LOOK == 0:
                self._trim_log(connection)

    def close(self) -> None:
        """Close every connection; those in use are closed when they are returned."""
        self._is_closed = True
        while self._idle:
            self._drop(self._idle.pop())

    def abandon(self) -> None:
        """In a forked child, abandon the parent's connections and open new ones.

        SQLite forbids a child even to close them, and Python closes unreferenced connections, so
        each one gets a reference that is never released.
        """
        import ctypes  # imported here, because it takes milliseconds and few processes fork

        for connection in self._open:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        self._writing, self._idle, self._open = threading.Lock(), deque(), set()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        lock = self._writing
        if not lock.acquire(timeout=self._busy_timeout_seconds):
            raise Busy(f"too many threads are writing to {self.path}")
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        with translating(self.path):
            connection = self._take()
            try:
                self._check_files()
                yield connection
            except ServiceError:
                self._give_back(connection)
                raise
            except BaseException:
                self._drop(connection)
                raise
            self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        if self._is_closed:
            raise RuntimeError("the store has been closed")
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._is_closed or len(self._idle) >= _MAX_IDLE:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _drop(self, connection: sqlite3.Connection) -> None:
        self._open.discard(connection)
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self._file not in (None, _file_id(self.path, 1)):
            raise self.gone()  # without a new file, whose log would corrupt a file that is put back
        is_new = self._file is None and not self.path.exists()
        connection = sqlite3.connect(
            self.path, timeout=0, isolation_level=None, check_same_thread=False
        )
        self._open.add(connection)
        try:
            if is_new:
                self.path.chmod(0o600)  # before the first statement: side files inherit the mode
            self._patiently(connection, "PRAGMA journal_mode = WAL")
            self._patiently(connection, "PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA temp_store = MEMORY")  # containers may have no TMPDIR
            self._prepare(connection)
            self._note_files()
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _check_files(self) -> None:
        """Check that the path still refers to the open files.

        SQLite continues to write to files that have been removed, and such writes are lost.

        Raises:
            StoreGone: The database or its log was removed or replaced, or the file was emptied.
        """
        file, log = _file_id(self.path, 1), _file_id(self._log)
        if file == self._file and log == (self._log_file or log):
            self._log_file = log
            return
        raise self.gone()

    def gone(self) -> StoreGone:
        """The error for a file that is not the one this process has opened."""
        return StoreGone(
            f"{self.path} was removed or replaced while it was in use: put the right file back,"
            " with its -wal file if there is one, and start again what works with it"
        )

    def _note_files(self) -> None:
        """Remember which files are open; the log is new if no connection had it open."""
        self._file = self._file or _file_id(self.path, 1)
        if len(self._open) == 1:
            self._log_file = _file_id(self._log)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if not is_current(connection, self.path):
            self._patiently(connection, "BEGIN IMMEDIATE")
            with connection:
                upgrade(connection, self.path)

    def _trim_log(self, connection: sqlite3.Connection) -> None:
        """Truncate a log that has grown large.

        SQLite restarts the log when no reader uses it. With many busy agents that moment never
        comes by itself, and the log would keep growing. Waiting for it here is short, because
        readers that start in the meantime do not use the log.
        """
        if not self._log.exists() or self._log.stat().st_size < _MAX_LOG_BYTES:
            return
        connection.execute(f"PRAGMA busy_timeout = {_TRIM_MILLISECONDS}")
        with suppress(sqlite3.OperationalError):  # not urgent: the next write tries again
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA busy_timeout = 0")

    def _patiently(
        self,
        connection: sqlite3.Connection,
        sql: str,
        values: Sequence[object] = (),
        deadline: float | None = None,
    ) -> sqlite3.Cursor:
        """Execute a statement that takes a lock, with retries until the deadline."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return connection.execute(sql, values)
            except sqlite3.OperationalError as error:
                deadline = deadline or time.monotonic() + self._busy_timeout_seconds
                if not is_locked(error) or time.monotonic() >= deadline:
                    raise
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)


def _file_id(path: Path, least_bytes: int = 0) -> _FileId | None:
    """Device and inode of the file at a path; None if there is none or it is smaller."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size >= least_bytes else None


def _abandon_all() -> None:
    for database in list(_databases):
        database.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
