"""Sweeps in DynamoDB: registration, listing, deletion, config versions and events."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from sweep_service.errors import Busy, NotFound, Stale
from sweep_service.storage.codec import to_json
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.items import (
    CounterItem,
    DeletionItem,
    EventItem,
    ListingItem,
    MetaItem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sweep_service.access.events import Event
    from sweep_service.model.records.records import ConfigVersion, SweepStatus
    from sweep_service.model.records.shown import SweepHead
    from sweep_service.storage.dynamodb.keys import Key
    from sweep_service.storage.dynamodb.table import Table

# A partition takes 1,000 writes a second, and a request has 29 seconds.
_MAX_DELETED = 10_000
_RUNS_A_PAGE = 100
# How often to look for writes of requests that were in progress when a sweep was deleted.
_LOOKS = 5
_LOOK_SECONDS = 1.0
# Longer than any request can take, including its repeats.
_MARK_SECONDS = 86_400.0


class Mark(NamedTuple):
    """The mark of a deleted sweep.

    Attributes:
        indices: Runs that were leased at the time of the deletion.
        is_new: Whether this request deleted the sweep.
        is_open: Whether the sweep could hand out runs until then.
    """

    indices: tuple[int, ...]
    is_new: bool = False
    is_open: bool = False


class SweepItems:
    """The sweep methods of the store protocol."""

    _table: Table
    _clock: Callable[[], float]

    def create_sweep(self, meta: ConfigVersion, counter: SweepStatus) -> None:
        """Create a sweep as in ``Store``.

        The counter is written last: without it the sweep does not exist. A repeat continues with
        the stored config version, so that the sweep is listed under the time of the first try.
        """
        is_free = MetaItem.pk.does_not_exist()
        if not self._table.put(MetaItem.of(meta), is_free):
            stored = self.get_config_version(meta.sweep, meta.version)
            if stored.create_key != meta.create_key:
                raise Stale(f"the sweep id {meta.sweep} is taken")
            meta = stored
        for project in (None, meta.project):
            self._table.put(ListingItem.of(meta, project))
        is_new = CounterItem.pk.does_not_exist()
        is_put = self._table.put(CounterItem.of(meta.sweep, counter), is_new)
        if not is_put and self._mark(meta.sweep) is not None:
            self.delete_sweep(meta.sweep)
            raise Stale(f"the sweep id {meta.sweep} was that of a deleted sweep")

    def delete_sweep(self, sweep: str, note: str = "") -> bool:
        """Delete a sweep as in ``Store``.

        The mark replaces the counter and names the runs in progress, whose agents may be writing
        concurrently. Then the entries of runs, the runs, the listings and the rest are deleted.
        An item that refers to others is deleted after them, so that a repeat finds what is left. If
        agents may have been at work, the deletion is repeated after a pause until nothing is left.
        """
        mark = self._mark(sweep) or self._set_mark(sweep, note)
        n_deleted = self._delete_pass(sweep, mark)
        for _ in range(_LOOKS if mark.is_open or mark.indices else 0):
            self._table.pause(_LOOK_SECONDS)
            if not self._delete_pass(sweep, mark):
                break
        return mark.is_new or n_deleted > 0

    def get_config_version(self, sweep: str, version: int) -> ConfigVersion:
        item = self._table.get(keys.meta(sweep, version))
        if item is None:
            raise NotFound(f"no sweep '{sweep}' with config version {version}")
        return MetaItem.record(item)

    def list_sweeps(
        self, project: str | None, after: tuple[float, str] | None, count: int
    ) -> list[SweepHead]:
        span = keys.listings(project, after)
        heads: list[SweepHead] = []
        for page in self._table.pages(span, limit=count + 1, is_descending=True):
            heads += [ListingItem.record(item) for item in page]
            if len(heads) > count:
                break
        return [head for head in heads if (head.created_at, head.sweep) != after][:count]

    def add_config_version(self, meta: ConfigVersion) -> bool:
        if self._table.put(MetaItem.of(meta), MetaItem.pk.does_not_exist()):
            return True
        stored = self.get_config_version(meta.sweep, meta.version)
        has_document = to_json(stored.document) == to_json(meta.document)  # as text: NaN != NaN
        has_points = to_json(stored.added) == to_json(meta.added)
        return has_document and has_points and stored.taken == meta.taken

    def add_event(self, sweep: str, event: Event) -> None:
        self._table.put(EventItem.of(sweep, event))

    def list_events(self, sweep: str, count: int) -> list[Event]:
        pages = self._table.pages(keys.events(sweep), limit=count, is_descending=True)
        return [EventItem.record(item) for item in next(pages)]

    def _mark(self, sweep: str) -> Mark | None:
        """The mark of a deleted sweep, if any."""
        item = self._table.get(keys.counter(sweep))
        if item is None or not DeletionItem.is_mark(item):
            return None
        return Mark(DeletionItem.indices_in(item))

    def _set_mark(self, sweep: str, note: str) -> Mark:
        """Replace the counter by the mark, if there is anything to delete.

        Leases are read again afterwards, since a concurrent ask may just have opened one.
        """
        counter = self._table.get(keys.counter(sweep))
        if counter is None and not any(self._table.key_pages(keys.everything(sweep), limit=1)):
            return Mark(())
        before = self._leased(sweep)
        self._put_mark(sweep, before, note)
        indices = before | self._leased(sweep)
        if indices != before:
            self._put_mark(sweep, indices, note)
        is_open = counter is not None and not CounterItem.record(counter).state.is_ended
        return Mark(tuple(indices), is_new=counter is not None, is_open=is_open)

    def _put_mark(self, sweep: str, indices: set[int], note: str) -> None:
        expires_at = int(self._clock() + _MARK_SECONDS)
        self._table.put(DeletionItem.of(sweep, sorted(indices), expires_at, note))

    def _leased(self, sweep: str) -> set[int]:
        return {keys.index_of(key) for key in self._table.keys(keys.leases(sweep))}

    def _delete_pass(self, sweep: str, mark: Mark) -> int:
        """Delete all items of a sweep except the mark, and count them.

        Raises:
            Busy: There is more than one request can delete.
        """
        n_deleted = 0
        for doomed in self._doomed(sweep, mark):
            if n_deleted >= _MAX_DELETED:
                raise Busy(f"sweep {sweep} is large: the same request again deletes the rest")
            n_deleted += self._table.delete_all(doomed)
        return n_deleted

    def _doomed(self, sweep: str, mark: Mark) -> Iterator[Iterator[Key]]:
        """The keys of a sweep's items except the mark, in the order of deletion."""
        for index in mark.indices:
            yield self._table.keys(keys.run_partition(sweep, index))
        for runs in self._table.key_pages(keys.runs(sweep), _RUNS_A_PAGE):
            partitions = [keys.run_partition(sweep, keys.index_of(run)) for run in runs]
            yield chain.from_iterable(map(self._table.keys, partitions))
            yield iter(runs)
        for item in self._table.items(keys.metas(sweep)):
            meta = MetaItem.record(item)
            yield (
                keys.listing(project, meta.created_at, sweep) for project in (None, meta.project)
            )
        mark_key = keys.counter(sweep)
        yield (key for key in self._table.keys(keys.everything(sweep)) if key != mark_key)
