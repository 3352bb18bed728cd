"""Saving the result of a transition, which is asked again when others were faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.errors import Busy, Stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.storage.store import R, Store

MAX_TRIES = 8


def update(store: Store, sweep: str, record: R | None, transition: Callable[[Any], R]) -> R:
    """Save what a transition makes of a record, as it was read or as it has become since.

    Args:
        store: Where it is stored.
        sweep: The id of the sweep.
        record: As it was read.
        transition: Takes the record, or None where it has been deleted. Where it returns what is
            stored already, nothing is written. It may raise any error of the backend.

    Returns:
        The record as it is stored.

    Raises:
        Busy: Others were faster ``MAX_TRIES`` times.
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
