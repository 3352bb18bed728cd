"""The store of local mode: one SQLite file, shared by any number of processes."""

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
    """A ``Store`` in one SQLite file on a local disk.

    Threads and processes may share the file, also across a fork. Writes that have returned survive
    the death of any process; a power failure may lose the last moments, but cannot corrupt the
    file.

    Args:
        path: Path of the file. If missing, it is created with mode 0600, and its folder with 0700.
        busy_timeout_seconds: How long to wait for the file while other processes write to it.
        local_file_systems: Further file systems that are known to be local.

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
        """Close the file; the store cannot be used afterwards."""
        self._database.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
