"""Contract: runs."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from store_samples import NON_FINITE, SWEEP, UNICODE, a_lease, a_run, an_outcome, unchanged

from sweep_service.errors import InvalidRequest, LeaseLost, RunEnded, RunExists
from sweep_service.model.records.records import Run, RunHead
from sweep_service.model.records.states import RunState
from sweep_service.storage.store import Store


def stands(store: Store, index: int = 0) -> Run:
    run = store.get_run(SWEEP, index)
    assert run is not None
    return run


class TestCreateRun:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"key": UNICODE, "agent": UNICODE, "host": UNICODE, "config": {UNICODE: [UNICODE]}},
            {"config": {"a": {"b": [1, 2.5, True, None, "", {}]}, "n": 10**40, "x": 1e-320}},
            {"suggestion": {"expected_improvement": 0.25, "why": UNICODE}},
            {"config_version": 3, "attempt": 0},
            {"config": {f"parameter-{n}": UNICODE for n in range(2500)}},
            {"outcome": an_outcome()},
        ],
    )
    def test_is_read_back(self, store: Store, changes: dict[str, object]) -> None:
        run = a_run(**changes)
        store.create_run(SWEEP, run)
        assert store.get_run(SWEEP, 0) == run
        assert store.list_runs(SWEEP, 0, 5) == [run]

    def test_types_of_values_stay(self, store: Store) -> None:
        config = {"a": 1, "b": 1.0, "c": True, "d": "1", "e": "NaN", "f": [0.0, -0.0]}
        store.create_run(SWEEP, a_run(config=config))
        assert repr(stands(store).config) == repr(config)

    @pytest.mark.parametrize("number", NON_FINITE)
    def test_non_finite_numbers(self, store: Store, number: float) -> None:
        run = a_run(config={"lr": number}, suggestion={"mean": number})
        store.create_run(SWEEP, run)
        assert repr(stands(store)) == repr(run)

    def test_any_mapping_is_taken(self, store: Store) -> None:
        store.create_run(SWEEP, a_run(config=MappingProxyType({"a": MappingProxyType({})})))
        assert stands(store).config == {"a": {}}

    def test_repeat_is_fine(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        with unchanged(store):
            store.create_run(SWEEP, a_run(config={"other": 1}, created_at=5000.0))

    def test_repeat_after_the_end_is_fine(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        store.end_run(SWEEP, 0, 1, 0, an_outcome())
        with unchanged(store):
            store.create_run(SWEEP, a_run())

    @pytest.mark.parametrize("other", [{"key": "other"}, {"attempt": 2}, {"attempt": 0}])
    def test_there_is_another(self, store: Store, other: dict[str, object]) -> None:
        store.create_run(SWEEP, a_run())
        with unchanged(store), pytest.raises(RunExists, match=f"{SWEEP}-0"):
            store.create_run(SWEEP, a_run(**other))


class TestListRuns:
    def test_by_index_from_since(self, store: Store) -> None:
        runs = {index: a_run(index) for index in (10, 2, 0, 10**12)}
        for run in runs.values():
            store.create_run(SWEEP, run)
        store.create_run("other123", a_run(3))
        assert store.list_runs(SWEEP, 0, 9) == [runs[index] for index in sorted(runs)]
        assert store.list_runs(SWEEP, 2, 9) == [runs[index] for index in (2, 10, 10**12)]
        assert store.list_runs(SWEEP, 3, 1) == [runs[10]]
        assert store.list_runs(SWEEP, 10**12 + 1, 9) == []

    def test_pages_stay_small_and_miss_nothing(self, store: Store) -> None:
        config = {"text": "x" * 90_000}
        for index in range(25):
            store.create_run(SWEEP, a_run(index, config=config))
        indices, page = [], store.list_runs(SWEEP, 0, 100)
        while page:
            assert sum(len(run.config["text"]) for run in page) < 1_000_000
            indices += [run.index for run in page]
            page = store.list_runs(SWEEP, indices[-1] + 1, 100)
        assert indices == list(range(25))


class TestListRunHeads:
    def test_state_and_best_of_all(self, store: Store) -> None:
        for index in (3, 1, 0, 2):
            store.create_run(SWEEP, a_run(index))
        store.end_run(SWEEP, 1, 1, 0, an_outcome(state=RunState.FAILED, best=None))
        store.end_run(SWEEP, 2, 1, 0, an_outcome(best=-1e300))
        store.create_run("other123", a_run(5))
        assert store.list_run_heads(SWEEP) == [
            RunHead(0, None, None),
            RunHead(1, RunState.FAILED, None),
            RunHead(2, RunState.FINISHED, -1e300),
            RunHead(3, None, None),
        ]

    def test_more_than_a_page(self, store: Store) -> None:
        for index in range(200):
            store.create_run(SWEEP, a_run(index, config={"text": "x" * 8000}))
        assert [head.index for head in store.list_run_heads(SWEEP)] == list(range(200))


class TestAdvanceAttempt:
    def test_text_that_no_item_can_hold_is_refused(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        with unchanged(store), pytest.raises(InvalidRequest):
            store.advance_attempt(SWEEP, 0, 2, a_lease(attempt=2, host="\udc80"), 1500.0)

    def test_moves_on(self, store: Store) -> None:
        run = a_run()
        store.create_run(SWEEP, run)
        lease = a_lease(attempt=4, key="new", agent="a2", host="h2", lease_end=9.0)
        store.advance_attempt(SWEEP, 0, 4, lease, 1500.0)
        moved = replace(run, attempt=4, key="new", agent="a2", host="h2", started_at=1500.0)
        assert stands(store) == moved

    def test_repeat_is_fine(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        store.advance_attempt(SWEEP, 0, 2, a_lease(key="new"), 1500.0)
        with unchanged(store):
            store.advance_attempt(SWEEP, 0, 2, a_lease(key="new", agent="a2"), 1600.0)

    @pytest.mark.parametrize("attempt", [0, 1])
    def test_another_is_as_new_or_newer(self, store: Store, attempt: int) -> None:
        store.create_run(SWEEP, a_run())
        with unchanged(store), pytest.raises(LeaseLost):
            store.advance_attempt(SWEEP, 0, attempt, a_lease(key="new"), 1500.0)

    def test_own_key_of_an_older_attempt_is_lost(self, store: Store) -> None:
        store.create_run(SWEEP, a_run(attempt=3))
        with unchanged(store), pytest.raises(LeaseLost):
            store.advance_attempt(SWEEP, 0, 2, a_lease(), 1500.0)

    @pytest.mark.parametrize("attempt", [0, 1, 2])
    def test_ended(self, store: Store, attempt: int) -> None:
        store.create_run(SWEEP, a_run())
        store.end_run(SWEEP, 0, 1, 0, an_outcome())
        with unchanged(store), pytest.raises(RunEnded):
            store.advance_attempt(SWEEP, 0, attempt, a_lease(), 1500.0)

    def test_no_run(self, store: Store) -> None:
        with unchanged(store), pytest.raises(LeaseLost):
            store.advance_attempt(SWEEP, 0, 2, a_lease(), 1500.0)


NOTED = {"name": "a", "tags": ["x", "é"], "config": {"epochs": 5}}


class TestNoteRun:
    def test_what_was_noted_last_stands(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        for noted in ({"name": "before"}, NOTED):
            store.note_run(SWEEP, 0, 1, noted)
        assert store.get_run(SWEEP, 0) == a_run(attributes=NOTED)
        assert store.list_runs(SWEEP, 0, 9) == [a_run(attributes=NOTED)]

    def test_it_goes_with_the_run_to_its_next_attempt(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        store.note_run(SWEEP, 0, 1, NOTED)
        store.advance_attempt(SWEEP, 0, 2, a_lease(key="another-key", attempt=2), 1500.0)
        with unchanged(store):
            store.note_run(SWEEP, 0, 1, {"name": "of an older attempt"})
        run = store.get_run(SWEEP, 0)
        assert run is not None
        assert (run.attempt, run.attributes) == (2, NOTED)

    def test_an_outcome_takes_its_place(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        store.note_run(SWEEP, 0, 1, NOTED)
        assert store.end_run(SWEEP, 0, 1, 0, an_outcome()) == a_run(outcome=an_outcome())
        with unchanged(store):
            store.note_run(SWEEP, 0, 1, NOTED)
        assert store.get_run(SWEEP, 0) == a_run(outcome=an_outcome())

    def test_of_no_run(self, store: Store) -> None:
        with unchanged(store):
            store.note_run(SWEEP, 0, 1, NOTED)


class TestEndRun:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"state": RunState.CRASHED, "exit_code": None, "signal": 9, "best": None},
            {"summary": {UNICODE: UNICODE, "n": 10**40, "flag": True}, "is_stopped_early": True},
            {"summary": {f"metric-{n}": float(n) for n in range(5000)}},
            {"summary": {}},
        ],
    )
    def test_writes_and_tells(self, store: Store, changes: dict[str, object]) -> None:
        run, outcome = a_run(), an_outcome(**changes)
        store.create_run(SWEEP, run)
        assert store.end_run(SWEEP, 0, 1, 0, outcome) == replace(run, outcome=outcome)
        assert stands(store) == replace(run, outcome=outcome)

    @pytest.mark.parametrize("number", NON_FINITE)
    def test_non_finite_numbers(self, store: Store, number: float) -> None:
        outcome = an_outcome(best=number, summary={"loss": number, "text": "NaN"})
        store.create_run(SWEEP, a_run())
        store.end_run(SWEEP, 0, 1, 0, outcome)
        assert repr(stands(store).outcome) == repr(outcome)
        assert repr(store.list_run_heads(SWEEP)[0].best) == repr(number)

    def test_the_first_outcome_stands(self, store: Store) -> None:
        store.create_run(SWEEP, a_run())
        ended = store.end_run(SWEEP, 0, 1, 0, an_outcome())
        with unchanged(store):
            assert store.end_run(SWEEP, 0, 1, 0, an_outcome(state=RunState.FAILED)) == ended

    @pytest.mark.parametrize("attempt", [0, 2])
    def test_another_attempt(self, store: Store, attempt: int) -> None:
        store.create_run(SWEEP, a_run())
        with unchanged(store), pytest.raises(LeaseLost):
            store.end_run(SWEEP, 0, attempt, 0, an_outcome())

    def test_another_attempt_of_an_ended_run(self, store: Store) -> None:
        store.create_run(SWEEP, a_run(attempt=2))
        store.end_run(SWEEP, 0, 2, 0, an_outcome())
        with unchanged(store), pytest.raises(LeaseLost):
            store.end_run(SWEEP, 0, 1, 0, an_outcome())

    def test_no_run(self, store: Store) -> None:
        with unchanged(store), pytest.raises(LeaseLost):
            store.end_run(SWEEP, 0, 1, 0, an_outcome())
