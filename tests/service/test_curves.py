"""Curves of many runs, and thinning of histories."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watched_store import watch

from sweep_service.operations.thinning import Thinner
from sweep_service.wire.curves import Curves

SWEEP = {
    "method": "random",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}
VALUES = st.lists(st.floats(), min_size=1, max_size=300)


def thin(values, n_rows):
    thinner = Thinner(n_rows, lambda row: {"": row[1]})
    for row in enumerate(values):
        thinner.add(row)
    return thinner.finish(), thinner


@given(values=VALUES, n_rows=st.integers(1, 40))
def test_the_best_the_worst_the_first_and_the_last_value_stay(values, n_rows):
    kept, thinner = thin(values, n_rows)
    places = [place for place, _ in kept]
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] == len(values) - 1
    assert thinner.n_seen == len(values)
    assert thinner.is_thinned == (len(kept) < len(values))
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        shown = [value for _, value in kept if math.isfinite(value)]
        assert (min(shown), max(shown)) == (min(finite), max(finite))


@given(values=VALUES, n_rows=st.integers(1, 40))
def test_about_as_many_rows_stay_as_are_wanted(values, n_rows):
    kept, _ = thin(values, n_rows)
    assert min(len(values), n_rows) // 2 <= len(kept) <= 2 * n_rows + 1 + (n_rows == 1)


def test_a_peak_in_every_stretch_stays():
    values = [float(n % 100 == 37) for n in range(10_000)]
    kept, _ = thin(values, 200)
    assert sum(value for _, value in kept) == sum(values)


@pytest.fixture
def sweep(backend):
    return backend.create(SWEEP)


def start(backend, sweep, values, first=0):
    run = backend.ask(sweep).body
    for offset in range(0, len(values), 50):
        rows = [
            {"step": first + offset + n, "at": 5.0, "metrics": {"loss": value, "acc": 1}}
            for n, value in enumerate(values[offset : offset + 50])
        ]
        body = {"attempt": run["attempt"], "offset": offset, "rows": rows}
        assert backend.call("POST", f"{backend._path(run['id'])}/reports", body).status == 200
    return run["id"]


def curves(backend, sweep, **query):
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/curves", query=query)
    assert answer.status == 200, answer.body
    return Curves.from_json(answer.body)


def test_curves_of_many_runs_come_in_columns(backend, sweep):
    start(backend, sweep, [3.0, "NaN", 1.0])
    start(backend, sweep, [2.0])
    found = curves(backend, sweep, index="1,0,9")
    assert (found.metric, found.left_out) == ("loss", ())
    one, first, missing = found.runs
    assert (one.index, one.run_id, one.attempt, one.value) == (1, f"{sweep}-1", 1, (2.0,))
    assert (first.step, first.at, first.last_step) == ((0, 1, 2), (5.0, 5.0, 5.0), 2)
    assert first.value[::2] == (3.0, 1.0)
    assert math.isnan(first.value[1])
    assert not first.is_thinned
    assert (missing.attempt, missing.value, missing.last_step) == (None, (), None)


def test_a_thinned_curve_shows_the_best_value(backend, sweep):
    values = [10.0 - n / 100 for n in range(400)]
    values[333] = -50.0
    start(backend, sweep, values)
    (curve,) = curves(backend, sweep, index="0", points="20").runs
    assert curve.is_thinned
    assert 20 <= len(curve.value) <= 41
    assert curve.value[curve.step.index(333)] == -50.0
    assert (curve.step[0], curve.step[-1], curve.last_step) == (0, 399, 399)
    run = f"/v1/sweeps/{sweep}/runs/{sweep}-0/history"
    rows = backend.call("GET", run, query={"rows": "20"}).body["items"]
    assert -50.0 in [row["metrics"]["loss"] for row in rows]


def test_only_later_points_of_another_metric(backend, sweep):
    start(backend, sweep, [3.0, 2.0, 1.0])
    (curve,) = curves(backend, sweep, index="0", metric="acc", after="0").runs
    assert (curve.step, curve.value, curve.last_step) == ((1, 2), (1.0, 1.0), 2)


def test_of_a_run_without_news_no_row_is_read(backend, sweep):
    start(backend, sweep, [3.0, 2.0])
    start(backend, sweep, [4.0])
    calls = []
    watch(backend, calls.append)
    quiet, other = curves(backend, sweep, index="0,1", after="1").runs
    assert (quiet.value, quiet.last_step, quiet.attempt) == ((), 1, 1)
    assert (other.value, other.last_step, other.attempt) == ((), 0, 1)
    assert "list_rows" not in calls
    (news,) = curves(backend, sweep, index="0", after="0").runs
    assert (news.step, news.value) == ((1,), (2.0,))


def test_a_later_attempt_takes_the_place_of_the_steps_that_it_logs_again(backend, sweep):
    run = start(backend, sweep, [9.0, 8.0, 7.0, 6.0])
    backend.finish(run, state="preempted")
    start(backend, sweep, [5.0], first=2)
    (curve,) = curves(backend, sweep, index="0").runs
    assert (curve.attempt, curve.step, curve.value) == (2, (0, 1, 2), (9.0, 8.0, 5.0))
    assert not curve.is_thinned


def test_rows_without_steps_are_counted(backend, sweep):
    run = backend.ask(sweep).body["id"]
    rows = [{"metrics": {"loss": 1.0}}, {"metrics": {"acc": 1.0}}, {"metrics": {"loss": 2.0}}]
    body = {"attempt": 1, "offset": 0, "rows": rows}
    backend.call("POST", f"{backend._path(run)}/reports", body)
    (curve,) = curves(backend, sweep, index="0").runs
    assert (curve.step, curve.at) == ((0, 1), (None, None))


def test_runs_that_are_too_long_for_one_request_are_left_for_another(backend, sweep, monkeypatch):
    monkeypatch.setattr("sweep_service.operations.curves._MOST_ROWS", 2)
    for _ in range(3):
        start(backend, sweep, [1.0, 2.0])
    found = curves(backend, sweep, index="0,1,2")
    assert [curve.index for curve in found.runs] == [0]
    assert found.left_out == (1, 2)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "'index'"),
        ({"index": "1,x"}, "'x'"),
        ({"index": ",".join(map(str, range(101)))}, "at most 100"),
        ({"index": "1", "after": "--1"}, "'after'"),
        ({"index": "1", "points": "0"}, "'points'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(backend, sweep, query, said):
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/curves", query=query)
    assert answer.status == 400
    assert said in answer.body["detail"]


def test_without_a_metric_one_has_to_be_named(backend):
    sweep = backend.create({"method": "grid", "parameters": {"a": {"values": [1]}}})
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/curves", query={"index": "0"})
    assert answer.status == 400
    assert "'metric'" in answer.body["detail"]
    assert backend.call("GET", "/v1/sweeps/nosuch00/curves", query={"index": "0"}).status == 404
