"""Contract: the entries that runs append."""

from __future__ import annotations

import pytest
from store_samples import (
    NON_FINITE,
    SWEEP,
    UNICODE,
    a_batch,
    an_attempt_record,
    an_observation,
    keep,
    unchanged,
)

from sweep_service.errors import InvalidRequest
from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.records import Row, RowBatch
from sweep_service.model.records.states import RunState
from sweep_service.storage.store import Store


class TestObservations:
    def test_observations_are_listed_in_order_of_writing(self, store: Store) -> None:
        places = [(2, 1100.25), (0, 1100.75), (7, 1100.75), (2, 1200.0), (10, 1200.0)]
        log = [an_observation(index, written_at=at) for index, at in places]
        for observation in reversed(log):
            keep(store, observation)
        keep(store, an_observation(), "other123")
        assert store.list_observations(SWEEP, 0) == log

    def test_since_is_included(self, store: Store) -> None:
        log = [an_observation(index, written_at=1000.0 + index) for index in range(4)]
        for observation in log:
            keep(store, observation)
        assert store.list_observations(SWEEP, 1002.0) == log[2:]
        assert store.list_observations(SWEEP, 1003.5) == []

    def test_repeat_changes_nothing(self, store: Store) -> None:
        keep(store, an_observation())
        with unchanged(store):
            keep(store, an_observation())

    @pytest.mark.parametrize("value", [0.1, 1e300, -5e-324, *NON_FINITE])
    @pytest.mark.parametrize("last", [None, 0.1, 1e300, -5e-324])
    def test_any_value(self, store: Store, value: float, last: float | None) -> None:
        observation = an_observation(
            value=value,
            unit=(),
            state=RunState.KILLED,
            is_stopped_early=True,
            config_version=2,
            last=last,
        )
        keep(store, observation)
        assert repr(store.list_observations(SWEEP, 0)) == repr([observation])

    def test_unit_vectors_are_exact(self, store: Store) -> None:
        observation = an_observation(unit=(0.1, 1 / 3, 1e-320, 1.0) * 50)
        keep(store, observation)
        assert store.list_observations(SWEEP, 0) == [observation]

    def test_many(self, store: Store) -> None:
        log = [
            an_observation(index, unit=(0.5,) * 100, written_at=index / 64) for index in range(1500)
        ]
        for observation in log:
            keep(store, observation)
        assert store.list_observations(SWEEP, 0) == log

    def test_an_older_observation_is_not_put_over_a_newer_one(self, store: Store) -> None:
        newer = an_observation(value=0.25, revision=1)
        keep(store, newer)
        keep(store, an_observation(value=0.5))
        assert store.list_observations(SWEEP, 0.0) == [newer]
        newest = an_observation(value=0.75, revision=2)
        keep(store, newest)
        assert store.list_observations(SWEEP, 0.0) == [newest]


class TestBands:
    def test_values_by_index(self, store: Store) -> None:
        for index in (5, 0, 10**12):
            store.append(SWEEP, index, BandValue(1, 1, index / 4))
        store.append(SWEEP, 0, BandValue(2, 1, 9.0))
        store.append("other123", 3, BandValue(1, 1, 9.0))
        assert store.list_band(SWEEP, 1) == {0: 0.0, 5: 1.25, 10**12: 10**12 / 4}
        assert store.list_band(SWEEP, 2) == {0: 9.0}
        assert store.list_band(SWEEP, 3) == {}

    @pytest.mark.parametrize("attempt", [1, 2])
    def test_a_value_of_the_same_or_a_later_attempt_replaces_the_earlier_one(
        self, store: Store, attempt: int
    ) -> None:
        store.append(SWEEP, 0, BandValue(1, 1, 0.5))
        store.append(SWEEP, 0, BandValue(1, attempt, 0.25))
        assert store.list_band(SWEEP, 1) == {0: 0.25}

    def test_a_newer_attempt_is_left_alone(self, store: Store) -> None:
        store.append(SWEEP, 0, BandValue(1, 2, 0.5))
        store.append(SWEEP, 0, BandValue(1, 1, 0.25))
        assert store.list_band(SWEEP, 1) == {0: 0.5}

    def test_the_attempt_is_kept(self, store: Store) -> None:
        for attempt, value in ((1, 0.1), (3, 0.3), (2, 0.2)):
            store.append(SWEEP, 0, BandValue(1, attempt, value))
        assert store.list_band(SWEEP, 1) == {0: 0.3}

    @pytest.mark.parametrize("value", NON_FINITE)
    def test_non_finite_values(self, store: Store, value: float) -> None:
        store.append(SWEEP, 0, BandValue(1, 1, value))
        assert repr(store.list_band(SWEEP, 1)) == repr({0: value})


