"""Contract: sweeps, config versions and the counter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import (
    NON_FINITE,
    SWEEP,
    UNICODE,
    a_batch,
    a_counter,
    a_lease,
    a_meta,
    a_run,
    add_sweep,
    an_attempt_record,
    an_observation,
    contents,
    unchanged,
)

from sweep_service.errors import Exhausted, InvalidRequest, NotFound, NotRunning, Stale
from sweep_service.model.records.records import Base, SweepHead, Taken
from sweep_service.model.records.states import ALLOWED_FROM, SweepState
from sweep_service.storage.store import Store

RUNNING, PAUSED = SweepState.RUNNING, SweepState.PAUSED
FINISHED, CANCELED = SweepState.FINISHED, SweepState.CANCELED


class TestCreateSweep:
    def test_what_was_created_is_read_back(self, store: Store) -> None:
        meta = a_meta(name=UNICODE, project=UNICODE)
        counter = a_counter(
            next_index=4, limit=9, run_cap=10, bases=(Base(1, 0), Base(2, 3)), change=5
        )
        store.create_sweep(meta, counter)
        assert store.get_meta(SWEEP, 1) == meta
        assert store.get_counter(SWEEP) == counter
        assert store.list_sweeps(None, None, 5) == [SweepHead(SWEEP, UNICODE, UNICODE, 1000.0)]

    @pytest.mark.parametrize("seed", [0, -1, 2**63, 10**30])
    def test_any_seed_is_kept(self, store: Store, seed: int) -> None:
        store.create_sweep(a_meta(), a_counter(seed=seed))
        assert store.get_counter(SWEEP).seed == seed

    @pytest.mark.parametrize("number", NON_FINITE)
    def test_non_finite_numbers_in_the_document_stay_numbers(
        self, store: Store, number: float
    ) -> None:
        document = {"values": [number, "NaN", "Infinity", 1e-320, 10**40, True, None]}
        store.create_sweep(a_meta(document=document), a_counter())
        assert repr(store.get_meta(SWEEP, 1).document) == repr(document)

    def test_a_large_document_is_kept(self, store: Store) -> None:
        document = {"values": [f"{UNICODE}{n}" for n in range(2500)]}
        store.create_sweep(a_meta(document=document), a_counter())
        assert store.get_meta(SWEEP, 1).document == document

    def test_repeat_changes_nothing(self, store: Store) -> None:
        store.create_sweep(a_meta(), a_counter())
        store.claim_index(SWEEP)
        with unchanged(store):
            store.create_sweep(a_meta(), a_counter())

    def test_an_id_is_taken_by_another_key(self, store: Store) -> None:
        store.create_sweep(a_meta(), a_counter())
        with unchanged(store), pytest.raises(Stale):
            store.create_sweep(a_meta(create_key="other"), a_counter(limit=3))

    def test_text_that_no_item_can_hold_is_refused(self, store: Store) -> None:
        with unchanged(store), pytest.raises(InvalidRequest):
            store.create_sweep(a_meta(name="\ud800"), a_counter())

    def test_a_limit_beyond_64_bits_is_bounded(self, store: Store) -> None:
        store.create_sweep(a_meta(), a_counter(limit=10**40, run_cap=10**41))
        counter = store.get_counter(SWEEP)
        assert (counter.limit, counter.run_cap) == (2**63 - 1, 2**63 - 1)
        assert store.claim_index(SWEEP)[0] == 0
        counter = store.get_counter(SWEEP)
        assert store.finish_sweep(SWEEP, counter).state is FINISHED


class TestReading:
    def test_unknown_sweep(self, store: Store) -> None:
        counter = a_counter()
        for call in (
            lambda: store.get_counter(SWEEP),
            lambda: store.get_meta(SWEEP, 1),
            lambda: store.claim_index(SWEEP),
            lambda: store.finish_sweep(SWEEP, counter),
            lambda: store.set_state(SWEEP, PAUSED, [RUNNING], counter),
            lambda: store.set_limit(SWEEP, 1, 1, counter),
            lambda: store.add_version(a_meta(), None, counter),
        ):
            with unchanged(store), pytest.raises(NotFound, match=SWEEP):
                call()

    def test_unknown_version(self, store: Store) -> None:
        add_sweep(store)
        with pytest.raises(NotFound, match="version 2"):
            store.get_meta(SWEEP, 2)

    def test_unknown_sweep_is_an_empty_one_where_no_counter_is_needed(self, store: Store) -> None:
        assert store.list_leases(SWEEP) == store.list_runs(SWEEP, 0, 5) == []
        assert store.list_run_heads(SWEEP) == store.list_observations(SWEEP, 0) == []
        assert store.list_rows(SWEEP, 0, None, 5) == store.list_attempt_records(SWEEP, 0) == []
        assert store.get_lease(SWEEP, 0) is store.get_run(SWEEP, 0) is None
        assert store.get_error_tail(SWEEP, 0, 1) is None
        assert store.list_band(SWEEP, 0) == {}


class TestListSweeps:
    def test_newest_first_page_by_page(self, store: Store) -> None:
        times = {"aaaaaaaa": 5.0, "bbbbbbbb": 7.5, "cccccccc": 7.5, "dddddddd": 6.0}
        for sweep, created_at in times.items():
            store.create_sweep(a_meta(sweep=sweep, created_at=created_at), a_counter())
        seen, after = [], None
        while page := store.list_sweeps(None, after, 1):
            assert len(page) == 1
            seen += page
            after = (page[-1].created_at, page[-1].sweep)
        assert [head.sweep for head in seen] == ["cccccccc", "bbbbbbbb", "dddddddd", "aaaaaaaa"]
        assert seen == store.list_sweeps(None, None, 9)

    def test_of_one_project(self, store: Store) -> None:
        for n, project in enumerate(["a", "b", "a", "a'", ""]):
            store.create_sweep(a_meta(sweep=f"sweep-{n}", project=project), a_counter())
        assert [head.sweep for head in store.list_sweeps("a", None, 9)] == ["sweep-2", "sweep-0"]
        assert [head.sweep for head in store.list_sweeps("a", (1000.0, "sweep-2"), 9)] == [
            "sweep-0"
        ]
        assert [head.sweep for head in store.list_sweeps("", None, 9)] == ["sweep-4"]
        assert store.list_sweeps("c", None, 9) == []


class TestDeleteSweep:
    def test_all_of_it_and_nothing_else(self, store: Store) -> None:
        for sweep in (SWEEP, "other123"):
            add_sweep(store, sweep)
            store.add_version(a_meta(sweep=sweep), None, store.get_counter(sweep))
            store.open_lease(sweep, a_lease())
            store.create_run(sweep, a_run())
            store.put_observation(sweep, an_observation())
            store.put_band(sweep, 1, 0, 1, 0.5)
            store.put_rows(sweep, 0, a_batch())
            store.put_attempt_record(sweep, an_attempt_record())
            store.put_error_tail(sweep, 0, 1, "Traceback")
        other = contents(store, "other123")
        store.delete_sweep(SWEEP)
        assert contents(store) == contents(store, "never123")
        with pytest.raises(NotFound):
            store.get_meta(SWEEP, 2)
        assert contents(store, "other123") == other

    def test_more_rows_than_one_write_removes(self, store: Store) -> None:
        add_sweep(store)
        for index in range(1100):
            store.put_band(SWEEP, 0, index, 1, 0.5)
        store.delete_sweep(SWEEP)
        assert store.list_band(SWEEP, 0) == {}

    def test_no_such_sweep_is_fine(self, store: Store) -> None:
        store.delete_sweep(SWEEP)


class TestClaimIndex:
    def test_indices_in_order_up_to_the_limit(self, store: Store) -> None:
        add_sweep(store, limit=3)
        for index in range(3):
            claimed, counter = store.claim_index(SWEEP)
            assert (claimed, counter.next_index) == (index, index + 1)
            assert counter == store.get_counter(SWEEP)
        with unchanged(store), pytest.raises(Exhausted):
            store.claim_index(SWEEP)

    def test_endless(self, store: Store) -> None:
        add_sweep(store, limit=None, next_index=10**12)
        assert store.claim_index(SWEEP)[0] == 10**12

    @pytest.mark.parametrize("state", [PAUSED, FINISHED, CANCELED])
    def test_only_while_running(self, store: Store, state: SweepState) -> None:
        add_sweep(store, state=state)
        with unchanged(store), pytest.raises(NotRunning, match=state.value):
            store.claim_index(SWEEP)

    def test_not_running_comes_before_exhausted(self, store: Store) -> None:
        add_sweep(store, state=FINISHED, limit=0)
        with pytest.raises(NotRunning):
            store.claim_index(SWEEP)

    def test_sweeps_do_not_share_indices(self, store: Store) -> None:
        add_sweep(store)
        add_sweep(store, "other123")
        store.claim_index(SWEEP)
        assert store.claim_index("other123")[0] == 0


class TestFinishSweep:
    def test_finishes_and_tells(self, store: Store) -> None:
        seen = add_sweep(store, limit=0, change=3)
        finished = store.finish_sweep(SWEEP, seen)
        assert finished == replace(seen, state=FINISHED, change=4) == store.get_counter(SWEEP)

    def test_repeat_is_fine(self, store: Store) -> None:
        seen = add_sweep(store, limit=0)
        finished = store.finish_sweep(SWEEP, seen)
        with unchanged(store):
            assert store.finish_sweep(SWEEP, seen) == finished

    @pytest.mark.parametrize("other", [{"next_index": 1}, {"change": 6}, {"change": 8}])
    def test_what_was_seen_has_changed(self, store: Store, other: dict[str, object]) -> None:
        """Limit, version and state change with ``change`` alone."""
        stands = add_sweep(store, limit=5, next_index=5, change=7)
        with unchanged(store), pytest.raises(Stale):
            store.finish_sweep(SWEEP, replace(stands, **other))

    @pytest.mark.parametrize("state", [PAUSED, CANCELED])
    def test_only_while_running(self, store: Store, state: SweepState) -> None:
        stands = add_sweep(store, state=state)
        with unchanged(store), pytest.raises(Stale):
            store.finish_sweep(SWEEP, stands)


class TestSetState:
    @pytest.mark.parametrize(
        ("old", "new"), [(old, new) for new, olds in ALLOWED_FROM.items() for old in olds]
    )
    def test_allowed(self, store: Store, old: SweepState, new: SweepState) -> None:
        seen = add_sweep(store, state=old, change=2)
        counter = store.set_state(SWEEP, new, ALLOWED_FROM[new], seen)
        assert counter == replace(seen, state=new, change=3) == store.get_counter(SWEEP)

    @pytest.mark.parametrize(
        ("old", "new"),
        [(old, new) for new, olds in ALLOWED_FROM.items() for old in SweepState if old not in olds],
    )
    def test_not_allowed(self, store: Store, old: SweepState, new: SweepState) -> None:
        seen = add_sweep(store, state=old)
        with unchanged(store), pytest.raises(Stale):
            store.set_state(SWEEP, new, ALLOWED_FROM[new], seen)

    def test_change_as_seen(self, store: Store) -> None:
        seen = add_sweep(store, change=2)
        for change in (0, 1, 3):
            with unchanged(store), pytest.raises(Stale):
                store.set_state(SWEEP, PAUSED, [RUNNING], replace(seen, change=change))

    def test_repeat_is_fine(self, store: Store) -> None:
        seen = add_sweep(store)
        paused = store.set_state(SWEEP, PAUSED, [RUNNING], seen)
        with unchanged(store):
            assert store.set_state(SWEEP, PAUSED, [RUNNING], seen) == paused

    def test_claims_do_not_stand_in_the_way(self, store: Store) -> None:
        seen = add_sweep(store)
        store.claim_index(SWEEP)
        assert store.set_state(SWEEP, PAUSED, [RUNNING], seen).next_index == 1


class TestSetLimit:
    def test_sets_both(self, store: Store) -> None:
        seen = add_sweep(store, next_index=2, limit=9, change=1)
        counter = store.set_limit(SWEEP, 5, 4, seen)
        assert counter == replace(seen, run_cap=5, limit=4, change=2) == store.get_counter(SWEEP)

    def test_to_endless(self, store: Store) -> None:
        seen = add_sweep(store, limit=9, run_cap=9)
        counter = store.set_limit(SWEEP, None, None, seen)
        assert (counter.limit, counter.run_cap) == (None, None)

    def test_down_to_what_was_given_out_but_no_further(self, store: Store) -> None:
        seen = add_sweep(store, next_index=4)
        with unchanged(store), pytest.raises(Stale):
            store.set_limit(SWEEP, 3, 3, seen)
        assert store.set_limit(SWEEP, 4, 4, seen).limit == 4

    def test_claims_since_count(self, store: Store) -> None:
        seen = add_sweep(store)
        store.claim_index(SWEEP)
        with unchanged(store), pytest.raises(Stale):
            store.set_limit(SWEEP, 0, 0, seen)

    def test_change_as_seen(self, store: Store) -> None:
        seen = add_sweep(store, change=2)
        for change in (0, 1, 3):
            with unchanged(store), pytest.raises(Stale):
                store.set_limit(SWEEP, 5, 5, replace(seen, change=change))

    def test_repeat_is_fine(self, store: Store) -> None:
        seen = add_sweep(store)
        counter = store.set_limit(SWEEP, 5, 4, seen)
        with unchanged(store):
            assert store.set_limit(SWEEP, 5, 4, seen) == counter
        with unchanged(store), pytest.raises(Stale):
            store.set_limit(SWEEP, 5, 5, seen)
        with unchanged(store), pytest.raises(Stale):
            store.set_limit(SWEEP, 4, 4, seen)

    @pytest.mark.parametrize("limit", [6, None])
    def test_an_exhausted_sweep_runs_again(self, store: Store, limit: int | None) -> None:
        seen = add_sweep(store, state=FINISHED, next_index=5, limit=5)
        assert store.set_limit(SWEEP, None, limit, seen).state is RUNNING
        assert store.claim_index(SWEEP)[0] == 5

    @pytest.mark.parametrize(
        ("state", "next_index", "old", "new"),
        [
            (FINISHED, 4, 5, 6),  # finished before its end, as by a metric's target
            (FINISHED, 4, None, 6),
            (FINISHED, 5, 5, 5),
            (CANCELED, 5, 5, 6),
            (PAUSED, 5, 5, 6),
        ],
    )
    def test_other_sweeps_stay_in_their_state(
        self, store: Store, state: SweepState, next_index: int, old: int | None, new: int
    ) -> None:
        seen = add_sweep(store, state=state, next_index=next_index, limit=old)
        assert store.set_limit(SWEEP, None, new, seen).state is state


class TestAddVersion:
    def test_the_newest_from_the_next_index_on(self, store: Store) -> None:
        seen = add_sweep(store, next_index=3, limit=5, change=1)
        meta = a_meta(version=2, document={"method": "random"}, created_at=1500.0)
        counter = store.add_version(meta, 9, seen)
        assert counter == replace(seen, bases=(Base(1, 0), Base(2, 3)), limit=9, change=2)
        assert counter == store.get_counter(SWEEP)
        assert store.get_meta(SWEEP, 2) == meta
        assert store.get_meta(SWEEP, 1).document == a_meta().document
        assert [counter.version_of(index) for index in (2, 3)] == [1, 2]

    def test_what_was_taken_is_kept_with_it(self, store: Store) -> None:
        taken = Taken((1,), (0, 1, 2, 7, 10**30), (7,))
        seen = add_sweep(store)
        store.add_version(a_meta(version=2, taken=taken), 9, seen)
        assert store.get_meta(SWEEP, 2).taken == taken
        assert store.get_meta(SWEEP, 1).taken is None

    def test_another_that_differs_in_what_was_taken_was_faster(self, store: Store) -> None:
        seen = add_sweep(store)
        store.add_version(a_meta(version=2, taken=Taken(points=(1,))), 9, seen)
        with unchanged(store), pytest.raises(Stale):
            store.add_version(a_meta(version=2, taken=Taken(points=(2,))), 9, seen)

    def test_repeat_is_fine(self, store: Store) -> None:
        seen = add_sweep(store)
        counter = store.add_version(a_meta(version=2), 9, seen)
        with unchanged(store):
            assert store.add_version(a_meta(version=2), 9, seen) == counter

    def test_another_document_was_faster(self, store: Store) -> None:
        seen = add_sweep(store)
        store.add_version(a_meta(version=2), 9, seen)
        with unchanged(store), pytest.raises(Stale):
            store.add_version(a_meta(version=2, document={"method": "random"}), 9, seen)

    @pytest.mark.parametrize("other", [{"next_index": 2}, {"change": 0}, {"bases": (Base(2, 0),)}])
    def test_the_counter_as_seen(self, store: Store, other: dict[str, object]) -> None:
        stands = add_sweep(store, next_index=3, change=1)
        with unchanged(store), pytest.raises(Stale):
            store.add_version(a_meta(version=2), None, replace(stands, **other))

    def test_a_claim_since_counts(self, store: Store) -> None:
        seen = add_sweep(store)
        store.claim_index(SWEEP)
        with pytest.raises(Stale):
            store.add_version(a_meta(version=2), None, seen)
        assert store.get_counter(SWEEP).version == 1

    def test_an_exhausted_sweep_runs_again(self, store: Store) -> None:
        seen = add_sweep(store, state=FINISHED, next_index=5, limit=5)
        assert store.add_version(a_meta(version=2), 6, seen).state is RUNNING

    def test_a_finished_sweep_without_new_points_stays_finished(self, store: Store) -> None:
        seen = add_sweep(store, state=FINISHED, next_index=5, limit=5)
        assert store.add_version(a_meta(version=2), 5, seen).state is FINISHED

    def test_several_at_one_index(self, store: Store) -> None:
        counter = add_sweep(store, next_index=3)
        for version in (2, 3):
            document = {"method": "grid", "version": version}
            counter = store.add_version(a_meta(document=document), None, counter)
        assert counter.version_of(3) == 3
        assert store.get_meta(SWEEP, 3).document == {"method": "grid", "version": 3}
