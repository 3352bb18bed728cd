"""Records that change, in DynamoDB: counters, leases, runs and tokens, by conditional writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.access.tokens import Token
from sweep_service.errors import (
    Exhausted,
    NotFound,
    NotRunning,
    Stale,
    StoreUnusable,
    SweepDeleted,
)
from sweep_service.model.records.records import Lease, Run, SweepStatus
from sweep_service.model.records.shown import SweepInfo
from sweep_service.model.records.states import SweepState
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.items import (
    SCHEMA_VERSION,
    CounterItem,
    DeletionItem,
    InfoItem,
    LeaseItem,
    Raw,
    RunItem,
    TokenItem,
    value_of,
)
from sweep_service.storage.dynamodb.table import equals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pynamodb.attributes import Attribute
    from pynamodb.expressions.condition import Condition

    from sweep_service.model.records.records import RunHead
    from sweep_service.storage.dynamodb.table import Table
    from sweep_service.storage.store import R

_ITEMS: dict[type, Any] = {
    SweepStatus: CounterItem,
    Lease: LeaseItem,
    Run: RunItem,
    SweepInfo: InfoItem,
    Token: TokenItem,
}


class RecordItems:
    """The methods of the store protocol for records that change."""

    _table: Table

    def save(self, sweep: str, seen: R | None, record: R) -> R:
        model = _ITEMS[type(record)]
        saved = replace(record, change=0 if seen is None else seen.change + 1)
        item = model.of(sweep, saved)
        if seen is None:
            is_saved = self._table.put(item, model.pk.does_not_exist())
        else:
            is_saved = self._table.replace(item, _as_seen(seen))
        if is_saved:
            return saved
        if isinstance(record, SweepStatus):
            stored: Any = self.get_status(sweep)
        else:
            raw = self._table.get(keys.Key(item.pk, item.sk))
            stored = None if raw is None else model.record(raw)
        if stored is not None and model.of(sweep, stored).serialize() == item.serialize():
            return saved
        raise Stale(f"a record of sweep {sweep} has changed since it was read", stored)

    def delete(self, sweep: str, seen: Lease) -> None:
        if self._table.delete(keys.lease(sweep, seen.index), _as_seen(seen)):
            return
        stored = self.get_lease(sweep, seen.index)
        if stored is not None:
            raise Stale(f"a lease of sweep {sweep} has changed since it was read", stored)

    def get_status(self, sweep: str) -> SweepStatus:
        item = self._table.get(keys.counter(sweep))
        if item is None:
            raise NotFound(f"no sweep '{sweep}'")
        if DeletionItem.is_mark(item):
            note = value_of(DeletionItem.note, item) or ""
            raise SweepDeleted(f"sweep {sweep} was deleted{note}")
        return _counter(sweep, item)

    def claim_index(self, sweep: str) -> tuple[int, SweepStatus]:
        # time :  given out .. next_index .. limit
        is_running = CounterItem.state == SweepState.RUNNING
        is_endless = CounterItem.limit.does_not_exist()
        has_more = CounterItem.next_index < CounterItem.limit
        claim = [
            CounterItem.next_index.set(CounterItem.next_index + 1),
            CounterItem.change.set(CounterItem.change + 1),
        ]
        item = self._table.update(keys.counter(sweep), claim, is_running & (is_endless | has_more))
        if item is not None:
            counter = _counter(sweep, item)
            return counter.next_index - 1, counter
        stored = self.get_status(sweep)
        if stored.state is not SweepState.RUNNING:
            raise NotRunning(f"sweep {sweep} is {stored.state.value}")
        raise Exhausted(f"sweep {sweep} has given out all its {stored.limit} indices")

    def list_leases(self, sweep: str) -> list[Lease]:
        return [LeaseItem.record(item) for item in self._table.items(keys.leases(sweep))]

    def get_lease(self, sweep: str, index: int) -> Lease | None:
        item = self._table.get(keys.lease(sweep, index))
        return None if item is None else LeaseItem.record(item)

    def get_run(self, sweep: str, index: int) -> Run | None:
        item = self._table.get(keys.run(sweep, index))
        return None if item is None else RunItem.record(item)

    def get_runs(self, sweep: str, indices: Sequence[int]) -> list[Run]:
        # At half the price of consistent reads: this is for people who look again in a moment.
        found = self._table.get_all([keys.run(sweep, index) for index in indices])
        return sorted(map(RunItem.record, found), key=lambda run: run.index)

    def get_info(self, sweep: str) -> SweepInfo | None:
        item = self._table.get(keys.info(sweep))
        return None if item is None else InfoItem.record(item)

    def list_runs(self, sweep: str, since: int, count: int) -> list[Run]:
        page = next(self._table.pages(keys.runs(sweep, since), limit=count))
        return [RunItem.record(item) for item in page]

    def list_run_heads(self, sweep: str) -> list[RunHead]:
        # Reading fewer attributes saves traffic, not money: DynamoDB bills for whole items.
        heads = self._table.items(keys.runs(sweep), names=("index", "state", "best"))
        return [RunItem.head(item) for item in heads]

    def get_token(self, sha256: str) -> Token | None:
        item = self._table.get(keys.token(sha256))
        return None if item is None else TokenItem.record(item)

    def list_tokens(self) -> list[Token]:
        return [TokenItem.record(item) for item in self._table.items(keys.tokens())]


def _as_seen(seen: SweepStatus | Lease | Run | SweepInfo | Token) -> Condition:
    """The condition that the stored record is as it was read.

    From the next release on, ``change`` will be enough. Functions of the previous release, which
    may run at the same time, count neither their writes of leases and runs nor claims of indices.
    So every attribute that they change is compared too.
    """
    condition: Condition
    if isinstance(seen, SweepStatus):
        is_unclaimed = CounterItem.next_index == seen.next_index
        condition = (CounterItem.change == seen.change) & is_unclaimed
    elif isinstance(seen, Token):
        condition = TokenItem.pk.exists() & equals(TokenItem.change, seen.change or None)
    elif isinstance(seen, SweepInfo):
        condition = InfoItem.pk.exists() & equals(InfoItem.change, seen.change or None)
    elif isinstance(seen, Run):
        is_open = RunItem.outcome.does_not_exist()
        condition = (
            equals(RunItem.change, seen.change or None)
            & equals(RunItem.revision, seen.revision or None)
            & (RunItem.attempt == seen.attempt)
            & equals(RunItem.attributes, seen.attributes or None)
            & (is_open if seen.outcome is None else RunItem.outcome.exists())
        )
    else:
        is_free = LeaseItem.early_stop.does_not_exist()
        condition = (
            equals(LeaseItem.change, seen.change or None)
            & equals(LeaseItem.revision, seen.revision or None)
            & (LeaseItem.attempt == seen.attempt)
            & (LeaseItem.released_attempt == seen.released_attempt)
            & (LeaseItem.lease_end == seen.lease_end)
            & equals(LeaseItem.suspect_at, seen.suspect_at)
            & equals(LeaseItem.next_row, seen.live.next_row)
            & _is(LeaseItem.is_stop_requested, seen.is_stop_requested)
            & _is(LeaseItem.is_preempting, seen.is_preempting)
            & (is_free if seen.early_stop is None else LeaseItem.early_stop.exists())
        )
    return condition


def _is(attribute: Attribute[bool], value: bool) -> Condition:
    """The condition on a flag, which items of older releases lack if it is False."""
    is_same: Condition = attribute == value
    return is_same if value else is_same | attribute.does_not_exist()


def _counter(sweep: str, item: Raw) -> SweepStatus:
    found = int(item["schema_version"]["N"])
    if found > SCHEMA_VERSION:
        raise StoreUnusable(
            f"sweep {sweep} was written by a newer backend (schema {found}, this one knows"
            f" {SCHEMA_VERSION}): deploy the newer version again"
        )
    return CounterItem.record(item)
