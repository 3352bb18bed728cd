"""The composition root: which store, which clock, which randomness. Once per process."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from sweep_service.operations.services import Services

if TYPE_CHECKING:
    from pathlib import Path

    from sweep_service.settings import StoreSettings

LOCAL_WAIT_SECONDS = 1.0


def local_services(path: Path) -> Services:
    """The backend over an SQLite file, for the user's own process.

    Raises:
        StoreUnavailable: The file cannot be used; the text says why and what to do.
    """
    from sweep_service.storage.sqlite.store import SqliteStore

    return Services(
        store=SqliteStore(path),
        clock=time.time,
        rng=random.SystemRandom(),
        wait_seconds=LOCAL_WAIT_SECONDS,
    )


def deployed_services(settings: StoreSettings) -> Services:
    """The backend over a DynamoDB table, for a function of the template."""
    from sweep_service.storage.dynamodb.store import DynamoStore

    store = DynamoStore(
        settings.table,
        endpoint=settings.endpoint,
        keep_rows_seconds=settings.keep_rows_seconds,
    )
    return Services(store=store, clock=time.time, rng=random.SystemRandom())
