"""Row numbers: each row is stored and counted once, whatever process sends it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.records.records import LiveSummary, Row, RowBatch
from sweep_service.operations.metrics import apply_rows, news_of
from sweep_service.operations.runs import list_rows, thin_rows

SWEEP = {
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "early_terminate": {"type": "hyperband", "min_iter": 4, "eta": 2},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


def losses(first, last):
    return [{"loss": float(number)} for number in range(first, last)]


@pytest.fixture
def sweep(backend):
    return backend.create(SWEEP)


@pytest.fixture
def run(backend, sweep):
    return backend.ask(sweep).body["id"]


def history(backend, run, **query):
    path = f"/v1/sweeps/{run.split('-')[0]}/runs/{run}/history"
    rows = []
    while True:
        page = backend.call("GET", path, query=query).body
        rows += [row["metrics"]["loss"] for row in page["items"]]
        if page["next"] is None:
            return rows
        query = {"cursor": page["next"]}


#: How two may cut six rows, as (first, last) in the order in which they arrive.
CUTS = [
    [(0, 3), (0, 6)],
    [(0, 6), (0, 3), (3, 6)],
    [(0, 2), (1, 5), (4, 6)],
    [(0, 4), (2, 3), (2, 6), (0, 6)],
    [(0, 1), (1, 2), (0, 5), (5, 6), (3, 6)],
]


@pytest.mark.parametrize("cuts", CUTS)
def test_rows_arrive_once_however_they_are_cut(backend, sweep, run, cuts):
    reported = [backend.report(run, 1, first, *losses(first, last)).body for first, last in cuts]
    assert history(backend, run) == [0, 1, 2, 3, 4, 5]
    ends = itertools.accumulate((last for _, last in cuts), max)
    assert [answer["next_offset"] for answer in reported] == list(ends)
    lease = backend.services.store.get_lease(sweep, 0)
    assert (lease.live.n_values, lease.live.best, lease.live.last) == (6, 0.0, 5.0)
    assert backend.services.store.list_band(sweep, 4) == {0: 3.0}


def test_what_is_known_is_not_written_again(backend, sweep, run):
    backend.report(run, 1, 0, *losses(0, 4))
    backend.report(run, 1, 2, *losses(2, 6))
    batches = backend.services.store.list_rows(sweep, 0, None, 9)
    assert [(batch.offset, len(batch.rows)) for batch in batches] == [(0, 4), (4, 2)]


@pytest.mark.parametrize("page", [1, 2, 100])
def test_rows_that_two_have_put_at_once_are_read_once(backend, sweep, run, page, monkeypatch):
    """Both had read the lease before either of them counted its rows."""
    monkeypatch.setattr("sweep_service.operations.rows._BATCHES_A_READ", page)
    rows = [Row(number, 1.0, {"loss": float(number)}) for number in range(20)]
    for first, last in ((0, 5), (0, 3), (2, 9), (4, 6), (7, 12), (11, 20), (19, 20)):
        batch = RowBatch(1, first, tuple(rows[first:last]))
        backend.services.store.append(sweep, 0, batch)
    backend.services.store.append(sweep, 0, RowBatch(2, 0, tuple(rows[:2])))
    expected = [*map(float, range(20)), 0.0, 1.0]
    assert history(backend, run) == expected
    assert [
        row.metrics["loss"] for _, row in thin_rows(backend.services, sweep, 0, 99, ()).rows
    ] == (expected)
    read = list_rows(backend.services, sweep, 0, None, ())
    assert read.last is not None


def test_of_a_step_that_was_logged_in_several_calls_a_few_rows_are_whole(backend, sweep, run):
    """As ``show`` has them: thinning must not take one half of a step and leave the other."""
    path = f"/v1/sweeps/{sweep}/runs/{run}"
    calls = [{"loss": 1.0}, {"acc": 0.5}, {"lr": 0.1}]
    rows = [{"step": step, "metrics": metrics} for step in range(40) for metrics in calls]
    rows.append({"step": 39, "metrics": {"loss": 9.0}})  # said again: it stays a row of its own
    backend.call("POST", f"{path}/reports", {"attempt": 1, "offset": 0, "rows": rows})
    found = backend.call("GET", f"{path}/history", query={"rows": "5"}).body
    assert found["n_rows"] == 41
    assert 5 <= len(found["items"]) <= 11
    *whole, last = found["items"]
    assert all(row["metrics"] == {"loss": 1.0, "acc": 0.5, "lr": 0.1} for row in whole)
    assert (last["step"], last["metrics"]) == (39, {"loss": 9.0})


def test_a_row_that_the_backend_refused_leaves_a_gap_and_no_more(backend, sweep, run):
    backend.report(run, 1, 0, *losses(0, 2))
    backend.report(run, 1, 3, *losses(3, 5))
    assert history(backend, run) == [0, 1, 3, 4]
    assert backend.services.store.get_lease(sweep, 0).live.n_values == 4


def test_rows_of_an_attempt_that_lost_its_lease_are_kept_beside_the_run(backend, sweep, run):
    backend.report(run, 1, 0, *losses(0, 2))
    backend.finish(run, 1, "preempted")
    assert backend.report(run, 1, 1, *losses(1, 4)).status == 409
    assert history(backend, run) == [0, 1, 2, 3]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=12))
def test_the_live_summary_depends_on_the_rows_alone(cuts):
    """In order of sending, as long as none is left out before."""
    rows = tuple(Row(number, 1.0, {"loss": float(number % 5)}) for number in range(20))
    metric = _Metric()
    live, end = LiveSummary(), 0
    for start, length in cuts:
        first = min(start, end)
        news = news_of(live, RowBatch(1, first, rows[first : first + length]))
        if news.rows:
            live, end = apply_rows(live, metric, news), news.end
    expected = apply_rows(LiveSummary(), metric, RowBatch(1, 0, rows[:end])) if end else live
    assert (live.n_values, live.best, live.last, live.next_row) == (
        expected.n_values,
        expected.best,
        expected.last,
        expected.next_row,
    )


class _Metric:
    name = "loss"

    @staticmethod
    def minimised(value):
        return value


class TestWhatAnEarlierVersionHasCounted:
    """It noted the first row of the batch that it had counted last."""

    LIVE = LiveSummary(offset=4, n_values=6, last=5.0, best=0.0)

    @pytest.mark.parametrize(("first", "last", "n_news"), [(4, 6, 0), (0, 4, 0), (6, 8, 2)])
    def test_its_last_batch_is_recognised_and_the_next_is_counted(self, first, last, n_news):
        batch = RowBatch(
            1, first, tuple(Row(n, 1.0, {"loss": float(n)}) for n in range(first, last))
        )
        assert len(news_of(self.LIVE, batch).rows) == n_news

    def test_a_run_that_is_under_way_goes_on(self, backend, sweep, run):
        store = backend.services.store
        lease = store.get_lease(sweep, 0)
        store.save(sweep, lease, replace(lease, live=self.LIVE))
        for _ in range(2):
            backend.report(run, 1, 6, *losses(6, 8))
        live = store.get_lease(sweep, 0).live
        assert (live.n_values, live.next_row, live.last) == (8, 8, 7.0)


def test_a_report_with_another_key_is_refused_and_leaves_nothing(backend, sweep):
    handed = backend.ask(sweep, key="key-of-the-holder").body
    path = f"/v1/sweeps/{sweep}/runs/{handed['id']}"
    body = {"attempt": 1, "offset": 0, "rows": [{"metrics": {"loss": 1}}]}
    assert handed["key"] == "key-of-the-holder"
    for key, status in (("key-of-another", 409), ("key-of-the-holder", 200), (None, 200)):
        assert backend.call("POST", f"{path}/reports", {**body, "key": key}).status == status
    assert history(backend, handed["id"]) == [1]
    ending = {"attempt": 1, "state": "finished"}
    refused = backend.call("POST", f"{path}/finish", {**ending, "key": "key-of-another"})
    assert (refused.status, refused.body["code"]) == (409, "lease-lost")
    assert backend.run(handed["id"])["state"] == "running"
    ended = backend.call("POST", f"{path}/finish", {**ending, "key": "key-of-the-holder"})
    assert ended.body == {"state": "finished", "requeued": False}
