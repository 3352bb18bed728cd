"""DynamoDB between the requests of one method: what others do there must not be overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from protocol_stores import other_kinds

from sweep_service.errors import LeaseLost, Stale
from sweep_service.model.records.records import Base, Counter, Lease, LiveSummary, SweepMeta
from sweep_service.model.records.states import SweepState
from sweep_service.storage.dynamodb.store import DynamoStore

SWEEP = "abcd2345"


def meta(version: int, name: str) -> SweepMeta:
    return SweepMeta(SWEEP, version, "project", name, {"name": name}, 1000.0, "create-key")


@pytest.fixture
def store(tmp_path) -> Iterator[DynamoStore]:
    (kind,) = [kind for kind in other_kinds() if kind.name == "moto"]
    with kind.place(tmp_path) as address, kind.open(address) as opened:
        counter = Counter(SweepState.RUNNING, 0, 3, None, (Base(1, 0),), 7, 0)
        opened.create_sweep(meta(1, "first"), counter)
        yield opened


def before_update(store: DynamoStore, *happenings: Callable[[], object]) -> None:
    """Have others do something just before each of the next updates is sent."""
    waiting = list(happenings)

    def act(**_: object) -> None:
        if waiting:
            waiting.pop(0)()

    events = store._table._connection.connection.client.meta.events
    events.register_first("before-call.dynamodb.UpdateItem", act)


def test_a_version_that_another_was_faster_to_add(store):
    seen = store.get_counter(SWEEP)
    before_update(store, lambda: store.add_version(meta(2, "other"), 3, seen))
    with pytest.raises(Stale):
        store.add_version(meta(2, "mine"), 9, seen)
    counter = store.get_counter(SWEEP)
    assert (counter.limit, store.get_meta(SWEEP, counter.version).name) == (3, "other")


def test_an_index_that_was_given_out_before_the_version(store):
    seen = store.get_counter(SWEEP)
    before_update(store, lambda: store.claim_index(SWEEP))
    with pytest.raises(Stale):
        store.add_version(meta(2, "mine"), 9, seen)
    assert store.get_counter(SWEEP).bases == (Base(1, 0),)


def test_a_lease_that_is_released_between_two_tries_to_extend_it(store):
    """The first try is shorter than the lease; before the second, without the end, it is gone."""
    lease = Lease(0, 1, "ask-key", "agent", "host", "", lease_end=2000.0, live=LiveSummary())
    store.open_lease(SWEEP, lease)
    before_update(store, lambda: None, lambda: store.release_lease(SWEEP, 0, 1, 0))
    with pytest.raises(LeaseLost):
        store.extend_lease(SWEEP, 0, 1, 1500.0, None)
    stands = store.get_lease(SWEEP, 0)
    assert stands is not None
    assert stands.is_released
