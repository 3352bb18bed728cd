"""Sweeps in DynamoDB: config versions, listings, and the counter that gives out indices."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from sweep_service.errors import (
    Busy,
    Exhausted,
    NotFound,
    NotRunning,
    Stale,
    StoreUnusable,
    SweepDeleted,
)
from sweep_service.model.records.records import Base, Counter, SweepHead, SweepMeta
from sweep_service.model.records.states import SweepState
from sweep_service.storage.codec import to_json
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.attributes import bounded
from sweep_service.storage.dynamodb.items import (
    SCHEMA_VERSION,
    CounterItem,
    DeletionItem,
    ListingItem,
    MetaItem,
    Raw,
)
from sweep_service.storage.dynamodb.table import put_or_remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.update import Action

    from sweep_service.storage.dynamodb.keys import Key
    from sweep_service.storage.dynamodb.table import Table

# A partition takes 1,000 writes a second, a request has 29 seconds.
_MAX_DELETED = 10_000
_RUNS_A_PAGE = 100
# A request that was under way when a sweep was deleted has written its last in a moment.
_LOOKS = 5
_LOOK_SECONDS = 1.0
# Longer than any request lasts, and any library repeats one.
_MARK_SECONDS = 86_400.0


class Mark(NamedTuple):
    """That a sweep was deleted.

    Attributes:
        indices: The runs that were out then.
        is_new: Whether the sweep stood until this very request.
        is_open: Whether it could hand out runs until then.
    """

    indices: tuple[int, ...]
    is_new: bool = False
    is_open: bool = False


class SweepItems:
    """The sweep methods of the store protocol."""

    _table: Table
    _clock: Callable[[], float]

    def create_sweep(self, meta: SweepMeta, counter: Counter) -> None:
        """See ``Store.create_sweep``.

        The counter comes last: before it the sweep does not exist. A repeat goes on with what
        stands, so that it lists the sweep under the time of its first try.
        """
        is_free = MetaItem.pk.does_not_exist()
        if not self._table.put(MetaItem.of(meta), is_free):
            stands = self.get_meta(meta.sweep, meta.version)
            if stands.create_key != meta.create_key:
                raise Stale(f"the sweep id {meta.sweep} is taken")
            meta = stands
        for project in (None, meta.project):
            self._table.put(ListingItem.of(meta, project))
        is_new = CounterItem.pk.does_not_exist()
        is_put = self._table.put(CounterItem.of(meta.sweep, counter), is_new)
        if not is_put and self._mark(meta.sweep) is not None:
            self.delete_sweep(meta.sweep)
            raise Stale(f"the sweep id {meta.sweep} was that of a deleted sweep")

    def delete_sweep(self, sweep: str) -> bool:
        """See ``Store.delete_sweep``.

        The mark takes the counter's place and names the runs that were out, whose agents may be
        writing just now. Then go the trails of runs, the runs, the listings and the rest: what
        names other items is deleted after them, so that a repeat finds what is left. Where agents
        may have been at work it looks again after a moment, until there is nothing more.
        """
        mark = self._mark(sweep) or self._set_mark(sweep)
        n_deleted = self._delete_pass(sweep, mark)
        for _ in range(_LOOKS if mark.is_open or mark.indices else 0):
            self._table.pause(_LOOK_SECONDS)
            if not self._delete_pass(sweep, mark):
                break
        return mark.is_new or n_deleted > 0

    def get_meta(self, sweep: str, version: int) -> SweepMeta:
        """See ``Store.get_meta``."""
        item = self._table.get(keys.meta(sweep, version))
        if item is None:
            raise NotFound(f"no sweep '{sweep}' with config version {version}")
        return MetaItem.record(item)

    def get_counter(self, sweep: str) -> Counter:
        """See ``Store.get_counter``."""
        item = self._table.get(keys.counter(sweep))
        if item is None:
            raise NotFound(f"no sweep '{sweep}'")
        if DeletionItem.is_mark(item):
            raise SweepDeleted(f"sweep {sweep} was deleted")
        return _counter(sweep, item)

    def list_sweeps(
        self, project: str | None, after: tuple[float, str] | None, count: int
    ) -> list[SweepHead]:
        """See ``Store.list_sweeps``."""
        span = keys.listings(project, after)
        heads: list[SweepHead] = []
        for page in self._table.pages(span, limit=count + 1, is_descending=True):
            heads += [ListingItem.record(item) for item in page]
            if len(heads) > count:
                break
        return [head for head in heads if (head.created_at, head.sweep) != after][:count]

    def claim_index(self, sweep: str) -> tuple[int, Counter]:
        """See ``Store.claim_index``."""
        # time :  given out .. next_index .. limit
        is_running = CounterItem.state == SweepState.RUNNING
        is_endless = CounterItem.limit.does_not_exist()
        has_more = CounterItem.next_index < CounterItem.limit
        one_more = CounterItem.next_index.set(CounterItem.next_index + 1)
        item = self._table.update(
            keys.counter(sweep), [one_more], is_running & (is_endless | has_more)
        )
        if item is not None:
            counter = _counter(sweep, item)
            return counter.next_index - 1, counter
        stands = self.get_counter(sweep)
        if stands.state is not SweepState.RUNNING:
            raise NotRunning(f"sweep {sweep} is {stands.state.value}")
        raise Exhausted(f"sweep {sweep} has given out all its {stands.limit} indices")

    def finish_sweep(self, sweep: str, seen: Counter) -> Counter:
        """See ``Store.finish_sweep``."""
        # time :  read as seen .. every run found ended .. this write
        is_running = CounterItem.state == SweepState.RUNNING
        is_full = CounterItem.next_index == seen.next_index
        is_same_end = CounterItem.change == seen.change
        item = self._table.update(
            keys.counter(sweep),
            [
                CounterItem.state.set(SweepState.FINISHED),
                CounterItem.change.set(CounterItem.change + 1),
            ],
            is_running & is_full & is_same_end,
        )
        stands = _counter(sweep, item) if item is not None else self.get_counter(sweep)
        if stands.state is not SweepState.FINISHED:
            raise Stale(f"sweep {sweep} has changed since it was read")
        return stands

    def set_state(
        self, sweep: str, state: SweepState, allowed_from: Sequence[SweepState], seen: Counter
    ) -> Counter:
        """See ``Store.set_state``."""
        never = CounterItem.pk.does_not_exist()  # an empty list would be no condition
        is_allowed = CounterItem.state.is_in(*allowed_from) if allowed_from else never
        is_as_seen = CounterItem.change == seen.change
        stands = self._change(sweep, [CounterItem.state.set(state)], is_allowed & is_as_seen, seen)
        if (stands.state, stands.change) != (state, seen.change + 1):
            raise Stale(f"sweep {sweep} is {stands.state.value}, or has changed since")
        return stands

    def set_limit(
        self, sweep: str, run_cap: int | None, limit: int | None, seen: Counter
    ) -> Counter:
        """See ``Store.set_limit``."""
        run_cap, limit = bounded(run_cap), bounded(limit)
        # time :  given out .. next_index .. new limit
        is_as_seen = CounterItem.change == seen.change
        has_room = CounterItem.pk.exists() if limit is None else CounterItem.next_index <= limit
        actions = [*_limit_actions(seen, limit), put_or_remove(CounterItem.run_cap, run_cap)]
        stands = self._change(sweep, actions, is_as_seen & has_room, seen)
        if (stands.run_cap, stands.limit, stands.change) != (run_cap, limit, seen.change + 1):
            raise Stale(f"sweep {sweep} has changed, or has given out more than {limit}")
        return stands

    def add_version(self, meta: SweepMeta, limit: int | None, seen: Counter) -> Counter:
        """See ``Store.add_version``.

        A version that was put but never became the newest (its writer died, or lost) is passed
        over, unless it is this one.
        """
        stands = self.get_counter(meta.sweep)
        if self._is_added(meta, stands, seen):
            return stands
        if (stands.change, *_extent(stands)) != (seen.change, *_extent(seen)):
            raise Stale(f"sweep {meta.sweep} has changed since it was read")
        version = self._put_version(meta, seen.version + 1)
        bases = (*seen.bases, Base(version, seen.next_index))
        # time :  given out .. next_index as seen, where the new version begins
        is_as_seen = CounterItem.change == seen.change
        is_same_place = CounterItem.next_index == seen.next_index
        actions = [
            *_limit_actions(seen, bounded(limit)),
            CounterItem.bases.set(bases),
            CounterItem.version.set(version),
        ]
        stands = self._change(meta.sweep, actions, is_as_seen & is_same_place, seen)
        if stands.bases != bases:
            raise Stale(f"sweep {meta.sweep} has changed since it was read")
        return stands

    def _mark(self, sweep: str) -> Mark | None:
        """What stands in the place of a deleted sweep's counter."""
        item = self._table.get(keys.counter(sweep))
        if item is None or not DeletionItem.is_mark(item):
            return None
        return Mark(DeletionItem.indices_in(item))

    def _set_mark(self, sweep: str) -> Mark:
        """Put the mark where there is anything of a sweep.

        The runs that are out are read again after it: an ask may just have opened a lease.
        """
        counter = self._table.get(keys.counter(sweep))
        if counter is None and not any(self._table.key_pages(keys.everything(sweep), limit=1)):
            return Mark(())
        before = self._leased(sweep)
        self._put_mark(sweep, before)
        indices = before | self._leased(sweep)
        if indices != before:
            self._put_mark(sweep, indices)
        is_open = counter is not None and not CounterItem.record(counter).state.is_ended
        return Mark(tuple(indices), is_new=counter is not None, is_open=is_open)

    def _put_mark(self, sweep: str, indices: set[int]) -> None:
        expires_at = int(self._clock() + _MARK_SECONDS)
        self._table.put(DeletionItem.of(sweep, sorted(indices), expires_at))

    def _leased(self, sweep: str) -> set[int]:
        return {keys.index_of(key) for key in self._table.keys(keys.leases(sweep))}

    def _delete_pass(self, sweep: str, mark: Mark) -> int:
        """Delete all there is of a sweep but the mark; the number of items.

        Raises:
            Busy: It is more than one request can delete.
        """
        n_deleted = 0
        for doomed in self._doomed(sweep, mark):
            if n_deleted >= _MAX_DELETED:
                raise Busy(f"sweep {sweep} is large: the same request again deletes the rest")
            n_deleted += self._table.delete_all(doomed)
        return n_deleted

    def _is_added(self, meta: SweepMeta, stands: Counter, seen: Counter) -> bool:
        """Whether an earlier try of this made ``meta`` the newest version."""
        base = Base(stands.version, seen.next_index)
        return stands.bases == (*seen.bases, base) and self._has_config(meta, base.version)

    def _put_version(self, meta: SweepMeta, first: int) -> int:
        """Put a config version under the first number that is free or holds it already."""
        version = first
        while not self._table.put(
            MetaItem.of(replace(meta, version=version)), MetaItem.pk.does_not_exist()
        ):
            if self._has_config(meta, version):
                return version
            version += 1
        return version

    def _has_config(self, meta: SweepMeta, version: int) -> bool:
        stands = self.get_meta(meta.sweep, version)
        has_document = to_json(stands.document) == to_json(meta.document)  # NaN is not itself
        return has_document and stands.taken == meta.taken

    def _change(
        self, sweep: str, actions: list[Action], condition: Condition, seen: Counter
    ) -> Counter:
        """The counter after a change; where the condition failed, as it stands without it."""
        counted = CounterItem.change.set(seen.change + 1)
        item = self._table.update(keys.counter(sweep), [*actions, counted], condition)
        return self.get_counter(sweep) if item is None else _counter(sweep, item)

    def _doomed(self, sweep: str, mark: Mark) -> Iterator[Iterator[Key]]:
        """The keys of a sweep's items but the mark, in the order in which they may go."""
        for index in mark.indices:
            yield self._table.keys(keys.trail(sweep, index))
        for runs in self._table.key_pages(keys.runs(sweep), _RUNS_A_PAGE):
            trails = [keys.trail(sweep, keys.index_of(run)) for run in runs]
            yield chain.from_iterable(map(self._table.keys, trails))
            yield iter(runs)
        for item in self._table.items(keys.metas(sweep)):
            meta = MetaItem.record(item)
            yield (
                keys.listing(project, meta.created_at, sweep) for project in (None, meta.project)
            )
        mark_key = keys.counter(sweep)
        yield (key for key in self._table.keys(keys.everything(sweep)) if key != mark_key)


def _counter(sweep: str, item: Raw) -> Counter:
    found = int(item["schema_version"]["N"])
    if found > SCHEMA_VERSION:
        raise StoreUnusable(
            f"sweep {sweep} was written by a newer backend (schema {found}, this one knows"
            f" {SCHEMA_VERSION}): deploy the newer version again"
        )
    return CounterItem.record(item)


def _extent(counter: Counter) -> tuple[int, int | None, int]:
    """What tells that a sweep still has the end that it was seen to have."""
    return counter.next_index, counter.limit, counter.version


def _limit_actions(seen: Counter, limit: int | None) -> list[Action]:
    """Another limit: a sweep that ended by exhaustion runs again."""
    is_exhausted = limit is not None and seen.next_index >= limit
    was_ended = seen.state is SweepState.FINISHED and seen.is_exhausted
    state = SweepState.RUNNING if was_ended and not is_exhausted else seen.state
    return [put_or_remove(CounterItem.limit, limit), CounterItem.state.set(state)]
