"""Contract: leases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import NON_FINITE, SWEEP, UNICODE, a_lease, a_live, unchanged

from sweep_service.errors import InvalidRequest, LeaseHeld, LeaseLost, NotPossible
from sweep_service.model.records.records import EarlyStop, Lease, LiveSummary
from sweep_service.storage.store import Store

STOP = EarlyStop(9, 0.83, 0.61)


def opened(store: Store, index: int = 0, **changes: object) -> Lease:
    """Open a lease and give it back as it stands."""
    lease = a_lease(index, **changes)
    store.open_lease(SWEEP, lease)
    return lease


def stands(store: Store, index: int = 0) -> Lease:
    lease = store.get_lease(SWEEP, index)
    assert lease is not None
    return lease


class TestReading:
    def test_none(self, store: Store) -> None:
        assert store.get_lease(SWEEP, 0) is None
        assert store.list_leases(SWEEP) == []

    def test_all_by_index(self, store: Store) -> None:
        leases = {index: opened(store, index) for index in (10, 2, 0, 10**12)}
        assert store.list_leases(SWEEP) == [leases[index] for index in sorted(leases)]
        assert store.get_lease(SWEEP, 10) == leases[10]

    def test_of_one_sweep(self, store: Store) -> None:
        opened(store)
        assert store.list_leases("other123") == []
        assert store.get_lease("other123", 0) is None


class TestOpenLease:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"key": UNICODE, "agent": UNICODE, "host": UNICODE, "slot": UNICODE},
            {"key": "", "agent": "", "host": "", "slot": ""},
            {"attempt": 0, "lease_end": 0, "released_attempt": 0},
            {"suspect_at": 1234.5, "losses": 2, "failures": 3, "is_stop_requested": True},
            {"is_preempting": True},
            {"unit": ()},
            {"unit": (0.1, 1 / 3, 1e-320, 1.0)},
            {"live": a_live()},
            {"early_stop": EarlyStop(9, 0.83, -1 / 3)},
            {"live": LiveSummary(offset=0)},
            {"live": LiveSummary(step=-3)},
            {"key": "k" * 3000, "unit": (0.5,) * 300},
        ],
    )
    def test_is_read_back(self, store: Store, changes: dict[str, object]) -> None:
        lease = opened(store, **changes)
        assert store.get_lease(SWEEP, 0) == lease
        assert store.list_leases(SWEEP) == [lease]

    @pytest.mark.parametrize("number", NON_FINITE)
    def test_non_finite_metric_values(self, store: Store, number: float) -> None:
        lease = opened(store, live=a_live(last=number, best=number))
        assert repr(stands(store)) == repr(lease)

    def test_repeat_is_fine(self, store: Store) -> None:
        opened(store)
        store.extend_lease(SWEEP, 0, 1, 2000.0, a_live())
        with unchanged(store):
            opened(store)

    @pytest.mark.parametrize("other", [{"key": "other"}, {"attempt": 2}])
    def test_held_by_another(self, store: Store, other: dict[str, object]) -> None:
        opened(store)
        with unchanged(store), pytest.raises(LeaseHeld):
            opened(store, **other)

    def test_text_that_no_item_can_hold_is_refused(self, store: Store) -> None:
        with unchanged(store), pytest.raises(InvalidRequest):
            opened(store, agent="\udc80")


class TestSuspectLease:
    def test_marks(self, store: Store) -> None:
        lease = opened(store)
        store.suspect_lease(SWEEP, lease, 1500.5)
        store.suspect_lease(SWEEP, stands(store), 1400.5)  # by a clock that is right again
        assert stands(store) == replace(lease, suspect_at=1400.5)

    @pytest.mark.parametrize("other", [{"attempt": 2}, {"lease_end": 1299.0}, {"lease_end": 1301}])
    def test_as_seen(self, store: Store, other: dict[str, object]) -> None:
        lease = opened(store)
        with unchanged(store):
            store.suspect_lease(SWEEP, replace(lease, **other), 1400.0)

    def test_the_first_mark_stands(self, store: Store) -> None:
        lease = opened(store)
        store.suspect_lease(SWEEP, lease, 1400.0)
        with unchanged(store):
            store.suspect_lease(SWEEP, lease, 1500.0)
            store.suspect_lease(SWEEP, stands(store), 1500.0)

    def test_no_lease(self, store: Store) -> None:
        with unchanged(store):
            store.suspect_lease(SWEEP, a_lease(), 1400.0)


class TestTakeLease:
    def test_text_that_no_item_can_hold_is_refused(self, store: Store) -> None:
        seen = opened(store)
        with unchanged(store), pytest.raises(InvalidRequest):
            store.take_lease(SWEEP, seen, replace(seen, attempt=2, host="\udc80"))

    def test_hands_on(self, store: Store) -> None:
        seen = opened(
            store,
            suspect_at=1400.0,
            released_attempt=0,
            failures=2,
            losses=1,
            is_stop_requested=True,
            is_preempting=True,
            live=a_live(),
            unit=(0.5,),
        )
        taken = a_lease(
            attempt=2, key="new", agent="a2", host="h2", slot="2", lease_end=1700.0, losses=2
        )
        store.take_lease(SWEEP, seen, taken)
        assert stands(store) == replace(taken, released_attempt=0, failures=2, unit=(0.5,))

    def test_resets_what_the_taker_did_not(self, store: Store) -> None:
        seen = opened(store, unit=(0.5,))
        asked = replace(
            a_lease(attempt=2, key="new", unit=(0.25,)),
            suspect_at=9.0,
            released_attempt=2,
            failures=7,
            is_stop_requested=True,
            live=a_live(),
        )
        store.take_lease(SWEEP, seen, asked)
        assert stands(store) == a_lease(attempt=2, key="new", unit=(0.5,))

    def test_gives_a_hole_its_unit_vector(self, store: Store) -> None:
        seen = opened(store, attempt=0, key="", lease_end=0, released_attempt=0)
        store.take_lease(SWEEP, seen, a_lease(unit=(0.25,)))
        assert stands(store) == a_lease(released_attempt=0, unit=(0.25,))

    @pytest.mark.parametrize(
        ("standing", "seen"),
        [
            ({}, {"attempt": 0}),
            ({}, {"attempt": 2}),
            ({}, {"suspect_at": 1400.0}),
            ({"suspect_at": 1400.0}, {"suspect_at": None}),
            ({"suspect_at": 1400.0}, {"suspect_at": 1401.0}),
        ],
    )
    def test_as_seen(
        self, store: Store, standing: dict[str, object], seen: dict[str, object]
    ) -> None:
        lease = opened(store, **standing)
        with unchanged(store), pytest.raises(LeaseHeld):
            store.take_lease(SWEEP, replace(lease, **seen), a_lease(attempt=3, key="new"))

    def test_no_lease(self, store: Store) -> None:
        with unchanged(store), pytest.raises(LeaseHeld):
            store.take_lease(SWEEP, a_lease(), a_lease(attempt=2, key="new"))

    def test_repeat_is_fine(self, store: Store) -> None:
        seen, taken = opened(store), a_lease(attempt=2, key="new", lease_end=1700.0)
        store.take_lease(SWEEP, seen, taken)
        store.extend_lease(SWEEP, 0, 2, 2000.0, a_live())
        with unchanged(store):
            store.take_lease(SWEEP, seen, taken)

    @pytest.mark.parametrize("other", [{"key": "third"}, {"attempt": 3}])
    def test_somebody_else_was_faster(self, store: Store, other: dict[str, object]) -> None:
        seen, taken = opened(store), a_lease(attempt=2, key="new")
        store.take_lease(SWEEP, seen, taken)
        with unchanged(store), pytest.raises(LeaseHeld):
            store.take_lease(SWEEP, seen, replace(taken, **other))

    def test_its_holder_was_heard_of(self, store: Store) -> None:
        lease = opened(store)
        store.suspect_lease(SWEEP, lease, 1400.0)
        seen = stands(store)
        store.extend_lease(SWEEP, 0, 1, 1700.0, None)
        with unchanged(store), pytest.raises(LeaseHeld):
            store.take_lease(SWEEP, seen, a_lease(attempt=2, key="new"))


class TestExtendLease:
    def test_prolongs_and_clears_the_suspicion(self, store: Store) -> None:
        lease = opened(store, suspect_at=1400.0, live=a_live(), is_stop_requested=True)
        extended = store.extend_lease(SWEEP, 0, 1, 1700.0, None)
        assert extended == replace(lease, lease_end=1700.0, suspect_at=None) == stands(store)

    def test_never_shortens(self, store: Store) -> None:
        lease = opened(store, suspect_at=1200.0)
        assert store.extend_lease(SWEEP, 0, 1, 1299.0, None) == replace(lease, suspect_at=None)
        assert stands(store).lease_end == 1300.0

    @pytest.mark.parametrize("number", [0.75, 1e300, 5e-324, *NON_FINITE])
    def test_applies_a_report(self, store: Store, number: float) -> None:
        lease = opened(store)
        live = a_live(0, last=number, best=None)
        extended = store.extend_lease(SWEEP, 0, 1, 1700.0, live)
        assert repr(extended) == repr(replace(lease, lease_end=1700.0, live=live))
        assert repr(stands(store)) == repr(extended)

    def test_reports_in_order(self, store: Store) -> None:
        opened(store)
        for offset in (0, 1, 10, 2**40):
            extended = store.extend_lease(SWEEP, 0, 1, 1700.0, a_live(offset, n_values=offset))
            assert extended.live == a_live(offset, n_values=offset) == stands(store).live

    @pytest.mark.parametrize("offset", [10, 9, 0])
    def test_a_report_counts_once(self, store: Store, offset: int) -> None:
        opened(store, suspect_at=1250.0, live=a_live(10))
        with unchanged(store):
            told = store.extend_lease(SWEEP, 0, 1, 1700.0, a_live(offset, n_values=99))
        assert told == stands(store)

    def test_a_beat_leaves_the_report(self, store: Store) -> None:
        opened(store, live=a_live(10))
        assert store.extend_lease(SWEEP, 0, 1, 1700.0, None).live == a_live(10)

    @pytest.mark.parametrize("live", [None, a_live()])
    @pytest.mark.parametrize(
        "standing",
        [{"attempt": 2}, {"attempt": 0}, {"released_attempt": 1}, {"released_attempt": 2}],
    )
    def test_lost(
        self, store: Store, standing: dict[str, object], live: LiveSummary | None
    ) -> None:
        opened(store, **standing)
        with unchanged(store), pytest.raises(LeaseLost, match=f"{SWEEP}-0"):
            store.extend_lease(SWEEP, 0, 1, 1700.0, live)

    def test_lost_comes_before_applied(self, store: Store) -> None:
        opened(store, attempt=2, live=a_live(10))
        with unchanged(store), pytest.raises(LeaseLost):
            store.extend_lease(SWEEP, 0, 1, 1700.0, a_live(0))

    def test_no_lease(self, store: Store) -> None:
        with unchanged(store), pytest.raises(LeaseLost):
            store.extend_lease(SWEEP, 0, 1, 1700.0, None)

    def test_an_earlier_release_is_past(self, store: Store) -> None:
        opened(store, attempt=2, released_attempt=1)
        assert store.extend_lease(SWEEP, 0, 2, 1700.0, None).lease_end == 1700.0


class TestPreemptLease:
    @pytest.mark.parametrize("lease_end", [1200.0, 1300.0, 1700.0])
    def test_sets_the_end_and_clears_the_suspicion(self, store: Store, lease_end: float) -> None:
        lease = opened(store, suspect_at=1400.0, live=a_live(), is_stop_requested=True)
        preempted = store.preempt_lease(SWEEP, 0, 1, lease_end)
        expected = replace(lease, lease_end=lease_end, suspect_at=None, is_preempting=True)
        assert preempted == expected == stands(store)

    def test_repeat_is_fine(self, store: Store) -> None:
        opened(store)
        store.preempt_lease(SWEEP, 0, 1, 1200.0)
        with unchanged(store):
            store.preempt_lease(SWEEP, 0, 1, 1200.0)

    def test_an_extension_leaves_the_mark(self, store: Store) -> None:
        opened(store)
        store.preempt_lease(SWEEP, 0, 1, 1200.0)
        extended = store.extend_lease(SWEEP, 0, 1, 1230.0, a_live())
        assert (extended.is_preempting, extended.lease_end) == (True, 1230.0)

    @pytest.mark.parametrize("standing", [{"attempt": 0}, {"attempt": 2}, {"released_attempt": 1}])
    def test_lost(self, store: Store, standing: dict[str, object]) -> None:
        opened(store, **standing)
        with unchanged(store), pytest.raises(LeaseLost):
            store.preempt_lease(SWEEP, 0, 1, 1200.0)

    def test_no_lease(self, store: Store) -> None:
        with unchanged(store), pytest.raises(LeaseLost):
            store.preempt_lease(SWEEP, 0, 1, 1200.0)


class TestReleaseLease:
    def test_gives_back(self, store: Store) -> None:
        lease = opened(store, suspect_at=1400.0, losses=1, live=a_live(), unit=(0.5,))
        store.release_lease(SWEEP, 0, 1, 2)
        released = replace(lease, lease_end=0, released_attempt=1, failures=2, suspect_at=None)
        assert stands(store) == released
        assert stands(store).is_released

    def test_repeat_is_fine(self, store: Store) -> None:
        opened(store)
        store.release_lease(SWEEP, 0, 1, 1)
        with unchanged(store):
            store.release_lease(SWEEP, 0, 1, 1)
            store.release_lease(SWEEP, 0, 1, 2)

    def test_late_repeat_leaves_the_next_attempt_alone(self, store: Store) -> None:
        opened(store)
        store.release_lease(SWEEP, 0, 1, 1)
        store.take_lease(SWEEP, stands(store), a_lease(attempt=2, key="new"))
        with unchanged(store):
            store.release_lease(SWEEP, 0, 1, 1)

    @pytest.mark.parametrize("attempt", [0, 2])
    def test_another_attempt(self, store: Store, attempt: int) -> None:
        opened(store)
        with unchanged(store), pytest.raises(LeaseLost):
            store.release_lease(SWEEP, 0, attempt, 1)

    def test_no_lease(self, store: Store) -> None:
        with unchanged(store), pytest.raises(LeaseLost):
            store.release_lease(SWEEP, 0, 1, 1)


class TestStopRun:
    def test_sets_the_flag(self, store: Store) -> None:
        lease = opened(store, live=a_live())
        store.stop_run(SWEEP, 0)
        assert stands(store) == replace(lease, is_stop_requested=True)

    def test_repeat_is_fine(self, store: Store) -> None:
        opened(store)
        store.stop_run(SWEEP, 0)
        with unchanged(store):
            store.stop_run(SWEEP, 0)

    def test_nobody_works_on_it(self, store: Store) -> None:
        opened(store, released_attempt=1)
        for index in (0, 1):
            with unchanged(store), pytest.raises(NotPossible, match=f"{SWEEP}-{index}"):
                store.stop_run(SWEEP, index)


class TestMarkStopped:
    @pytest.mark.parametrize("value", [0.83, 1 / 3, -1e300, 5e-324])
    def test_keeps_the_reason(self, store: Store, value: float) -> None:
        lease = opened(store, live=a_live(), suspect_at=1200.0)
        store.mark_stopped(SWEEP, 0, 1, EarlyStop(9, value, 0.61))
        assert stands(store) == replace(lease, early_stop=EarlyStop(9, value, 0.61))

    def test_the_first_reason_stands(self, store: Store) -> None:
        opened(store, early_stop=STOP)
        with unchanged(store):
            store.mark_stopped(SWEEP, 0, 1, EarlyStop(27, 0.9, 0.1))

    @pytest.mark.parametrize(
        "standing",
        [{"attempt": 2}, {"attempt": 0}, {"released_attempt": 1}, {"released_attempt": 2}],
    )
    def test_leaves_a_lease_that_is_not_the_holders(
        self, store: Store, standing: dict[str, object]
    ) -> None:
        opened(store, **standing)
        with unchanged(store):
            store.mark_stopped(SWEEP, 0, 1, STOP)

    def test_no_lease(self, store: Store) -> None:
        with unchanged(store):
            store.mark_stopped(SWEEP, 0, 1, STOP)

    def test_a_beat_and_a_report_leave_it(self, store: Store) -> None:
        opened(store, early_stop=STOP)
        assert store.extend_lease(SWEEP, 0, 1, 1700.0, None).early_stop == STOP
        assert store.extend_lease(SWEEP, 0, 1, 1800.0, a_live(3)).early_stop == STOP
        assert stands(store).early_stop == STOP

    def test_the_next_holder_has_not_been_told(self, store: Store) -> None:
        seen = opened(store, early_stop=STOP, suspect_at=1400.0)
        store.take_lease(SWEEP, seen, a_lease(attempt=2, key="next", lease_end=2000.0))
        assert stands(store).early_stop is None


class TestDropLease:
    @pytest.mark.parametrize("attempt", [1, 2])
    def test_drops(self, store: Store, attempt: int) -> None:
        opened(store)
        other = opened(store, 1)
        store.drop_lease(SWEEP, 0, attempt, 0)
        assert store.list_leases(SWEEP) == [other]

    def test_leaves_a_newer_attempt(self, store: Store) -> None:
        opened(store, attempt=2)
        with unchanged(store):
            store.drop_lease(SWEEP, 0, 1, 0)

    def test_repeat_is_fine(self, store: Store) -> None:
        opened(store)
        store.drop_lease(SWEEP, 0, 1, 0)
        with unchanged(store):
            store.drop_lease(SWEEP, 0, 1, 0)

    def test_may_be_opened_again(self, store: Store) -> None:
        opened(store, live=a_live(), unit=(0.5,))
        store.drop_lease(SWEEP, 0, 1, 0)
        assert opened(store, key="new") == stands(store)
