"""The store of local mode: sweeps in one SQLite file that any number of processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.storage.sqlite.database import BUSY_TIMEOUT_SECONDS, Database
from sweep_service.storage.sqlite.points import PointTable
from sweep_service.storage.sqlite.records import RecordTables
from sweep_service.storage.sqlite.run_entries import RunEntries
from sweep_service.storage.sqlite.sweeps import SweepTables

if TYPE_CHECKING:
    import os
    from collections.abc import Collection


class SqliteStore(RecordTables, SweepTables, PointTable, RunEntries):
    """A ``Store`` over one SQLite file on a local disk.

    Threads and processes share the file freely, also across a fork. What a method has written
    when it returns survives the death of any process; a loss of power may take the last moments,
    never the file's integrity.

    Args:
        path: The file; it is made with mode 0600, its folder with mode 0700, where missing.
        busy_timeout_seconds: How long to wait for the file while others write to it.
        local_file_systems: File systems that are local besides those that are known to be.

    Raises:
        StoreUnusable: The path cannot hold the database; the message says why and what to do.
        Busy: Another program has locked the file for longer than the timeout.
        StoreUnavailable: The disk is full or fails.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
        local_file_systems: Collection[str] = (),
    ) -> None:
        self._database = Database(path, busy_timeout_seconds, local_file_systems)
        self._changes = {}

    def close(self) -> None:
        """Let go of the file; a closed store does nothing more."""
        self._database.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
