"""The items for entries of runs; see ``items``.

Attribute names are billed with every item: those of observations, read by the thousand, are short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pynamodb.attributes import BooleanAttribute

from sweep_service.model.records.records import AttemptRecord, Observation
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.attributes import (
    MetricAttribute,
    Numbers,
    Packed,
    Revision,
    Seconds,
    StateOfRun,
    Text,
    Whole,
)
from sweep_service.storage.dynamodb.items import Item, Raw, key_of, record_of, value_of, values_of

if TYPE_CHECKING:
    from sweep_service.model.records.entries import BandValue, ErrorTail
    from sweep_service.model.records.records import RowBatch


class BandItem(Item):
    """A run's value at a band."""

    index = Whole()
    attempt = Whole()
    value = MetricAttribute()

    @classmethod
    def of(cls, sweep: str, index: int, entry: BandValue) -> BandItem:
        """The item of an entry."""
        key = keys.band(sweep, entry.band, index)
        return cls(*key, index=index, attempt=entry.attempt, value=entry.value)

    @classmethod
    def entry(cls, raw: Raw) -> tuple[int, float]:
        """Index and value of an item."""
        return value_of(cls.index, raw), value_of(cls.value, raw)


class RowsItem(Item):
    """A batch of logged rows as JSON text; ``expires_at`` is the table's time-to-live attribute."""

    attempt = Whole()
    offset = Whole()
    rows = Packed()
    n_rows = Whole(null=True)
    expires_at = Whole(null=True)

    @classmethod
    def of(
        cls, sweep: str, index: int, batch: RowBatch, text: str, expires_at: int | None
    ) -> RowsItem:
        """The item of a batch, whose rows are ``text``."""
        return cls(
            *keys.rows(sweep, index, batch.attempt, batch.offset),
            attempt=batch.attempt,
            offset=batch.offset,
            rows=text,
            n_rows=len(batch.rows),
            expires_at=expires_at,
        )

    @classmethod
    def batch(cls, raw: Raw) -> tuple[int, int, str]:
        """Attempt, offset and text of an item."""
        return value_of(cls.attempt, raw), value_of(cls.offset, raw), value_of(cls.rows, raw)


class TailItem(Item):
    """The error tail of an attempt: its last lines of standard error."""

    tail = Packed()

    @classmethod
    def of(cls, sweep: str, index: int, entry: ErrorTail) -> TailItem:
        """The item of an entry."""
        return cls(*keys.error_tail(sweep, index, entry.attempt), tail=entry.text)

    @classmethod
    def text(cls, raw: Raw) -> str:
        """The text of an item."""
        return str(value_of(cls.tail, raw))


class AttemptItem(Item):
    """The record of an attempt that was not the last one."""

    index = Whole()
    attempt = Whole()
    agent = Text()
    host = Text()
    state = StateOfRun()
    started_at = Seconds()
    ended_at = Seconds()
    exit_code = Whole(null=True)
    signal = Whole(null=True)
    key = Text(null=True)

    @classmethod
    def of(cls, sweep: str, record: AttemptRecord) -> AttemptItem:
        key = keys.attempt_record(sweep, record.index, record.attempt)
        return cls(*key, **values_of(record))

    @classmethod
    def record(cls, raw: Raw) -> AttemptRecord:
        return record_of(AttemptRecord, cls, raw)


class ObservationItem(Item):
    """An entry of the observation log: about 130 bytes.

    The key contains the index; ``numbers`` contains the time of writing, the value and the unit
    vector, 8 bytes per number.
    """

    config_version = Whole(attr_name="c")
    state = StateOfRun(attr_name="s")
    is_stopped_early = BooleanAttribute(attr_name="e")
    last = MetricAttribute(attr_name="l", null=True)
    revision = Revision(attr_name="r", null=True, default=0)
    numbers = Numbers(attr_name="n")

    @classmethod
    def of(cls, sweep: str, entry: Observation) -> ObservationItem:
        return cls(
            *keys.observation(sweep, entry.written_at, entry.index),
            config_version=entry.config_version,
            state=entry.state,
            is_stopped_early=entry.is_stopped_early,
            last=entry.last,
            revision=entry.revision,
            numbers=(entry.written_at, entry.value, *entry.unit),
        )

    @classmethod
    def record(cls, raw: Raw) -> Observation:
        written_at, value, *unit = value_of(cls.numbers, raw)
        return record_of(
            Observation,
            cls,
            raw,
            index=keys.index_of(key_of(raw)),
            written_at=written_at,
            value=value,
            unit=tuple(unit),
        )
