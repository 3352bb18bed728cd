"""The composition root: chooses store, clock and source of randomness, once per process."""

from __future__ import annotations

import random
import time
from importlib import import_module
from typing import TYPE_CHECKING, cast

from sweep_service.errors import StoreUnusable
from sweep_service.operations.services import Services

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sweep_service.settings import StoreSettings
    from sweep_service.storage.sqlite.store import SqliteStore
    from sweep_service.storage.store import Store

LOCAL_WAIT_SECONDS = 1.0


def local_file_system(path: Path, local_file_systems: Collection[str] = ()) -> str | None:
    """The file system on which the database is or would be; None if it cannot be determined.

    Raises:
        StoreUnusable: The file system is not known to be local, or this Python lacks SQLite.
    """
    _require_sqlite()
    from sweep_service.storage.sqlite.place import check_file_system, known_mounts

    return check_file_system(path, known_mounts(), local_file_systems)


def local_services(path: Path, local_file_systems: Collection[str] = ()) -> Services:
    """Services over an SQLite file, for local mode.

    The first request that needs the file opens it, and creates it if it does not exist.

    Args:
        path: Path of the file.
        local_file_systems: Further file systems that are known to be local.
    """
    from sweep_service.storage.deferred import DeferredStore

    def open_store() -> SqliteStore:
        _require_sqlite()
        from sweep_service.storage.sqlite.store import SqliteStore

        return SqliteStore(path, local_file_systems=local_file_systems)

    return Services(
        store=cast("Store", DeferredStore(path, open_store)),
        clock=time.time,
        rng=random.SystemRandom(),
        wait_seconds=LOCAL_WAIT_SECONDS,
    )


def _require_sqlite() -> None:
    """Check that this Python has SQLite, which some builds lack.

    Raises:
        StoreUnusable: It does not.
    """
    try:
        import_module("sqlite3")
    except ImportError as error:
        raise StoreUnusable(
            f"this Python was built without SQLite ({error}), in which sweeps are kept on this"
            " machine: use another Python, or set SWEEP_URL to a backend elsewhere"
        ) from error


def deployed_services(settings: StoreSettings) -> Services:
    """Services over a DynamoDB table, for the functions of the template."""
    from sweep_service.storage.dynamodb.store import DynamoStore

    store = DynamoStore(
        settings.table,
        endpoint=settings.endpoint,
        keep_rows_seconds=settings.keep_rows_seconds,
    )
    return Services(store=store, clock=time.time, rng=random.SystemRandom())
