"""The items of the DynamoDB table as PynamoDB models, and the records that they stand for.

The models give items their schema, their stored form and the names that conditions use; they are
bound to no table, which a store is at run time. Attributes are named as the fields of records are.
Records are read off the wire by the models' schema without an instance of the model between: a
fifth of the time, and every ask reads all leases.

Names are billed with every item: those of observations, read by the thousand, are short.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pynamodb.attributes import Attribute, BooleanAttribute, UnicodeAttribute
from pynamodb.models import Model

from sweep_service.model.records.records import (
    AttemptRecord,
    Counter,
    Lease,
    LiveSummary,
    Observation,
    Run,
    RunHead,
    SweepHead,
    SweepMeta,
)
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.attributes import (
    Bases,
    Before,
    BigWhole,
    Ending,
    Json,
    Kind,
    Metric,
    Numbers,
    Packed,
    Reason,
    Revision,
    Seconds,
    StateOfRun,
    StateOfSweep,
    Text,
    Whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SCHEMA_VERSION = 1

#: An item as the wire has it: attribute name -> {type: value}.
Raw = dict[str, dict[str, Any]]

_T = TypeVar("_T")


class Item(Model):
    """What every item has."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class MetaItem(Item):
    """One immutable config version."""

    sweep = Text()
    version = Whole()
    project = Text()
    name = Text(null=True)
    document = Json()
    created_at = Seconds()
    create_key = Text()
    taken = Before(null=True)

    @classmethod
    def of(cls, meta: SweepMeta) -> MetaItem:
        """The item of a record."""
        return cls(*keys.meta(meta.sweep, meta.version), **_values(meta))

    @classmethod
    def record(cls, raw: Raw) -> SweepMeta:
        """The record of an item."""
        return _record(SweepMeta, cls, raw)


class ListingItem(Item):
    """A line in the listing of a project."""

    sweep = Text()
    project = Text()
    name = Text(null=True)
    created_at = Seconds()

    @classmethod
    def of(cls, meta: SweepMeta, project: str | None) -> ListingItem:
        """The line of a sweep in the listing of ``project``; None: of all sweeps."""
        head = SweepHead(meta.sweep, meta.project, meta.name, meta.created_at)
        return cls(*keys.listing(project, meta.created_at, meta.sweep), **_values(head))

    @classmethod
    def record(cls, raw: Raw) -> SweepHead:
        """The record of an item."""
        return _record(SweepHead, cls, raw)


class CounterItem(Item):
    """Gives out indices; ``version`` is the newest of ``bases``, for conditions."""

    state = StateOfSweep()
    next_index = Whole()
    limit = Whole(null=True)
    run_cap = Whole(null=True)
    version = Whole()
    bases = Bases()
    seed = BigWhole()
    change = Whole()
    schema_version = Whole(default_for_new=SCHEMA_VERSION)

    @classmethod
    def of(cls, sweep: str, counter: Counter) -> CounterItem:
        """The item of a record."""
        return cls(*keys.counter(sweep), version=counter.version, **_values(counter))

    @classmethod
    def record(cls, raw: Raw) -> Counter:
        """The record of an item."""
        return _record(Counter, cls, raw)


class PointItem(Item):
    """Which index has a point of a finite space; the key tells the point."""

    index = Whole()

    @classmethod
    def holder(cls, raw: Raw) -> int:
        """The index of an item."""
        return int(_value(cls.index, raw))

    @classmethod
    def entry(cls, raw: Raw) -> tuple[str, int]:
        """Name of the point and index of an item."""
        return key_of(raw).sk.rpartition("#")[2], cls.holder(raw)


class DeletionItem(Item):
    """That a sweep was deleted, in the place of its counter, until no request can be under way.

    ``indices`` are the runs that were out: requests of their agents may be.
    """

    indices = Json()
    is_deleted = BooleanAttribute(default_for_new=True)
    expires_at = Whole()

    @classmethod
    def of(cls, sweep: str, indices: Sequence[int], expires_at: int) -> DeletionItem:
        """The mark of a sweep."""
        found = {"runs": list(indices)}
        return cls(*keys.counter(sweep), indices=found, expires_at=expires_at)

    @classmethod
    def is_mark(cls, raw: Raw) -> bool:
        """Whether an item at a counter's key is the mark of a deletion."""
        return "is_deleted" in raw

    @classmethod
    def indices_in(cls, raw: Raw) -> tuple[int, ...]:
        """The runs that were out."""
        return tuple(_value(cls.get_attributes()["indices"], raw)["runs"])


class LeaseItem(Item):
    """Who is working on an index; the live summary is spread over ``offset`` to ``next_row``."""

    index = Whole()
    attempt = Whole()
    key = Text()
    agent = Text()
    host = Text()
    slot = Text()
    lease_end = Seconds()
    suspect_at = Seconds(null=True)
    released_attempt = Whole()
    losses = Whole()
    failures = Whole()
    is_stop_requested = BooleanAttribute(default=False)
    unit = Numbers(null=True)
    early_stop = Reason(null=True)
    offset = Whole(null=True)
    n_values = Whole(default=0)
    last = Metric(null=True)
    best = Metric(null=True)
    step = Whole(null=True)
    last_finite = Metric(null=True)
    next_row = Whole(null=True)
    is_preempting = BooleanAttribute(default=False)
    revision = Revision(null=True, default=0)
    amendment = Kind(null=True)

    @classmethod
    def of(cls, sweep: str, lease: Lease) -> LeaseItem:
        """The item of a record."""
        values = _values(lease)
        live = _values(values.pop("live"))
        return cls(*keys.lease(sweep, lease.index), **(values | live))

    @classmethod
    def record(cls, raw: Raw) -> Lease:
        """The record of an item."""
        return _record(Lease, cls, raw, live=_record(LiveSummary, cls, raw))


