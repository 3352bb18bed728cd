"""The items of the DynamoDB table as PynamoDB models, and the records that they represent.

The models define the schema of items, their stored form and the names that conditions use. They are
not bound to a table; the store chooses it at run time. Attributes are named like the record fields.
Records are decoded from raw items by the models' schema, without creating model instances. This
takes a fifth of the time, which matters because every ask reads all leases.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pynamodb.attributes import Attribute, BooleanAttribute, UnicodeAttribute
from pynamodb.models import Model

from sweep_service.model.records.records import (
    ConfigVersion,
    Lease,
    LiveSummary,
    Run,
    RunHead,
    SweepStatus,
)
from sweep_service.model.records.shown import NO_LABELS, SweepHead, SweepInfo
from sweep_service.storage.codec import (
    decode_attempts,
    decode_event,
    decode_token,
    encode_attempts,
    encode_event,
    encode_token,
)
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.attributes import (
    Bases,
    Before,
    BigWhole,
    FinalAttribute,
    Json,
    Kind,
    LabelsAttribute,
    MetricAttribute,
    Names,
    Numbers,
    OutcomeAttribute,
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

    from sweep_service.access.events import Event
    from sweep_service.access.tokens import Token

SCHEMA_VERSION = 1

#: A raw item as DynamoDB returns it: attribute name -> {type: value}.
Raw = dict[str, dict[str, Any]]

_T = TypeVar("_T")


class Item(Model):
    """Base of all items."""

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
    command_at = Seconds(null=True)
    command_by = Text(null=True)
    added = Json(null=True)

    @classmethod
    def of(cls, meta: ConfigVersion) -> MetaItem:
        values = values_of(meta) | {"added": list(meta.added) or None}
        return cls(*keys.meta(meta.sweep, meta.version), **values)

    @classmethod
    def record(cls, raw: Raw) -> ConfigVersion:
        added = tuple(value_of(cls.added, raw) or ())
        return record_of(ConfigVersion, cls, raw, added=added)


class ListingItem(Item):
    """An entry in the listing of a project."""

    sweep = Text()
    project = Text()
    name = Text(null=True)
    created_at = Seconds()

    @classmethod
    def of(cls, meta: ConfigVersion, project: str | None) -> ListingItem:
        """The entry of a sweep in the listing of ``project``, or of all sweeps if None."""
        head = SweepHead(meta.sweep, meta.project, meta.name, meta.created_at)
        return cls(*keys.listing(project, meta.created_at, meta.sweep), **values_of(head))

    @classmethod
    def record(cls, raw: Raw) -> SweepHead:
        return record_of(SweepHead, cls, raw)


class CounterItem(Item):
    """The counter; ``version`` repeats the newest of ``bases`` for use in conditions."""

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
    def of(cls, sweep: str, counter: SweepStatus) -> CounterItem:
        return cls(*keys.counter(sweep), version=counter.version, **values_of(counter))

    @classmethod
    def record(cls, raw: Raw) -> SweepStatus:
        return record_of(SweepStatus, cls, raw)


class PointItem(Item):
    """The claim of a point of a finite space by an index; the key contains the point."""

    index = Whole()

    @classmethod
    def holder(cls, raw: Raw) -> int:
        """The index that holds the point."""
        return int(value_of(cls.index, raw))

    @classmethod
    def entry(cls, raw: Raw) -> tuple[str, int]:
        """Name of the point and index of an item."""
        return key_of(raw).sk.rpartition("#")[2], cls.holder(raw)


class DeletionItem(Item):
    """The mark of a deleted sweep. It replaces the counter until no older request can be running.

    ``indices`` are the runs that were leased, whose agents may still be sending requests.
    """

    indices = Json()
    is_deleted = BooleanAttribute(default_for_new=True)
    expires_at = Whole()
    note = Text(null=True)

    @classmethod
    def of(cls, sweep: str, indices: Sequence[int], expires_at: int, note: str) -> DeletionItem:
        """The mark of a deleted sweep."""
        found = {"runs": list(indices)}
        key = keys.counter(sweep)
        return cls(*key, indices=found, expires_at=expires_at, note=note or None)

    @classmethod
    def is_mark(cls, raw: Raw) -> bool:
        """Whether an item at a counter's key is the mark of a deletion."""
        return "is_deleted" in raw

    @classmethod
    def indices_in(cls, raw: Raw) -> tuple[int, ...]:
        """The runs that were leased."""
        return tuple(value_of(cls.get_attributes()["indices"], raw)["runs"])


