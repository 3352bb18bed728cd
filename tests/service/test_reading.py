"""Reading a sweep: runs, summaries, best run, histories, listings."""

from __future__ import annotations

import json

import pytest
from watched_store import watch

from sweep_service.errors import Busy

SWEEP = {
    "method": "grid",
    "metric": {"name": "acc", "goal": "maximize"},
    "parameters": {"a": {"values": [1, 2, 3]}},
}


def test_live_and_final_summaries(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    backend.report(run, 1, 0, {"acc": 0.4}, {"acc": 0.9}, {"acc": 0.7, "other": 1})
    live = backend.run(run)
    assert (live["state"], live["summary"], live["best"]) == ("running", {"acc": 0.7}, 0.9)
    backend.finish(run, summary={"acc": 0.8, "other": 2})
    ended = backend.run(run)
    assert ended["summary"] == {"acc": 0.8, "other": 2}
    assert ended["best"] == 0.9


def test_a_repeated_report_counts_once(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    for _ in range(2):
        assert backend.report(run, 1, 0, {"acc": 0.5}).status == 200
    history = backend.call("GET", f"/v1/sweeps/{sweep}/runs/{run}/history").body["items"]
    assert history == [{"attempt": 1, "step": 0, "at": 1.5, "metrics": {"acc": 0.5}}]
    assert backend.services.store.get_lease(sweep, 0).live.n_values == 1


def test_non_finite_values_are_kept_shown_and_never_best(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    rows = [{"acc": value} for value in ("NaN", "Infinity", 0.1, "-Infinity")]
    assert backend.report(run, 1, 0, *rows).status == 200
    assert backend.run(run)["summary"] == {"acc": "-Infinity"}
    assert backend.run(run)["best"] == 0.1
    history = backend.call("GET", f"/v1/sweeps/{sweep}/runs/{run}/history").body["items"]
    assert [row["metrics"] for row in history] == rows
    backend.finish(run, summary={"acc": "NaN"})
    assert backend.run(run)["summary"] == {"acc": "NaN"}


def test_best_follows_the_goal_and_leaves_out_failures(backend):
    sweep = backend.create(SWEEP)
    assert backend.call("GET", f"/v1/sweeps/{sweep}/best").status == 404
    runs = [backend.ask(sweep).body["id"] for _ in range(3)]
    backend.finish(runs[0], summary={"acc": 0.3})
    backend.finish(runs[1], state="failed", summary={"acc": 0.99})
    assert backend.call("GET", f"/v1/sweeps/{sweep}/best").body["id"] == runs[0]
    backend.report(runs[2], 1, 0, {"acc": 0.5})
    assert backend.call("GET", f"/v1/sweeps/{sweep}/best").body["id"] == runs[2]
    assert backend.get(sweep)["best"]["id"] == runs[2]


def test_best_without_a_metric_says_what_to_add(backend):
    sweep = backend.create({"method": "grid", "parameters": {"a": {"values": [1]}}})
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/best")
    assert answer.status == 409
    assert "metric" in answer.body["detail"]


def test_runs_come_in_pages_by_index(backend):
    sweep = backend.create({"method": "grid", "parameters": {"a": {"values": list(range(7))}}})
    for _ in range(7):
        backend.ask(sweep)
    page = backend.call("GET", f"/v1/sweeps/{sweep}/runs", query={"count": "3"}).body
    assert [run["index"] for run in page["items"]] == [0, 1, 2]
    query = {"count": "3", "cursor": page["next"]}
    page = backend.call("GET", f"/v1/sweeps/{sweep}/runs", query=query).body
    assert [run["index"] for run in page["items"]] == [3, 4, 5]
    since = backend.call("GET", f"/v1/sweeps/{sweep}/runs", query={"since": "5"}).body
    assert [run["index"] for run in since["items"]] == [5, 6]
    assert [run["index"] for run in backend.runs(sweep)] == list(range(7))


def test_history_comes_in_pages_and_thinned(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    for batch in range(150):
        rows = [{"acc": float(10 * batch + n)} for n in range(10)]
        assert backend.report(run, 1, 10 * batch, *rows).status == 200
    path, query, values = f"/v1/sweeps/{sweep}/runs/{run}/history", {}, []
    while True:
        page = backend.call("GET", path, query=query).body
        values += [row["metrics"]["acc"] for row in page["items"]]
        if page["next"] is None:
            break
        query = {"cursor": page["next"]}
    assert values == [float(n) for n in range(1500)]
    thinned = backend.call("GET", path, query={"rows": "50"}).body
    assert thinned["n_rows"] == 1500
    steps = [row["metrics"]["acc"] for row in thinned["items"]]
    assert 50 <= len(steps) <= 101
    assert (steps[0], steps[-1]) == (0.0, 1499.0)
    assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("keys", "metrics"),
    [
        ([], [{"acc": 0}, {"acc": 1, "a,b": 1}, {"acc": 2}, {"é": 1}, {"acc": 4, "a,b": 4}]),
        (["a,b"], [{"a,b": 1}, {"a,b": 4}]),
        (["é", "a,b"], [{"a,b": 1}, {"é": 1}, {"a,b": 4}]),
        (["loss"], []),
    ],
)
def test_history_of_some_metrics(backend, keys, metrics):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    rows = [{"acc": 0}, {"acc": 1, "a,b": 1}, {"acc": 2}, {"é": 1}, {"acc": 4, "a,b": 4}]
    backend.report(run, 1, 0, *rows)
    query = {"keys": json.dumps(keys)}
    path = f"/v1/sweeps/{sweep}/runs/{run}/history"
    whole = backend.call("GET", path, query=query).body["items"]
    thinned = backend.call("GET", path, query={**query, "rows": "9"}).body
    assert [row["metrics"] for row in whole] == metrics
    assert thinned["items"] == whole
    assert thinned["n_rows"] == len(metrics)


def test_a_sparse_metric_is_thinned_among_its_own_rows(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    rows = [{"acc": n} | ({"val": n} if n % 97 == 5 else {}) for n in range(1000)]
    backend.report(run, 1, 0, *rows)
    path = f"/v1/sweeps/{sweep}/runs/{run}/history"
    found = backend.call("GET", path, query={"keys": '["val"]', "rows": "20"}).body
    assert [row["metrics"]["val"] for row in found["items"]] == list(range(5, 1000, 97))


@pytest.mark.parametrize("keys", ["loss", "3", '{"a": 1}', "[1]", "[" * 100_000])
def test_keys_that_are_no_list_of_names(backend, keys):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/runs/{run}/history", query={"keys": keys})
    assert answer.status == 400
    assert "'keys'" in answer.body["detail"]


def test_sweeps_are_listed_newest_first_by_project_and_state(backend):
    ids = []
    for project in ("p", "q", "p"):
        ids.append(backend.create(SWEEP, project=project))
        backend.clock.advance(1)

    def list_ids(**query):
        return [item["id"] for item in backend.call("GET", "/v1/sweeps", query=query).body["items"]]

    assert list_ids() == ids[::-1]
    assert list_ids(project="p") == [ids[2], ids[0]]
    backend.ask(ids[0])
    assert list_ids(state="running") == [ids[0]]
    assert list_ids(state="pending") == [ids[2], ids[1]]
    page = backend.call("GET", "/v1/sweeps", query={"count": "2"}).body
    assert [item["id"] for item in page["items"]] == [ids[2], ids[1]]
    rest = backend.call("GET", "/v1/sweeps", query={"count": "2", "cursor": page["next"]}).body
    assert [item["id"] for item in rest["items"]] == [ids[0]]


def test_a_deleted_sweep_is_gone_for_every_route(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    assert backend.call("DELETE", f"/v1/sweeps/{sweep}").status == 204
    assert backend.call("DELETE", f"/v1/sweeps/{sweep}").status == 404
    assert backend.ask(sweep).status == 404
    assert backend.report(run, 1, 0, {"acc": 1.0}).status == 404
    assert backend.finish(run).status == 404
    assert backend.call("GET", f"/v1/sweeps/{sweep}/runs/{run}").status == 404
    assert backend.call("GET", "/v1/sweeps").body["items"] == []


def test_a_removal_that_was_cut_short_goes_on_with_the_repeat(backend, monkeypatch):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    backend.report(run, 1, 0, {"acc": 0.5})
    store = backend.services.store

    def die(*_):
        raise Busy("cut short")

    with monkeypatch.context() as patched:
        patched.setattr(store, "_delete_batch", die)
        assert backend.call("DELETE", f"/v1/sweeps/{sweep}").status == 503
    assert store.list_runs(sweep, 0, 10)
    found = backend.call("GET", f"/v1/sweeps/{sweep}")
    assert (found.status, found.body["code"]) == (404, "sweep-deleted")
    assert backend.call("DELETE", f"/v1/sweeps/{sweep}").status == 204
    assert (store.list_runs(sweep, 0, 10), store.list_rows(sweep, 0, None, 10)) == ([], [])
    assert backend.call("DELETE", f"/v1/sweeps/{sweep}").status == 404


def test_a_sweep_that_is_registered_again_by_its_old_key_is_new(backend):
    """Under another id: requests that are meant for the first must not reach the second."""
    other = {**SWEEP, "parameters": {"b": {"values": ["new"]}}}
    first = backend.call("POST", "/v1/sweeps", {"config": SWEEP}, key="the-same-key").body["id"]
    backend.ask(first)
    backend.call("DELETE", f"/v1/sweeps/{first}")
    second = backend.call("POST", "/v1/sweeps", {"config": other}, key="the-same-key").body["id"]
    assert second != first
    assert backend.ask(second).body["config"] == {"b": "new"}
    again = backend.call("POST", "/v1/sweeps", {"config": other}, key="the-same-key").body["id"]
    assert again == second


@pytest.mark.parametrize("state", ["preempted", "failed"])
def test_what_a_given_back_attempt_reported_is_not_best(backend, state):
    sweep = backend.create({**SWEEP, "retry_failed": 1})
    first, second = (backend.ask(sweep).body["id"] for _ in range(2))
    backend.report(first, 1, 0, {"acc": 0.9})
    backend.report(second, 1, 0, {"acc": 0.2})
    backend.finish(first, state=state)
    assert backend.get(sweep)["best"]["id"] == second
    assert backend.get(sweep)["counts"] == {"pending": 1, "running": 1}


def test_one_look_at_all_runs_is_enough_however_many_agents_fell_silent(backend):
    config = {**SWEEP, "parameters": {"a": {"values": list(range(30))}}}
    sweep = backend.create(config)
    for n in range(30):
        backend.report(backend.ask(sweep).body["id"], 1, 0, {"acc": n / 30})
    backend.clock.advance(1000)
    calls = []
    watch(backend, calls.append)
    shown = backend.get(sweep)
    assert (shown["counts"], shown["best"]) == ({"crashed": 30}, None)
    assert calls.count("list_run_heads") == calls.count("list_leases") == 1
    assert "get_run" not in calls


def test_a_thinned_history_of_wide_rows_fits_into_an_answer(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    wide = {f"metric-{n}": 0.123456789 for n in range(4000)}
    for batch in range(8):
        backend.report(run, 1, 10 * batch, *[{**wide, "n": 10 * batch + n} for n in range(10)])
    path = f"/v1/sweeps/{sweep}/runs/{run}/history"
    rows = backend.call("GET", path, query={"rows": "10000"}).body["items"]
    assert 1_000_000 < len(json.dumps(rows)) < 5_000_000
    numbers = [row["metrics"]["n"] for row in rows]
    assert (numbers[0], numbers[-1]) == (0, 79)
    assert numbers == sorted(set(numbers))


def test_a_sweep_without_its_survey_reads_no_run(backend):
    sweep = backend.create(SWEEP)
    backend.ask(sweep)
    calls = []
    watch(backend, calls.append)
    answer = backend.call("GET", f"/v1/sweeps/{sweep}", query={"survey": "false"})
    assert answer.status == 200
    assert answer.body["n_handed_out"] == 1
    assert not {"counts", "best"} & answer.body.keys()
    assert set(calls) <= {"get_status", "get_config_version", "get_info"}
