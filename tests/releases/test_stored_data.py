"""The present backend opens the data that a release stored, and finishes its sweeps."""

from __future__ import annotations

import json
from collections import Counter

import pytest

N_MORE_ROWS = 2
ENDED = ("canceled", "ended", "stopped")


def missing(old, new, path=""):
    """Where ``new`` lacks what ``old`` says; it may say more, and sooner that a list has ended."""
    if path == ".next" and new is None:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old:
            yield from missing(old[name], new.get(name, "nothing"), f"{path}.{name}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from missing(before, after, f"{path}[{number}]")
    elif old != new:
        yield f"{path}: {old} became {new}"


def get(backend, path):
    answer = backend.call("GET", path)
    assert answer.status == 200, (path, answer)
    return answer.body


def history(backend, sweep, run):
    found, query = [], {}
    while True:
        path = f"/v1/sweeps/{sweep}/runs/{run}/history"
        page = backend.call("GET", path, query=query).body
        found += [
            (row["attempt"], row["step"], json.dumps(row["metrics"])) for row in page["items"]
        ]
        if page["next"] is None:
            return found
        query = {"cursor": page["next"]}


def report(backend, holder, offset):
    """Two more rows of a run that was out, as its agent sends them."""
    rows = [
        {"step": n, "at": 1.0, "metrics": {"loss": 1 / (n + 2)}}
        for n in range(offset, offset + N_MORE_ROWS)
    ]
    body = {"attempt": holder["attempt"], "key": holder["key"], "offset": offset, "rows": rows}
    answer = backend.call("POST", f"{holder['path']}/reports", body)
    assert answer.status == 200, (holder, answer)
    return answer.body


def finish(backend, run, path):
    body = {"attempt": run["attempt"], "key": run["key"], "state": "finished"}
    answer = backend.call("POST", f"{path}/finish", body | {"summary": {"loss": 0.1}})
    assert answer.status == 200, (run, answer)
    assert not answer.body["requeued"]


def work(backend, sweep):
    """Ask and finish until the sweep has ended; the configurations that were handed out."""
    handed_out = []
    for _ in range(100):
        answer = backend.ask(sweep)
        if answer.status == 410:
            return handed_out
        if "wait_seconds" in answer.body:
            backend.clock.advance(400.0)
            continue
        run = answer.body
        handed_out.append(run)
        finish(backend, run, f"/v1/sweeps/{sweep}/runs/{run['id']}")
    raise AssertionError(f"{sweep} does not end")


def go_on(backend, release):
    """The holders report and finish; then all sweeps are worked to their end."""
    for holder in release.story["holders"]:
        begun = report(backend, holder, 0)["next_offset"]
        assert report(backend, holder, begun)["next_offset"] == begun + N_MORE_ROWS
        finish(backend, holder, holder["path"])
    for name in ("paused", "stopped"):
        sweep = release.story["sweeps"][name]
        changed = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "running"})
        assert changed.status == 200, changed
    open_ended = [name for name in release.story["sweeps"] if name not in ("canceled", "deleted")]
    return {name: work(backend, release.story["sweeps"][name]) for name in open_ended}


def test_every_answer_of_the_release_is_given_again(old_backend, release):
    for path, answer in release.story["reads"].items():
        assert list(missing(answer, get(old_backend, path))) == []


def test_what_was_deleted_stays_deleted(old_backend, release):
    answer = old_backend.call("GET", f"/v1/sweeps/{release.story['sweeps']['deleted']}")
    assert (answer.status, answer.body["code"]) == (404, "sweep-deleted")


def test_runs_that_were_out_are_finished_by_those_who_hold_them(old_backend, release):
    for holder in release.story["holders"]:
        begun = report(old_backend, holder, 0)["next_offset"]
        assert begun in (2, 3), "rows that the release had counted are counted again"
        assert report(old_backend, holder, begun)["next_offset"] == begun + N_MORE_ROWS
        finish(old_backend, holder, holder["path"])
        run = old_backend.run(holder["id"])
        assert (run["state"], run["attempt"]) == ("finished", holder["attempt"])
        rows = history(old_backend, holder["sweep"], holder["id"])
        assert len(rows) == len(set(rows)) == begun + N_MORE_ROWS


def test_runs_whose_holders_are_gone_are_handed_out_again(old_backend, release):
    old_backend.clock.advance(100_000.0)
    sweep = release.story["sweeps"]["grid"]
    work(old_backend, sweep)
    held = {run["id"] for run in release.story["holders"] if run["sweep"] == sweep}
    attempts = {run["id"]: run["attempt"] for run in old_backend.runs(sweep) if run["id"] in held}
    assert attempts == dict.fromkeys(held, 2)


def test_every_sweep_comes_to_its_end(old_backend, release):
    ended = {
        run["id"]: run
        for path, answer in release.story["reads"].items()
        if path.endswith("/runs")
        for run in answer["items"]
        if run["state"] in ("finished", "failed", "killed")
    }
    go_on(old_backend, release)
    for name, sweep in release.story["sweeps"].items():
        if name in ("canceled", "deleted"):
            continue
        found = get(old_backend, f"/v1/sweeps/{sweep}")
        assert found["state"] == "finished", name
        runs = old_backend.runs(sweep)
        states = Counter(run["state"] for run in runs)
        assert set(states) <= {"finished", "failed"}, (name, states)
        for run in runs:
            before = ended.get(run["id"])
            if before is not None and before["attempt"] == run["attempt"]:
                assert list(missing(before, run)) == []
            rows = history(old_backend, sweep, run["id"])
            assert len(rows) == len(set(rows))


@pytest.mark.parametrize("name", ["grid", "bayes-finite", "interrupted", "paused", "untouched"])
def test_every_point_of_a_finite_space_is_run_once(old_backend, release, name):
    sweep = release.story["sweeps"][name]
    go_on(old_backend, release)
    n_points = get(old_backend, f"/v1/sweeps/{sweep}")["limit"]
    points = Counter(json.dumps(run["config"], sort_keys=True) for run in old_backend.runs(sweep))
    n_deleted = n_points - sum(points.values())
    assert set(points.values()) == {1}
    assert n_deleted == {"grid": 1, "interrupted": 1}.get(name, 0)


def test_an_interrupted_retry_and_an_interrupted_deletion_are_carried_out(old_backend, release):
    sweep = release.story["sweeps"]["interrupted"]
    go_on(old_backend, release)
    runs = {run["index"]: run for run in old_backend.runs(sweep)}
    assert (runs[3]["state"], runs[3]["attempt"]) == ("finished", 2)
    assert 4 not in runs
