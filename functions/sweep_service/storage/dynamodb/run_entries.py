"""Entries of runs in DynamoDB: observations, band values, rows, attempt records, error tails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.records import (
    AttemptRecord,
    Observation,
    RowBatch,
)
from sweep_service.storage.codec import PAGE_BYTES, decode_rows, encode_rows
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.entries import (
    AttemptItem,
    BandItem,
    ObservationItem,
    RowsItem,
    TailItem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pynamodb.expressions.condition import Condition

    from sweep_service.model.records.entries import Entry
    from sweep_service.storage.dynamodb.items import Item
    from sweep_service.storage.dynamodb.table import Table

# Compressed, this is far below the limit of 400 KB per item.
_ROWS_BYTES = 300_000
# A partition takes 1,000 writes a second, and an ask that continues a deletion has to be quick.
_MOST_DELETED = 2_000
_DELETED_PAGE = 500


class RunEntries:
    """The methods of the store protocol for entries of runs."""

    _table: Table
    _clock: Callable[[], float]
    _keep_rows_seconds: float | None

    def append(self, sweep: str, index: int, entry: Entry) -> None:
        """Append as in ``Store``; a batch of rows that is too large for one item is split."""
        for item, is_not_later in self._items_of(sweep, index, entry):
            is_first = type(item).pk.does_not_exist()
            self._table.put(item, None if is_not_later is None else is_first | is_not_later)

    def _items_of(
        self, sweep: str, index: int, entry: Entry
    ) -> Iterator[tuple[Item, Condition | None]]:
        """The items to put, each with the condition that the stored entry is not later."""
        if isinstance(entry, Observation):
            is_first = ObservationItem.revision.does_not_exist()
            is_not_later = is_first | (ObservationItem.revision <= entry.revision)
            yield ObservationItem.of(sweep, entry), is_not_later if entry.revision else is_first
        elif isinstance(entry, BandValue):
            yield BandItem.of(sweep, index, entry), BandItem.attempt <= entry.attempt
        elif isinstance(entry, AttemptRecord):
            yield AttemptItem.of(sweep, entry), None
        elif isinstance(entry, ErrorTail):
            yield TailItem.of(sweep, index, entry), None
        else:
            for part, text in _parts(entry):
                item = RowsItem.of(sweep, index, part, text, self._rows_expire_at())
                n_rows = len(part.rows)
                yield item, RowsItem.n_rows.does_not_exist() | (RowsItem.n_rows <= n_rows)

    def list_observations(self, sweep: str, since: float) -> list[Observation]:
        # The only eventually consistent read, at half the price: it is the largest one, and callers
        # read the last minute of the log again each time.
        span = keys.observations(sweep, since)
        entries = self._table.items(span, is_consistent=False)
        return [ObservationItem.record(item) for item in entries]

    def drop_band(self, sweep: str, band: int, index: int, attempt: int) -> None:
        self._table.delete(keys.band(sweep, band, index), BandItem.attempt <= attempt)

    def list_band(self, sweep: str, band: int) -> dict[int, float]:
        return dict(BandItem.entry(item) for item in self._table.items(keys.bands(sweep, band)))

    def list_rows(
        self, sweep: str, index: int, after: tuple[int, int] | None, count: int
    ) -> list[RowBatch]:
        page = next(self._table.pages(keys.histories(sweep, index, after), limit=count))
        batches: list[RowBatch] = []
        n_bytes = 0
        for attempt, offset, text in map(RowsItem.batch, page):
            n_bytes += len(text)
            if batches and n_bytes > PAGE_BYTES:
                break
            batches.append(RowBatch(attempt, offset, decode_rows(text)))
        return batches

    def delete_run_data(self, sweep: str, index: int, attempt: int) -> bool:
        n_deleted = 0
        for span in keys.attempt_entries(sweep, index, attempt):
            for page in self._table.key_pages(span, _DELETED_PAGE):
                if n_deleted >= _MOST_DELETED:
                    return False
                n_deleted += self._table.delete_all(page)
        return True

    def list_attempt_records(self, sweep: str, index: int) -> list[AttemptRecord]:
        items = self._table.items(keys.attempt_records(sweep, index))
        return [AttemptItem.record(item) for item in items]

    def get_error_tail(self, sweep: str, index: int, attempt: int) -> str | None:
        item = self._table.get(keys.error_tail(sweep, index, attempt))
        return None if item is None else TailItem.text(item)

    def _rows_expire_at(self) -> int | None:
        if self._keep_rows_seconds is None:
            return None
        return int(self._clock() + self._keep_rows_seconds)


def _parts(batch: RowBatch) -> Iterator[tuple[RowBatch, str]]:
    """A batch with its rows as text, halved repeatedly until every part fits into an item."""
    text = encode_rows(batch.rows)
    n_rows = len(batch.rows)
    if len(text) <= _ROWS_BYTES or n_rows == 1:
        yield batch, text
        return
    half = n_rows // 2
    yield from _parts(RowBatch(batch.attempt, batch.offset, batch.rows[:half]))
    yield from _parts(RowBatch(batch.attempt, batch.offset + half, batch.rows[half:]))
