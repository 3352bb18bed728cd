"""Reading the rows of a run: in order and each once, however they were batched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sweep_service.model.records.records import Row, RowBatch
    from sweep_service.operations.services import Services

_BATCHES_A_READ = 100


class RowPosition(NamedTuple):
    """A position in the history of a run, up to which it has been read.

    Attributes:
        attempt: Attempt of the batch that was read last.
        offset: Offset of that batch.
        next_row: Number of the first row of this attempt that has not been read.
    """

    attempt: int
    offset: int
    next_row: int


def read_page(
    services: Services, sweep: str, index: int, after: RowPosition | None
) -> tuple[list[RowBatch], RowPosition | None]:
    """The next batches and the position after them; no batches and None at the end.

    Concurrent senders of the same rows may split them into different, overlapping batches. Each row
    is taken from the first batch that contains it.
    """
    position = None if after is None else (after.attempt, after.offset)
    stored = services.store.list_rows(sweep, index, position, _BATCHES_A_READ)
    return _once(stored, after)


def read_all(services: Services, sweep: str, index: int) -> Iterator[RowBatch]:
    """All batches of all attempts, as ``read_page`` returns them."""
    batches, position = read_page(services, sweep, index, None)
    while position is not None:
        yield from batches
        batches, position = read_page(services, sweep, index, position)


def by_step(rows: Iterable[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    """Merge consecutive rows of one step, given as (attempt, row), into one row.

    Rows that have a metric in common are not merged, so that no logged value is left out.
    """
    held: tuple[int, Row] | None = None
    for attempt, row in rows:
        if held is not None and held[0] == attempt and _is_complement(held[1], row):
            held = attempt, replace(held[1], metrics={**held[1].metrics, **row.metrics})
            continue
        if held is not None:
            yield held
        held = attempt, row
    if held is not None:
        yield held


def _is_complement(held: Row, row: Row) -> bool:
    is_of_one_step = held.step is not None and held.step == row.step
    return is_of_one_step and held.metrics.keys().isdisjoint(row.metrics)


def _once(
    stored: Sequence[RowBatch], position: RowPosition | None
) -> tuple[list[RowBatch], RowPosition | None]:
    """Remove the rows that were read before from batches; also return the position after them."""
    if not stored:
        return [], None
    batches = []
    for batch in stored:
        is_same_attempt = position is not None and position.attempt == batch.attempt
        next_row = position.next_row if position is not None and is_same_attempt else 0
        batches.append(batch.since(next_row))
        position = RowPosition(batch.attempt, batch.offset, max(next_row, batch.end))
    return batches, position
