"""Contract: what amendments of ended runs need of a store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from store_samples import (
    SWEEP,
    a_batch,
    a_counter,
    a_lease,
    a_meta,
    a_run,
    an_attempt_record,
    an_observation,
    an_outcome,
    unchanged,
)

from sweep_service.errors import LeaseHeld, LeaseLost, Stale
from sweep_service.model.records.records import Amendment
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.store import Store

DELETED = an_outcome(state=RunState.DELETED, exit_code=None, summary={}, best=None)


@pytest.mark.parametrize("outcome", [None, DELETED], ids=["taken back", "tombstone"])
class TestAmendRun:
    def test_of_the_attempt_and_revision_that_ended(self, store: Store, outcome) -> None:
        run = a_run(attempt=2, revision=3, outcome=an_outcome())
        store.create_run(SWEEP, run)
        store.amend_run(SWEEP, 0, 2, 3, outcome)
        amended = replace(run, revision=4, outcome=outcome)
        assert store.get_run(SWEEP, 0) == amended
        (head,) = store.list_run_heads(SWEEP)
        assert (head.state, head.best) == (outcome and outcome.state, None)
        with unchanged(store):
            store.amend_run(SWEEP, 0, 2, 3, outcome)

    @pytest.mark.parametrize(("attempt", "revision"), [(1, 0), (3, 0), (2, 1)])
    def test_otherwise_it_is_left_alone(self, store: Store, outcome, attempt, revision) -> None:
        store.create_run(SWEEP, a_run(attempt=2, outcome=an_outcome()))
        with unchanged(store):
            store.amend_run(SWEEP, 0, attempt, revision, outcome)

    def test_a_run_that_goes_on_is_left_alone(self, store: Store, outcome) -> None:
        store.create_run(SWEEP, a_run(attempt=2))
        with unchanged(store):
            store.amend_run(SWEEP, 0, 2, 0, outcome)
            store.amend_run(SWEEP, 1, 1, 0, outcome)


class TestOtherRevisions:
    """A request that began before the amendment must not take the run for what it was."""

    def test_no_outcome_is_written(self, store: Store) -> None:
        store.create_run(SWEEP, a_run(revision=1))
        for revision in (0, 2):
            with unchanged(store), pytest.raises(LeaseLost):
                store.end_run(SWEEP, 0, 1, revision, an_outcome())
        assert store.end_run(SWEEP, 0, 1, 1, an_outcome()).outcome == an_outcome()
        with pytest.raises(LeaseLost):
            store.end_run(SWEEP, 0, 1, 0, an_outcome())

    def test_no_attempt_is_begun(self, store: Store) -> None:
        store.create_run(SWEEP, a_run(revision=1))
        for revision in (0, 2):
            lease = a_lease(attempt=2, key="another", revision=revision)
            with unchanged(store), pytest.raises(LeaseLost):
                store.advance_attempt(SWEEP, 0, 2, lease, 1200.0)
        store.advance_attempt(SWEEP, 0, 2, a_lease(attempt=2, key="next", revision=1), 1200.0)

    def test_no_lease_is_taken(self, store: Store) -> None:
        seen = a_lease(attempt=1, released_attempt=1)
        lease = replace(seen, key="retry", revision=1, amendment=Amendment.RETRY)
        store.open_lease(SWEEP, lease)
        with unchanged(store), pytest.raises(LeaseHeld):
            store.take_lease(SWEEP, seen, a_lease(attempt=2, key="another"))
        store.take_lease(SWEEP, lease, a_lease(attempt=2, key="another"))
        taken = store.get_lease(SWEEP, 0)
        assert taken is not None
        assert (taken.revision, taken.amendment) == (1, Amendment.RETRY)

    def test_no_lease_is_dropped(self, store: Store) -> None:
        store.open_lease(SWEEP, a_lease(attempt=2, revision=1))
        for revision in (0, 2):
            with unchanged(store):
                store.drop_lease(SWEEP, 0, 3, revision)
        store.drop_lease(SWEEP, 0, 2, 1)
        assert store.get_lease(SWEEP, 0) is None

    def test_no_sweep_is_finished(self, store: Store) -> None:
        """Whoever amends a run changes the counter."""
        seen = a_counter(next_index=1, limit=1)
        store.create_sweep(a_meta(), seen)
        states = (SweepState.RUNNING,)
        store.set_state(SWEEP, SweepState.RUNNING, states, seen)
        with unchanged(store), pytest.raises(Stale):
            store.finish_sweep(SWEEP, seen)

    def test_an_older_observation_is_not_put_over_a_newer_one(self, store: Store) -> None:
        newer = an_observation(value=0.25, revision=1)
        store.put_observation(SWEEP, newer)
        store.put_observation(SWEEP, an_observation(value=0.5))
        assert store.list_observations(SWEEP, 0.0) == [newer]
        newest = an_observation(value=0.75, revision=2)
        store.put_observation(SWEEP, newest)
        assert store.list_observations(SWEEP, 0.0) == [newest]


class TestDropBand:
    def test_of_attempts_up_to_one(self, store: Store) -> None:
        store.put_band(SWEEP, 3, 0, 2, 0.5)
        store.put_band(SWEEP, 3, 1, 2, 0.75)
        store.drop_band(SWEEP, 3, 0, 1)
        assert store.list_band(SWEEP, 3) == {0: 0.5, 1: 0.75}
        store.drop_band(SWEEP, 3, 0, 2)
        store.drop_band(SWEEP, 3, 0, 2)
        assert store.list_band(SWEEP, 3) == {1: 0.75}


class TestDeleteTrail:
    def test_of_attempts_up_to_one(self, store: Store) -> None:
        for index in (0, 1):
            for attempt in (1, 2, 10):
                store.put_rows(SWEEP, index, a_batch(attempt))
                store.put_rows(SWEEP, index, a_batch(attempt, 9))
                store.put_attempt_record(SWEEP, an_attempt_record(attempt, index=index))
                store.put_error_tail(SWEEP, index, attempt, "tail")
        assert store.delete_trail(SWEEP, 0, 2)
        rows = [(batch.attempt, batch.offset) for batch in store.list_rows(SWEEP, 0, None, 99)]
        assert rows == [(10, 0), (10, 9)]
        assert [one.attempt for one in store.list_attempt_records(SWEEP, 0)] == [10]
        tails = [store.get_error_tail(SWEEP, 0, attempt) for attempt in (1, 2, 10)]
        assert tails == [None, None, "tail"]
        assert len(store.list_rows(SWEEP, 1, None, 99)) == 6
        assert len(store.list_attempt_records(SWEEP, 1)) == 3

    def test_all_of_it_in_some_calls(self, store: Store, monkeypatch) -> None:
        """DynamoDB deletes what fits into a request."""
        from sweep_service.storage.dynamodb import trail

        monkeypatch.setattr(trail, "_MOST_DELETED", 20)
        monkeypatch.setattr(trail, "_TRAIL_PAGE", 10)
        for offset in range(50):
            store.put_rows(SWEEP, 0, a_batch(1, offset))
        for _ in range(9):
            if store.delete_trail(SWEEP, 0, 1):
                break
        assert store.list_rows(SWEEP, 0, None, 99) == []
