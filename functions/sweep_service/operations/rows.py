"""The rows of a run, read: each once and in order, however they were cut when they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sweep_service.model.records import RowBatch
    from sweep_service.operations.services import Services

_BATCHES_A_READ = 100


class Place(NamedTuple):
    """How far a history has been read.

    Attributes:
        attempt: Of the batch that was read last.
        offset: Of that batch.
        next_row: Number of the first row of this attempt that has not been read.
    """

    attempt: int
    offset: int
    next_row: int


def read_page(
    services: Services, sweep: str, index: int, after: Place | None
) -> tuple[list[RowBatch], Place | None]:
    """The batches that come next, and where they end; no batches and None at the end of all.

    Two who deliver the same rows at the same time may cut them into different batches, which
    overlap: each row is taken from the first batch that has it.
    """
    position = None if after is None else (after.attempt, after.offset)
    stored = services.store.list_rows(sweep, index, position, _BATCHES_A_READ)
    return _once(stored, after)


def read_all(services: Services, sweep: str, index: int) -> Iterator[RowBatch]:
    """All batches of all attempts, as ``read_page`` has them."""
    batches, place = read_page(services, sweep, index, None)
    while place is not None:
        yield from batches
        batches, place = read_page(services, sweep, index, place)


def _once(stored: Sequence[RowBatch], place: Place | None) -> tuple[list[RowBatch], Place | None]:
    """Batches without the rows that were read before, and the place after them."""
    if not stored:
        return [], None
    batches = []
    for batch in stored:
        is_same_attempt = place is not None and place.attempt == batch.attempt
        next_row = place.next_row if place is not None and is_same_attempt else 0
        batches.append(batch.since(next_row))
        place = Place(batch.attempt, batch.offset, max(next_row, batch.end))
    return batches, place