class TestRows:
    def test_rows_are_listed_by_attempt_and_offset(self, store: Store) -> None:
        batches = [a_batch(*place) for place in ((1, 0), (1, 2), (1, 10), (2, 0), (11, 0))]
        for batch in reversed(batches):
            store.append(SWEEP, 0, batch)
        store.append(SWEEP, 1, a_batch(7))
        assert store.list_rows(SWEEP, 0, None, 9) == batches
        assert store.list_rows(SWEEP, 0, (1, 2), 9) == batches[2:]
        assert store.list_rows(SWEEP, 0, (1, 3), 2) == batches[2:4]
        assert store.list_rows(SWEEP, 0, (11, 0), 9) == []

    def test_repeat_changes_nothing(self, store: Store) -> None:
        store.append(SWEEP, 0, a_batch())
        with unchanged(store):
            store.append(SWEEP, 0, a_batch())

    def test_the_longer_of_two_batches_with_the_same_offset_is_kept(self, store: Store) -> None:
        store.append(SWEEP, 0, a_batch())
        longer = a_batch(rows=(*a_batch().rows, Row(2, 3.0, {"loss": 0.1})))
        store.append(SWEEP, 0, longer)
        assert store.list_rows(SWEEP, 0, None, 9) == [longer]
        with unchanged(store):
            store.append(SWEEP, 0, a_batch())

    @pytest.mark.parametrize("number", [1e-200, 10**40, True, "NaN", UNICODE, *NON_FINITE])
    def test_any_metric_value(self, store: Store, number: float | str) -> None:
        batch = a_batch(rows=(Row(-1, None, {"loss": number, UNICODE: number}), Row(10**20, 1, {})))
        store.append(SWEEP, 0, batch)
        assert repr(store.list_rows(SWEEP, 0, None, 9)) == repr([batch])

    def test_no_rows(self, store: Store) -> None:
        batch = RowBatch(1, 0, ())
        store.append(SWEEP, 0, batch)
        assert store.list_rows(SWEEP, 0, None, 9) == [batch]

    def test_large_batches_come_in_small_pages(self, store: Store) -> None:
        sizes = [300_000, 250_000, 250_000, 250_000, 100, 240_000]
        for offset, size in enumerate(sizes):
            store.append(SWEEP, 0, a_batch(1, offset, rows=(Row(0, 1.0, {"text": "x" * size}),)))
        offsets, page = [], store.list_rows(SWEEP, 0, None, 100)
        while page:
            texts = [row.metrics["text"] for batch in page for row in batch.rows]
            assert sum(len(str(text)) for text in texts) < 1_000_000
            offsets += [batch.offset for batch in page]
            page = store.list_rows(SWEEP, 0, (page[-1].attempt, page[-1].offset), 100)
        assert offsets == list(range(len(sizes)))