class RunItem(Item):
    """The authority on an index; ``state`` and ``best`` repeat the outcome's, for listings."""

    index = Whole()
    config = Json()
    config_version = Whole()
    attempt = Whole()
    key = Text()
    agent = Text()
    host = Text()
    created_at = Seconds()
    started_at = Seconds()
    suggestion = Json()
    outcome = Ending(null=True)
    revision = Revision(null=True, default=0)
    attributes = Json(null=True)
    state = StateOfRun(null=True)
    best = Metric(null=True)

    @classmethod
    def of(cls, sweep: str, run: Run) -> RunItem:
        """The item of a record."""
        state = run.outcome.state if run.outcome is not None else None
        best = run.outcome.best if run.outcome is not None else None
        values = _values(run) | {"attributes": run.attributes or None}
        return cls(*keys.run(sweep, run.index), state=state, best=best, **values)

    @classmethod
    def record(cls, raw: Raw) -> Run:
        """The record of an item."""
        return _record(Run, cls, raw, attributes=_value(cls.attributes, raw) or {})

    @classmethod
    def head(cls, raw: Raw) -> RunHead:
        """The head of an item, of which the rest may be missing."""
        return _record(RunHead, cls, raw)


class BandItem(Item):
    """A run's value at a band."""

    index = Whole()
    attempt = Whole()
    value = Metric()

    @classmethod
    def entry(cls, raw: Raw) -> tuple[int, float]:
        """Index and value of an item."""
        return _value(cls.index, raw), _value(cls.value, raw)


class RowsItem(Item):
    """A batch of logged rows, as JSON text; the table's time to live looks at ``expires_at``."""

    attempt = Whole()
    offset = Whole()
    rows = Packed()
    n_rows = Whole(null=True)
    expires_at = Whole(null=True)

    @classmethod
    def batch(cls, raw: Raw) -> tuple[int, int, str]:
        """Attempt, offset and text of an item."""
        return _value(cls.attempt, raw), _value(cls.offset, raw), _value(cls.rows, raw)


class TailItem(Item):
    """The last lines of stderr of an attempt."""

    tail = Packed()

    @classmethod
    def text(cls, raw: Raw) -> str:
        """The lines."""
        return str(_value(cls.tail, raw))


class AttemptItem(Item):
    """What became of an attempt that was not the last."""

    index = Whole()
    attempt = Whole()
    agent = Text()
    host = Text()
    state = StateOfRun()
    started_at = Seconds()
    ended_at = Seconds()
    exit_code = Whole(null=True)
    signal = Whole(null=True)

    @classmethod
    def of(cls, sweep: str, record: AttemptRecord) -> AttemptItem:
        """The item of a record."""
        key = keys.attempt_record(sweep, record.index, record.attempt)
        return cls(*key, **_values(record))

    @classmethod
    def record(cls, raw: Raw) -> AttemptRecord:
        """The record of an item."""
        return _record(AttemptRecord, cls, raw)


class ObservationItem(Item):
    """An entry of the observation log: about 130 bytes.

    The key tells the index; ``numbers`` holds the time of writing, the value and the unit vector,
    8 bytes each.
    """

    config_version = Whole(attr_name="c")
    state = StateOfRun(attr_name="s")
    is_stopped_early = BooleanAttribute(attr_name="e")
    last = Metric(attr_name="l", null=True)
    revision = Revision(attr_name="r", null=True, default=0)
    numbers = Numbers(attr_name="n")

    @classmethod
    def of(cls, sweep: str, entry: Observation) -> ObservationItem:
        """The item of a record."""
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
        """The record of an item."""
        written_at, value, *unit = _value(cls.numbers, raw)
        return _record(
            Observation,
            cls,
            raw,
            index=keys.index_of(key_of(raw)),
            written_at=written_at,
            value=value,
            unit=tuple(unit),
        )


def key_of(raw: Raw) -> keys.Key:
    """Where an item is."""
    return keys.Key(raw["pk"]["S"], raw["sk"]["S"])


def _values(record: Any) -> dict[str, Any]:
    """The fields of a record, by name."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _record(kind: Callable[..., _T], model: type[Item], raw: Raw, **given: object) -> _T:
    """A record of an item's attributes; those that are not there are the model's defaults."""
    for name, attribute in _schema(kind, model):
        if name not in given:
            given[name] = _value(attribute, raw)
    return kind(**given)


@cache
def _schema(kind: Any, model: type[Item]) -> tuple[tuple[str, Attribute[Any]], ...]:
    """The fields of a kind of record that are attributes of a model."""
    attributes = model.get_attributes()
    return tuple(
        (field.name, attributes[field.name]) for field in fields(kind) if field.name in attributes
    )


def _value(attribute: Attribute[_T], raw: Raw) -> Any:
    stored = raw.get(attribute.attr_name)
    if stored is None:
        return attribute.default
    return attribute.deserialize(stored[attribute.attr_type])
