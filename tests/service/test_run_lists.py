"""Listings of runs: by index, running runs, earlier attempts, and large pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.records.records import Row
from sweep_service.operations.metrics import names_after

SWEEP = {
    "method": "random",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
    "lease_seconds": 100,
}


@pytest.fixture
def sweep(backend):
    return backend.create(SWEEP)


def listed(backend, sweep, **query):
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/runs", query=query)
    assert answer.status == 200, answer.body
    return answer.body


def test_open_runs_by_index_and_all_new_ones(backend, sweep):
    for _ in range(8):
        backend.ask(sweep)
    found = listed(backend, sweep, since="6", index="1,3,7,99")
    assert [run["index"] for run in found["items"]] == [1, 3, 6, 7]
    assert found["next"] is None
    found = listed(backend, sweep, since="8", index="2")
    assert ([run["index"] for run in found["items"]], found["next"]) == ([2], None)


def test_named_runs_come_with_the_first_page_alone(backend, sweep):
    for _ in range(5):
        backend.ask(sweep)
    page = listed(backend, sweep, since="2", index="0", count="2")
    assert [run["index"] for run in page["items"]] == [0, 2, 3]
    page = listed(backend, sweep, index="0", count="2", cursor=page["next"])
    assert [run["index"] for run in page["items"]] == [4]
    assert page["next"] is None


@pytest.mark.parametrize("index", ["x", "1,-2", ",".join(map(str, range(101)))])
def test_what_is_no_list_of_indices_is_refused(backend, sweep, index):
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/runs", query={"index": index})
    assert answer.status == 400
    assert "'index'" in answer.body["detail"]


def test_a_page_holds_up_to_two_thousand_runs(backend, sweep):
    store, run = backend.services.store, backend.ask(sweep).body["id"]
    backend.finish(run)
    from dataclasses import replace

    first = store.get_run(sweep, 0)
    for index in range(1, 2100):
        store.save(sweep, None, replace(first, index=index))
    status = store.get_status(sweep)
    store.save(sweep, status, replace(status, next_index=2100))
    page = listed(backend, sweep, count="9999")
    assert 1000 < len(page["items"]) <= 2000
    rest = listed(backend, sweep, count="9999", cursor=page["next"])
    assert len(page["items"]) + len(rest["items"]) == 2100
    assert len(listed(backend, sweep)["items"]) == 200


def test_a_running_run_says_how_far_it_is_and_when_it_was_heard_from(backend, clock, sweep):
    run = backend.ask(sweep).body["id"]
    (shown,) = listed(backend, sweep)["items"]
    assert (shown["heard_at"], shown["lease_end"]) == (clock.now, clock.now + 100)
    assert (shown["step"], shown["metrics"], shown["stop_requested"]) == (None, [], False)
    clock.advance(80)
    backend.report(run, 1, 0, {"loss": 0.5, "acc": 1}, {"lr": 0.1})
    (shown,) = listed(backend, sweep)["items"]
    assert (shown["heard_at"], shown["lease_end"]) == (clock.now, clock.now + 100)
    assert (shown["step"], shown["metrics"]) == (1, ["loss", "acc", "lr"])
    assert shown["summary"] == {"loss": 0.5}
    backend.call("POST", f"{backend._path(run)}/stop")
    assert listed(backend, sweep)["items"][0]["stop_requested"]
    summary = {"loss": 0.5, "loss.min": 0.5, "loss.max": 0.5, "acc": 1, "val.max": 3}
    backend.finish(run, summary=summary)
    (shown,) = listed(backend, sweep)["items"]
    assert (shown["heard_at"], shown["lease_end"], shown["step"]) == (None, None, None)
    assert shown["metrics"] == ["loss", "acc", "val.max"]
    assert not shown["stop_requested"]


def test_a_lost_run_says_when_it_was_last_heard_from(backend, clock, sweep):
    backend.ask(sweep)
    started = clock.now
    clock.advance(1000)
    (shown,) = listed(backend, sweep)["items"]
    assert (shown["state"], shown["heard_at"]) == ("crashed", started)
    assert shown["lease_end"] == started + 100


def test_earlier_attempts_are_in_the_list(backend, clock, sweep):
    run = backend.ask(sweep, agent="one").body["id"]
    clock.advance(5)
    backend.finish(run, 1, "preempted")
    assert listed(backend, sweep)["items"][0]["attempts"] == []  # the newest is no earlier one
    clock.advance(5)
    backend.ask(sweep, agent="two")
    (shown,) = listed(backend, sweep)["items"]
    (attempt,) = shown["attempts"]
    assert (attempt["attempt"], attempt["agent"], attempt["state"]) == (1, "one", "preempted")
    assert attempt["ended_at"] - attempt["started_at"] == 5
    assert shown["attempts"] == backend.run(run)["attempts"]
    assert shown["started_at"] == clock.now


def test_lost_and_retried_attempts_are_in_the_list_too(backend, clock, sweep):
    run = backend.ask(sweep).body["id"]
    clock.advance(101)
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"run_cap": 1})
    assert backend.ask(sweep).status == 200
    clock.advance(61)
    assert backend.ask(sweep).body["attempt"] == 2
    backend.finish(run, 2, "failed")
    backend.call("POST", f"{backend._path(run)}/retry", {})
    (shown,) = listed(backend, sweep)["items"]
    assert [attempt["state"] for attempt in shown["attempts"]] == ["crashed", "failed"]
    assert backend.ask(sweep).body["attempt"] == 3
    backend.finish(run, 3)
    (shown,) = listed(backend, sweep)["items"]
    assert shown["attempts"] == backend.run(run)["attempts"]
    backend.call("DELETE", backend._path(run), query={"again": "true"})
    assert listed(backend, sweep)["items"][0]["attempts"] == []


def test_of_many_attempts_the_newest_are_in_the_list(backend, sweep):
    run = backend.ask(sweep).body["id"]
    for attempt in range(1, 15):
        backend.finish(run, attempt, "preempted")
        backend.ask(sweep)
    (shown,) = listed(backend, sweep)["items"]
    assert [attempt["attempt"] for attempt in shown["attempts"]] == list(range(5, 15))
    assert [a["attempt"] for a in backend.run(run)["attempts"]] == list(range(1, 15))


NAMES = st.lists(st.text(max_size=90), max_size=12)


@given(rows=st.lists(NAMES, max_size=8), cut=st.integers(0, 8))
def test_names_do_not_depend_on_how_rows_were_cut_and_take_little_room(rows, cut):
    logged = [Row(None, None, dict.fromkeys(names, 1)) for names in rows]
    whole = names_after((), logged)
    assert names_after(names_after((), logged[:cut]), logged[cut:]) == whole
    assert sum(len(name.encode(errors="surrogatepass")) for name in whole) <= 200
    assert set(whole) <= {name for names in rows for name in names}