class TestAttemptRecords:
    def test_oldest_first(self, store: Store) -> None:
        records = [an_attempt_record(attempt) for attempt in (1, 2, 11)]
        for record in reversed(records):
            keep(store, record)
        keep(store, an_attempt_record(1, index=1))
        assert store.list_attempt_records(SWEEP, 0) == records

    @pytest.mark.parametrize(
        "changes",
        [
            {"agent": UNICODE, "host": UNICODE, "state": RunState.PREEMPTED},
            {"exit_code": -9, "signal": 9},
            {"exit_code": 3221225477},
        ],
    )
    def test_is_read_back(self, store: Store, changes: dict[str, object]) -> None:
        record = an_attempt_record(**changes)
        keep(store, record)
        assert store.list_attempt_records(SWEEP, 0) == [record]

    def test_the_last_put_is(self, store: Store) -> None:
        keep(store, an_attempt_record())
        later = an_attempt_record(state=RunState.FAILED, exit_code=1)
        keep(store, later)
        assert store.list_attempt_records(SWEEP, 0) == [later]


class TestErrorTails:
    @pytest.mark.parametrize("text", ["", "Traceback\n  ...", UNICODE, "x" * 200_000])
    def test_is_read_back(self, store: Store, text: str) -> None:
        store.append(SWEEP, 0, ErrorTail(1, text))
        assert store.get_error_tail(SWEEP, 0, 1) == text

    def test_each_attempt_has_its_own_error_tail(self, store: Store) -> None:
        store.append(SWEEP, 0, ErrorTail(2, "second"))
        assert store.get_error_tail(SWEEP, 0, 1) is None
        assert store.get_error_tail(SWEEP, 1, 2) is None

    def test_the_last_put_is(self, store: Store) -> None:
        store.append(SWEEP, 0, ErrorTail(1, "first"))
        store.append(SWEEP, 0, ErrorTail(1, "second"))
        assert store.get_error_tail(SWEEP, 0, 1) == "second"

    def test_text_that_no_item_can_hold_is_refused(self, store: Store) -> None:
        with unchanged(store), pytest.raises(InvalidRequest):
            store.append(SWEEP, 0, ErrorTail(1, "\udcff"))


class TestDropBand:
    def test_of_attempts_up_to_one(self, store: Store) -> None:
        store.append(SWEEP, 0, BandValue(3, 2, 0.5))
        store.append(SWEEP, 1, BandValue(3, 2, 0.75))
        store.drop_band(SWEEP, 3, 0, 1)
        assert store.list_band(SWEEP, 3) == {0: 0.5, 1: 0.75}
        store.drop_band(SWEEP, 3, 0, 2)
        store.drop_band(SWEEP, 3, 0, 2)
        assert store.list_band(SWEEP, 3) == {1: 0.75}


class TestDeleteTrail:
    def test_of_attempts_up_to_one(self, store: Store) -> None:
        for index in (0, 1):
            for attempt in (1, 2, 10):
                store.append(SWEEP, index, a_batch(attempt))
                store.append(SWEEP, index, a_batch(attempt, 9))
                keep(store, an_attempt_record(attempt, index=index))
                store.append(SWEEP, index, ErrorTail(attempt, "tail"))
        assert store.delete_run_data(SWEEP, 0, 2)
        rows = [(batch.attempt, batch.offset) for batch in store.list_rows(SWEEP, 0, None, 99)]
        assert rows == [(10, 0), (10, 9)]
        assert [one.attempt for one in store.list_attempt_records(SWEEP, 0)] == [10]
        tails = [store.get_error_tail(SWEEP, 0, attempt) for attempt in (1, 2, 10)]
        assert tails == [None, None, "tail"]
        assert len(store.list_rows(SWEEP, 1, None, 99)) == 6
        assert len(store.list_attempt_records(SWEEP, 1)) == 3

    def test_repeated_calls_delete_everything(self, store: Store, monkeypatch) -> None:
        """DynamoDB deletes what fits into a request."""
        from sweep_service.storage.dynamodb import run_entries

        monkeypatch.setattr(run_entries, "_MOST_DELETED", 20)
        monkeypatch.setattr(run_entries, "_DELETED_PAGE", 10)
        for offset in range(50):
            store.append(SWEEP, 0, a_batch(1, offset))
        for _ in range(9):
            if store.delete_run_data(SWEEP, 0, 1):
                break
        assert store.list_rows(SWEEP, 0, None, 99) == []