class LeaseItem(Item):
    """A lease; the attributes ``offset`` to ``next_row`` are the fields of its live summary."""

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
    last = MetricAttribute(null=True)
    best = MetricAttribute(null=True)
    step = Whole(null=True)
    last_finite = MetricAttribute(null=True)
    next_row = Whole(null=True)
    names = Names(null=True, default=())
    is_preempting = BooleanAttribute(default=False)
    revision = Revision(null=True, default=0)
    amendment = Kind(null=True)
    change = Revision(null=True, default=0)

    @classmethod
    def of(cls, sweep: str, lease: Lease) -> LeaseItem:
        values = values_of(lease)
        live = values_of(values.pop("live"))
        return cls(*keys.lease(sweep, lease.index), **(values | live))

    @classmethod
    def record(cls, raw: Raw) -> Lease:
        return record_of(Lease, cls, raw, live=record_of(LiveSummary, cls, raw))


class RunItem(Item):
    """A run; ``state`` and ``best`` repeat those of the outcome, for listings."""

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
    outcome = OutcomeAttribute(null=True)
    revision = Revision(null=True, default=0)
    attributes = Json(null=True)
    attempts_text = Text(attr_name="attempts", null=True)
    labels = LabelsAttribute(null=True)
    state = StateOfRun(null=True)
    best = MetricAttribute(null=True)
    change = Revision(null=True, default=0)

    @classmethod
    def of(cls, sweep: str, run: Run) -> RunItem:
        state = run.outcome.state if run.outcome is not None else None
        best = run.outcome.best if run.outcome is not None else None
        values = values_of(run) | {"attributes": run.attributes or None}
        values["attempts_text"] = encode_attempts(values.pop("attempts"))
        return cls(*keys.run(sweep, run.index), state=state, best=best, **values)

    @classmethod
    def record(cls, raw: Raw) -> Run:
        index = value_of(cls.index, raw)
        attempts = decode_attempts(value_of(cls.attempts_text, raw), index)
        attributes = value_of(cls.attributes, raw) or {}
        labels = value_of(cls.labels, raw) or NO_LABELS
        return record_of(Run, cls, raw, attributes=attributes, attempts=attempts, labels=labels)

    @classmethod
    def head(cls, raw: Raw) -> RunHead:
        """The head of a run, from an item that may lack all other attributes."""
        return record_of(RunHead, cls, raw)


class InfoItem(Item):
    """The labels and the final counts of a sweep."""

    labels = LabelsAttribute(null=True)
    final = FinalAttribute(null=True)
    change = Revision(null=True, default=0)

    @classmethod
    def of(cls, sweep: str, info: SweepInfo) -> InfoItem:
        return cls(*keys.info(sweep), **values_of(info))

    @classmethod
    def record(cls, raw: Raw) -> SweepInfo:
        return record_of(SweepInfo, cls, raw, labels=value_of(cls.labels, raw) or NO_LABELS)


class EventItem(Item):
    """A change that a caller made."""

    record_text = Text(attr_name="record")

    @classmethod
    def of(cls, sweep: str, event: Event) -> EventItem:
        key = keys.event(sweep, event.at, event.id)
        return cls(*key, record_text=encode_event(event))

    @classmethod
    def record(cls, raw: Raw) -> Event:
        return decode_event(value_of(cls.record_text, raw))


class TokenItem(Item):
    """An access token; the table's time to live deletes it some time after it has expired."""

    record_text = Text(attr_name="record")
    expires_at = Whole(null=True)
    change = Revision(null=True, default=0)

    @classmethod
    def of(cls, sweep: str, token: Token) -> TokenItem:
        """The item of a token; ``sweep`` is not used."""
        del sweep
        return cls(
            *keys.token(token.sha256),
            record_text=encode_token(token),
            expires_at=token.expires_at,
            change=token.change,
        )

    @classmethod
    def record(cls, raw: Raw) -> Token:
        return decode_token(value_of(cls.record_text, raw), value_of(cls.change, raw))


def key_of(raw: Raw) -> keys.Key:
    """The key of an item."""
    return keys.Key(raw["pk"]["S"], raw["sk"]["S"])


def values_of(record: Any) -> dict[str, Any]:
    """The fields of a record by name."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def record_of(kind: Callable[..., _T], model: type[Item], raw: Raw, **given: object) -> _T:
    """Build a record from an item's attributes; missing ones get the model's defaults."""
    for name, attribute in _schema(kind, model):
        if name not in given:
            given[name] = value_of(attribute, raw)
    return kind(**given)


@cache
def _schema(kind: Any, model: type[Item]) -> tuple[tuple[str, Attribute[Any]], ...]:
    """The fields of a record type that are attributes of a model."""
    attributes = model.get_attributes()
    return tuple(
        (field.name, attributes[field.name]) for field in fields(kind) if field.name in attributes
    )


def value_of(attribute: Attribute[_T], raw: Raw) -> Any:
    """The value of an attribute, or its default if the item lacks it."""
    stored = raw.get(attribute.attr_name)
    if stored is None:
        return attribute.default
    return attribute.deserialize(stored[attribute.attr_type])
