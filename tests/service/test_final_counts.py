"""The counts and the best run of ended sweeps in listings."""

from __future__ import annotations

import pytest
from watched_store import watch

SWEEP = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"a": {"values": [1, 2, 3]}},
}


def final(backend, sweep):
    """As a listing has it; the whole sweep must agree."""
    items = backend.call("GET", "/v1/sweeps").body["items"]
    (found,) = [item["final"] for item in items if item["id"] == sweep]
    if found is not None:
        whole = backend.get(sweep)
        assert whole["counts"] == found["counts"]
        best = whole["best"]
        assert found["best"] == (
            None
            if best is None
            else {"id": best["id"], "index": best["index"], "value": best["best"]}
        )
    return found


def play(backend, sweep, count=3):
    runs = [backend.ask(sweep).body["id"] for _ in range(count)]
    for n, run in enumerate(runs):
        backend.finish(run, summary={"loss": 5 - n})
    return runs


@pytest.fixture
def sweep(backend):
    return backend.create(SWEEP)


def test_a_sweep_that_goes_on_has_none(backend, sweep):
    assert final(backend, sweep) is None
    run = backend.ask(sweep).body["id"]
    assert final(backend, sweep) is None
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "finished"})
    assert final(backend, sweep) is None  # an agent still works on a run
    backend.finish(run, summary={"loss": 1})
    assert final(backend, sweep) == {
        "counts": {"finished": 1},
        "best": {"id": run, "index": 0, "value": 1},
    }


def test_they_are_worked_out_once(backend, sweep):
    runs = play(backend, sweep)
    assert final(backend, sweep)["best"] == {"id": runs[2], "index": 2, "value": 3}
    calls = []
    watch(backend, calls.append)
    backend.call("GET", "/v1/sweeps")
    backend.get(sweep)
    assert not {"list_run_heads", "save SweepInfo"} & set(calls)


def test_a_run_that_is_retried_or_deleted_makes_them_invalid(backend, sweep):
    runs = play(backend, sweep)
    assert final(backend, sweep)["counts"] == {"finished": 3}
    backend.call("DELETE", backend._path(runs[2]))
    found = final(backend, sweep)
    assert found["counts"] == {"deleted": 1, "finished": 2}
    assert found["best"]["id"] == runs[1]
    backend.call("DELETE", backend._path(runs[0]), query={"again": "true"})
    assert final(backend, sweep) is None
    again = backend.ask(sweep).body
    assert again["id"] == runs[0]
    backend.finish(runs[0], again["attempt"], summary={"loss": 0})
    assert final(backend, sweep)["best"]["value"] == 0


def test_a_sweep_that_runs_again_has_none(backend):
    config = {**SWEEP, "run_cap": 2}
    sweep = backend.create(config)
    play(backend, sweep, 2)
    assert final(backend, sweep)["counts"] == {"finished": 2}
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"run_cap": None})
    assert final(backend, sweep) is None


def test_a_change_of_the_metric_invalidates_the_counts(backend, sweep):
    runs = [backend.ask(sweep).body["id"] for _ in range(3)]
    for n, run in enumerate(runs):
        backend.finish(run, summary={"loss": n, "acc": n})
    assert final(backend, sweep)["best"]["id"] == runs[0]
    metric = {"name": "acc", "goal": "maximize"}
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": {**SWEEP, "metric": metric}})
    assert final(backend, sweep)["best"]["id"] == runs[2]


def test_a_deletion_that_is_cut_short_leaves_nothing_stale(backend, sweep):
    runs = play(backend, sweep)
    store = backend.services.store

    def die(name):
        if name == "save Run":
            raise RuntimeError("the backend dies here")

    watch(backend, die)
    assert backend.call("DELETE", backend._path(runs[2])).status == 500
    from dataclasses import replace

    backend.services = replace(backend.services, store=store)
    assert final(backend, sweep) is None
    backend.call("DELETE", backend._path(runs[2]))
    assert final(backend, sweep)["counts"] == {"deleted": 1, "finished": 2}


def test_some_sweeps_of_a_page_are_worked_out_at_a_time(backend):
    for _ in range(7):
        play(backend, backend.create(SWEEP))
    counts = []
    for _ in range(3):
        items = backend.call("GET", "/v1/sweeps").body["items"]
        counts.append(sum(item["final"] is not None for item in items))
    assert counts == [5, 7, 7]


def test_labels_and_final_counts_do_not_get_in_each_others_way(backend, sweep):
    play(backend, sweep)
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"name": "mine"})
    assert final(backend, sweep)["counts"] == {"finished": 3}
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"notes": "done"})
    assert final(backend, sweep)["counts"] == {"finished": 3}
    assert backend.get(sweep)["name"] == "mine"
