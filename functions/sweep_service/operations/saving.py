"""Saving the result of a transition, with retries when a concurrent write was faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.errors import Busy, Stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.storage.store import R, Store

MAX_TRIES = 8


def update(store: Store, sweep: str, record: R | None, transition: Callable[[Any], R]) -> R:
    """Apply a transition to a record and save the result; on a conflict, to the newer record.

    Args:
        store: The store.
        sweep: The sweep's id.
        record: The record as it was read.
        transition: Maps the record (None once it has been deleted) to the one to save. If it
            returns the record unchanged, nothing is written. It may raise any backend error.

    Returns:
        The record as it is stored.

    Raises:
        Busy: Concurrent writes were faster ``MAX_TRIES`` times.
    """
    for _ in range(MAX_TRIES):
        wanted = transition(record)
        if record is not None and wanted == record:
            return record
        try:
            return store.save(sweep, record, wanted)
        except Stale as conflict:
            record = conflict.stored
    raise Busy(f"sweep {sweep} is being changed by others; try again")
