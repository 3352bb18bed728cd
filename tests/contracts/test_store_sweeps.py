"""Contract: sweeps, config versions and the counter."""

from __future__ import annotations

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
    keep,
    unchanged,
)

from sweep_service.errors import Exhausted, InvalidRequest, NotFound, NotRunning, Stale
from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.records import Base, Taken
from sweep_service.model.records.shown import SweepHead
from sweep_service.model.records.states import SweepState
from sweep_service.storage.store import Store

RUNNING, PAUSED = SweepState.RUNNING, SweepState.PAUSED
FINISHED, CANCELED = SweepState.FINISHED, SweepState.CANCELED


class TestCreateSweep:
    def test_what_was_created_is_read_back(self, store: Store) -> None:
        meta = a_meta(name=UNICODE, project=UNICODE, command_at=1 / 3, command_by=UNICODE)
        counter = a_counter(
            next_index=4, limit=9, run_cap=10, bases=(Base(1, 0), Base(2, 3)), change=5
        )
        store.create_sweep(meta, counter)
        assert store.get_config_version(SWEEP, 1) == meta
        assert store.get_status(SWEEP) == counter
        assert store.list_sweeps(None, None, 5) == [SweepHead(SWEEP, UNICODE, UNICODE, 1000.0)]

    @pytest.mark.parametrize("seed", [0, -1, 2**63, 10**30])
    def test_any_seed_is_kept(self, store: Store, seed: int) -> None:
        store.create_sweep(a_meta(), a_counter(seed=seed))
        assert store.get_status(SWEEP).seed == seed

    @pytest.mark.parametrize("number", NON_FINITE)
    def test_non_finite_numbers_in_the_document_stay_numbers(
        self, store: Store, number: float
    ) -> None:
        document = {"values": [number, "NaN", "Infinity", 1e-320, 10**40, True, None]}
        store.create_sweep(a_meta(document=document), a_counter())
        assert repr(store.get_config_version(SWEEP, 1).document) == repr(document)

    def test_a_large_document_is_kept(self, store: Store) -> None:
        document = {"values": [f"{UNICODE}{n}" for n in range(2500)]}
        store.create_sweep(a_meta(document=document), a_counter())
        assert store.get_config_version(SWEEP, 1).document == document

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


class TestReading:
    def test_unknown_sweep(self, store: Store) -> None:
        for call in (
            lambda: store.get_status(SWEEP),
            lambda: store.get_config_version(SWEEP, 1),
            lambda: store.claim_index(SWEEP),
        ):
            with unchanged(store), pytest.raises(NotFound, match=SWEEP):
                call()

    def test_unknown_version(self, store: Store) -> None:
        add_sweep(store)
        with pytest.raises(NotFound, match="version 2"):
            store.get_config_version(SWEEP, 2)

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

    def test_sweeps_are_listed_by_project(self, store: Store) -> None:
        for n, project in enumerate(["a", "b", "a", "a'", ""]):
            store.create_sweep(a_meta(sweep=f"sweep-{n}", project=project), a_counter())
        assert [head.sweep for head in store.list_sweeps("a", None, 9)] == ["sweep-2", "sweep-0"]
        assert [head.sweep for head in store.list_sweeps("a", (1000.0, "sweep-2"), 9)] == [
            "sweep-0"
        ]
        assert [head.sweep for head in store.list_sweeps("", None, 9)] == ["sweep-4"]
        assert store.list_sweeps("c", None, 9) == []


class TestDeleteSweep:
    def test_deletes_everything_of_the_sweep_and_nothing_else(self, store: Store) -> None:
        for sweep in (SWEEP, "other123"):
            add_sweep(store, sweep)
            store.add_config_version(a_meta(sweep=sweep, version=2))
            store.save(sweep, None, a_lease())
            store.save(sweep, None, a_run())
            keep(store, an_observation(), sweep)
            store.append(sweep, 0, BandValue(1, 1, 0.5))
            store.append(sweep, 0, a_batch())
            keep(store, an_attempt_record(), sweep)
            store.append(sweep, 0, ErrorTail(1, "Traceback"))
        other = contents(store, "other123")
        store.delete_sweep(SWEEP)
        assert contents(store) == contents(store, "never123")
        with pytest.raises(NotFound):
            store.get_config_version(SWEEP, 2)
        assert contents(store, "other123") == other

    def test_more_rows_than_one_write_removes(self, store: Store) -> None:
        add_sweep(store)
        for index in range(1100):
            store.append(SWEEP, index, BandValue(0, 1, 0.5))
        store.delete_sweep(SWEEP)
        assert store.list_band(SWEEP, 0) == {}

    def test_deleting_an_unknown_sweep_succeeds(self, store: Store) -> None:
        store.delete_sweep(SWEEP)


class TestClaimIndex:
    def test_indices_in_order_up_to_the_limit(self, store: Store) -> None:
        add_sweep(store, limit=3)
        for index in range(3):
            claimed, counter = store.claim_index(SWEEP)
            assert (claimed, counter.next_index) == (index, index + 1)
            assert counter == store.get_status(SWEEP)
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

    def test_not_running_takes_precedence_over_exhausted(self, store: Store) -> None:
        add_sweep(store, state=FINISHED, limit=0)
        with pytest.raises(NotRunning):
            store.claim_index(SWEEP)

    def test_sweeps_do_not_share_indices(self, store: Store) -> None:
        add_sweep(store)
        add_sweep(store, "other123")
        store.claim_index(SWEEP)
        assert store.claim_index("other123")[0] == 0


class TestAddConfigVersion:
    def test_is_read_back(self, store: Store) -> None:
        add_sweep(store)
        taken = Taken((1,), (0, 1, 2, 7, 10**30), (7,))
        meta = a_meta(version=2, document={"method": "random"}, created_at=1500.0, taken=taken)
        assert store.add_config_version(meta)
        assert store.get_config_version(SWEEP, 2) == meta
        assert store.get_config_version(SWEEP, 1).document == a_meta().document
        assert store.get_config_version(SWEEP, 1).taken is None
        assert store.get_status(SWEEP).version == 1

    def test_added_points_are_read_back(self, store: Store) -> None:
        add_sweep(store)
        points = ({"lr": 0.1, UNICODE: {"a": [1, None, True]}}, {"lr": 1 / 3})
        meta = a_meta(version=2, added=points)
        assert store.add_config_version(meta)
        assert store.get_config_version(SWEEP, 2) == meta

    def test_a_repeat_is_fine(self, store: Store) -> None:
        add_sweep(store)
        meta = a_meta(version=2, document={"x": NON_FINITE[0]}, added=({"lr": NON_FINITE[0]},))
        assert store.add_config_version(meta)
        with unchanged(store):
            assert store.add_config_version(meta)

    @pytest.mark.parametrize(
        "other",
        [
            {"document": {"method": "random"}},
            {"taken": Taken(points=(2,))},
            {"added": ({"lr": 0.1},)},
        ],
    )
    def test_a_number_is_taken_by_another(self, store: Store, other: dict[str, object]) -> None:
        add_sweep(store)
        store.add_config_version(a_meta(version=2))
        with unchanged(store):
            assert not store.add_config_version(a_meta(version=2, **other))
        assert store.get_config_version(SWEEP, 2) == a_meta(version=2)
