"""Contract: events of sweeps, newest first."""

from __future__ import annotations

import pytest
from store_samples import SWEEP, UNICODE, add_sweep

from sweep_service.access.events import Event
from sweep_service.errors import SweepDeleted
from sweep_service.storage.store import Store


def an_event(at: float = 1000.5, action: str = "set the state to paused") -> Event:
    return Event(at, "ann", "stored", action)


def test_there_are_none_at_first(store: Store) -> None:
    assert store.list_events(SWEEP, 5) == []


@pytest.mark.parametrize("event", [an_event(), Event(1 / 3, UNICODE, "iam", UNICODE)])
def test_an_event_is_read_as_it_was_kept(store: Store, event: Event) -> None:
    add_sweep(store)
    for _ in range(2):
        store.add_event(SWEEP, event)
    assert store.list_events(SWEEP, 5) == [event]


def test_the_newest_come_first_and_no_more_than_asked_for(store: Store) -> None:
    add_sweep(store)
    events = [an_event(1000.0 + n) for n in range(5)]
    for event in (events[3], events[0], events[4], events[1], events[2]):
        store.add_event(SWEEP, event)
    assert store.list_events(SWEEP, 9) == events[::-1]
    assert store.list_events(SWEEP, 2) == [events[4], events[3]]


def test_events_of_one_moment_are_distinguished(store: Store) -> None:
    add_sweep(store)
    events = {an_event(action=f"set run_cap to {n}") for n in range(3)}
    for event in events:
        store.add_event(SWEEP, event)
    assert set(store.list_events(SWEEP, 9)) == events


def test_they_are_deleted_with_their_sweep(store: Store) -> None:
    add_sweep(store)
    store.add_event(SWEEP, an_event())
    store.delete_sweep(SWEEP)
    assert store.list_events(SWEEP, 9) == []


def test_who_deleted_a_sweep_is_known_from_then_on(store: Store) -> None:
    add_sweep(store)
    assert store.delete_sweep(SWEEP, " by ann")
    store.delete_sweep(SWEEP, " by bob")
    with pytest.raises(SweepDeleted, match=f"sweep {SWEEP} was deleted by ann$"):
        store.get_status(SWEEP)
