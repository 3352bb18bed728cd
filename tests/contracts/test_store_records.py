"""Contract: conditional writes and deletions of records."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from store_samples import (
    NON_FINITE,
    SWEEP,
    UNICODE,
    a_counter,
    a_lease,
    a_live,
    a_meta,
    a_run,
    an_attempt_record,
    an_outcome,
    unchanged,
)

from sweep_service.errors import InvalidRequest, NotFound, Stale
from sweep_service.model.records.records import (
    Amendment,
    EarlyStop,
    Lease,
    LiveSummary,
    Run,
    RunHead,
    SweepStatus,
)
from sweep_service.model.records.shown import Final, Labels, SweepInfo
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.store import Store

LEASES: list[dict[str, Any]] = [
    {},
    {"key": UNICODE, "agent": UNICODE, "host": UNICODE, "slot": UNICODE},
    {"key": "", "agent": "", "host": "", "slot": ""},
    {"attempt": 0, "lease_end": 0.0, "released_attempt": 0},
    {"suspect_at": 1234.5, "losses": 2, "failures": 3, "is_stop_requested": True},
    {"is_preempting": True},
    {"revision": 2, "amendment": Amendment.AGAIN},
    {"unit": ()},
    {"unit": (0.1, 1 / 3, 1e-320, 1.0)},
    {"live": a_live()},
    *({"live": a_live(last=number, best=number)} for number in NON_FINITE),
    {"early_stop": EarlyStop(9, 0.83, -1 / 3)},
    {"live": LiveSummary(offset=0)},
    {"live": LiveSummary(step=-3)},
    {"live": a_live(names=("loss", UNICODE))},
    {"key": "k" * 3000, "unit": (0.5,) * 300},
]
OUTCOMES: list[dict[str, Any]] = [
    {},
    {"state": RunState.CRASHED, "exit_code": None, "best": None, "summary": {}},
    {"exit_code": -9, "signal": 9, "is_stopped_early": True, "early_stop": EarlyStop(9, 0.5, 0.25)},
    {"attributes": {"name": UNICODE, "tags": [UNICODE]}, "last": 0.75},
    *({"best": number, "summary": {"loss": number, UNICODE: "NaN"}} for number in NON_FINITE),
]
RUNS: list[dict[str, Any]] = [
    {},
    {"key": UNICODE, "agent": UNICODE, "host": UNICODE, "config": {UNICODE: [UNICODE]}},
    {"config": {"a": {"b": [1, 2.5, True, None, "", {}]}, "n": 10**40, "x": 1e-320}},
    {"config": {"a": 1, "b": 1.0, "c": True, "d": "1", "e": "NaN", "f": [0.0, -0.0]}},
    {"suggestion": {"expected_improvement": 0.25, "why": UNICODE}},
    *({"config": {"lr": number}, "suggestion": {"mean": number}} for number in NON_FINITE),
    {"config_version": 3, "attempt": 0},
    {"config": {f"parameter-{n}": UNICODE for n in range(2500)}},
    {"attributes": {"name": UNICODE, "config": {"epochs": 5}}, "revision": 3},
    *({"outcome": an_outcome(**changes)} for changes in OUTCOMES),
    {"labels": Labels(UNICODE, (UNICODE, "b"), "a note")},
    {"labels": Labels(notes=UNICODE)},
    {"attempts": (an_attempt_record(key=None), an_attempt_record(2, key=None, host=UNICODE))},
]
INFOS: list[dict[str, Any]] = [
    {},
    {"labels": Labels(UNICODE, (UNICODE,))},
    {"final": Final(7, {"finished": 3, "failed": 1}, 2, -0.5)},
    *({"final": Final(0, {}, 10**9, number)} for number in NON_FINITE),
]
RECORDS: list[Lease | Run | SweepInfo] = [
    *(a_lease(**changes) for changes in LEASES),
    *(a_run(**changes) for changes in RUNS),
    *(SweepInfo(**changes) for changes in INFOS),
]
COUNTER = a_counter(limit=9, run_cap=10, seed=10**30)


def read(store: Store, record: SweepStatus | Lease | Run | SweepInfo) -> Any:
    """The record that is stored in the place of another."""
    if isinstance(record, SweepStatus):
        return store.get_status(SWEEP)
    if isinstance(record, SweepInfo):
        return store.get_info(SWEEP)
    is_lease = isinstance(record, Lease)
    return (store.get_lease if is_lease else store.get_run)(SWEEP, record.index)


def saved(store: Store, record: Any) -> Any:
    """A record, saved where there was none, as read."""
    if isinstance(record, SweepStatus):
        store.create_sweep(a_meta(), record)
    else:
        store.save(SWEEP, None, record)
    return read(store, record)


def changed(record: Any) -> Any:
    """The record with something else in it."""
    if isinstance(record, SweepStatus):
        return replace(record, state=SweepState.PAUSED)
    if isinstance(record, SweepInfo):
        return replace(record, labels=Labels("another"))
    return replace(record, agent="another")


each_kind = pytest.mark.parametrize(
    "record",
    [COUNTER, a_lease(), a_run(), SweepInfo()],
    ids=["counter", "lease", "run", "info"],
)


class TestSave:
    @pytest.mark.parametrize("record", RECORDS)
    def test_a_new_record_is_read_back(self, store: Store, record: Lease | Run) -> None:
        assert repr(store.save(SWEEP, None, record)) == repr(record)
        assert repr(read(store, record)) == repr(record)

    @pytest.mark.parametrize("record", RECORDS)
    def test_a_changed_record_is_read_back(self, store: Store, record: Lease | Run) -> None:
        plain = {Lease: a_lease(), Run: a_run(), SweepInfo: SweepInfo()}
        first: Any = saved(store, plain[type(record)])
        stored = store.save(SWEEP, first, record)
        assert repr(stored) == repr(replace(record, change=1)) == repr(read(store, record))
        again = store.save(SWEEP, stored, first)  # all that is None or False again
        assert repr(again) == repr(replace(first, change=2)) == repr(read(store, record))

    def test_a_mapping_of_any_type_is_taken(self, store: Store) -> None:
        run = a_run(config=MappingProxyType({"a": MappingProxyType({})}))
        store.save(SWEEP, None, run)
        assert read(store, run).config == {"a": {}}
        store.save(SWEEP, None, run)

    @each_kind
    def test_changes_are_counted(self, store: Store, record: Any) -> None:
        record = saved(store, record)
        for n in range(1, 4):
            record = store.save(SWEEP, record, changed(record))
            assert record.change == n == read(store, record).change

    @each_kind
    def test_a_repeat_is_fine(self, store: Store, record: Any) -> None:
        seen = saved(store, record)
        first = store.save(SWEEP, seen, changed(seen))
        with unchanged(store):
            second = store.save(SWEEP, seen, changed(seen))
        assert (second, second.change) == (first, first.change)

    @pytest.mark.parametrize("record", RECORDS)
    def test_a_repeat_of_what_was_new_is_fine(self, store: Store, record: Lease | Run) -> None:
        store.save(SWEEP, None, record)
        with unchanged(store):
            store.save(SWEEP, None, record)

    @pytest.mark.parametrize("number", NON_FINITE)
    def test_a_repeat_with_non_finite_numbers_is_fine(self, store: Store, number: float) -> None:
        seen = saved(store, a_lease())
        reported = replace(seen, live=a_live(last=number))
        store.save(SWEEP, seen, reported)
        with unchanged(store):
            store.save(SWEEP, seen, reported)

    @each_kind
    def test_one_who_has_seen_it_before_its_last_change_is_refused(
        self, store: Store, record: Any
    ) -> None:
        seen = saved(store, record)
        stored = store.save(SWEEP, seen, changed(seen))
        more = {SweepStatus: {"run_cap": 3}, SweepInfo: {"final": Final(1, {})}}
        other = replace(changed(seen), **more.get(type(record), {"host": "h"}))
        with unchanged(store), pytest.raises(Stale) as refused:
            store.save(SWEEP, seen, other)
        assert refused.value.stored == stored
        assert refused.value.stored.change == stored.change

    @each_kind
    def test_a_change_that_was_taken_back_is_a_change(self, store: Store, record: Any) -> None:
        seen = saved(store, record)
        there = store.save(SWEEP, seen, changed(seen))
        store.save(SWEEP, there, seen)
        with unchanged(store), pytest.raises(Stale):
            store.save(SWEEP, seen, changed(seen))

    @pytest.mark.parametrize("record", [a_lease(), a_run()])
    @pytest.mark.parametrize("other", [{"key": "other"}, {"attempt": 2}, {"agent": "other"}])
    def test_where_none_was_seen_there_must_be_none(
        self, store: Store, record: Any, other: dict[str, Any]
    ) -> None:
        stored = saved(store, record)
        with unchanged(store), pytest.raises(Stale) as refused:
            store.save(SWEEP, None, replace(record, **other))
        assert refused.value.stored == stored

    @pytest.mark.parametrize("record", [a_lease(), a_run()])
    def test_saving_under_a_read_record_requires_that_it_exists(
        self, store: Store, record: Any
    ) -> None:
        with unchanged(store), pytest.raises(Stale) as refused:
            store.save(SWEEP, record, changed(record))
        assert refused.value.stored is None

    def test_saving_a_counter_of_an_unknown_sweep_raises_not_found(self, store: Store) -> None:
        with unchanged(store), pytest.raises(NotFound, match=SWEEP):
            store.save(SWEEP, COUNTER, changed(COUNTER))

    @pytest.mark.parametrize("text", ["\udc80"])
    def test_text_that_no_item_can_hold_is_refused(self, store: Store, text: str) -> None:
        for record in (a_lease(), a_run()):
            with unchanged(store), pytest.raises(InvalidRequest):
                store.save(SWEEP, None, replace(record, agent=text))  # type: ignore[type-var]
            seen = saved(store, record)
            with unchanged(store), pytest.raises(InvalidRequest):
                store.save(SWEEP, seen, replace(seen, host=text))

    def test_a_claim_is_a_change_of_the_counter(self, store: Store) -> None:
        seen = saved(store, COUNTER)
        store.claim_index(SWEEP)
        with unchanged(store), pytest.raises(Stale) as refused:
            store.save(SWEEP, seen, changed(seen))
        assert (refused.value.stored.next_index, refused.value.stored.change) == (1, 1)

    def test_neither_sweeps_nor_indices_share_records(self, store: Store) -> None:
        for sweep, index in ((SWEEP, 0), (SWEEP, 1), ("other123", 0)):
            store.save(sweep, None, a_lease(index, agent=f"{sweep} {index}"))
            store.save(sweep, None, a_run(index, agent=f"{sweep} {index}"))
        lease, run = store.get_lease(SWEEP, 0), store.get_run(SWEEP, 0)
        assert lease is not None
        assert run is not None
        store.save(SWEEP, lease, replace(lease, agent="changed"))
        store.save(SWEEP, run, replace(run, agent="changed"))
        for sweep, index in ((SWEEP, 1), ("other123", 0)):
            for record in (store.get_lease(sweep, index), store.get_run(sweep, index)):
                assert record is not None
                assert (record.agent, record.change) == (f"{sweep} {index}", 0)


class TestDelete:
    def test_deletes_a_lease_that_is_as_it_was_read(self, store: Store) -> None:
        lease = saved(store, a_lease())
        store.delete(SWEEP, lease)
        assert store.list_leases(SWEEP) == []
        with unchanged(store):
            store.delete(SWEEP, lease)

    def test_a_changed_lease_is_not_deleted(self, store: Store) -> None:
        seen = saved(store, a_lease())
        stored = store.save(SWEEP, seen, changed(seen))
        with unchanged(store), pytest.raises(Stale) as refused:
            store.delete(SWEEP, seen)
        assert refused.value.stored == stored
        store.delete(SWEEP, stored)
        assert store.get_lease(SWEEP, 0) is None

    @pytest.mark.parametrize("other", [{"attempt": 2}, {"revision": 1}])
    def test_a_lease_that_was_opened_again_is_another(
        self, store: Store, other: dict[str, int]
    ) -> None:
        seen = saved(store, a_lease())
        store.delete(SWEEP, seen)
        saved(store, a_lease(**other))
        with unchanged(store), pytest.raises(Stale):
            store.save(SWEEP, seen, changed(seen))
        with unchanged(store), pytest.raises(Stale):
            store.delete(SWEEP, seen)


class TestReading:
    def test_leases_by_index(self, store: Store) -> None:
        assert store.list_leases(SWEEP) == []
        leases = {index: saved(store, a_lease(index)) for index in (10, 2, 0, 10**12)}
        assert store.list_leases(SWEEP) == [leases[index] for index in sorted(leases)]
        assert store.get_lease(SWEEP, 10) == leases[10]
        assert store.list_leases("other123") == []
        assert store.get_lease("other123", 0) is None

    def test_runs_by_index_from_since(self, store: Store) -> None:
        runs = {index: saved(store, a_run(index)) for index in (10, 2, 0, 10**12)}
        ordered = [runs[index] for index in sorted(runs)]
        store.save("other123", None, a_run(1))
        assert store.list_runs(SWEEP, 0, 9) == ordered
        assert store.list_runs(SWEEP, 2, 2) == ordered[1:3]
        assert store.list_runs(SWEEP, 3, 9) == ordered[2:]
        assert store.list_runs(SWEEP, 10**12 + 1, 9) == []

    def test_pages_of_runs_stay_small_and_miss_nothing(self, store: Store) -> None:
        for index in range(30):
            store.save(SWEEP, None, a_run(index, config={"text": "x" * 60_000}))
        seen: list[int] = []
        while page := store.list_runs(SWEEP, len(seen), 100):
            assert len(page) * 60_000 < 2**20  # a page of DynamoDB
            seen += [run.index for run in page]
        assert seen == list(range(30))

    def test_runs_by_their_indices(self, store: Store) -> None:
        for index in (0, 1, 5, 7):
            store.save(SWEEP, None, a_run(index))
        found = store.get_runs(SWEEP, (7, 0, 3, 5))
        assert [run.index for run in found] == [0, 5, 7]
        assert found[0] == a_run(0)
        assert store.get_runs("another1", (0,)) == []
        assert store.get_runs(SWEEP, range(1000, 1100)) == []

    def test_heads_have_state_and_best(self, store: Store) -> None:
        outcomes = [None, an_outcome(), an_outcome(state=RunState.FAILED, best=None)]
        for index, outcome in enumerate(outcomes):
            store.save(SWEEP, None, a_run(index, outcome=outcome))
        assert store.list_run_heads(SWEEP) == [
            RunHead(0, None, None),
            RunHead(1, RunState.FINISHED, 0.25),
            RunHead(2, RunState.FAILED, None),
        ]

    def test_heads_of_more_than_a_page(self, store: Store) -> None:
        for index in range(120):
            store.save(SWEEP, None, a_run(index, config={"text": "x" * 20_000}))
        assert [head.index for head in store.list_run_heads(SWEEP)] == list(range(120))
