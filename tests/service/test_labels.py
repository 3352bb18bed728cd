"""Names, tags and notes of sweeps and runs."""

from __future__ import annotations

import pytest

SWEEP = {
    "method": "random",
    "name": "from the file",
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


@pytest.fixture
def sweep(backend):
    return backend.create(SWEEP)


def label(backend, path, **labels):
    answer = backend.call("PATCH", path, labels)
    assert answer.status == 200, answer.body
    return answer.body


def shown(found):
    return found["name"], found["tags"], found["notes"]


def test_a_sweep_has_what_was_written_on_it(backend, sweep):
    path = f"/v1/sweeps/{sweep}"
    assert shown(backend.get(sweep)) == ("from the file", [], None)
    changed = label(backend, path, name="mine", tags=["a", "b", "a"])
    assert changed["changed"]
    assert shown(changed) == ("mine", ["a", "b"], None)
    assert not label(backend, path, name="mine")["changed"]
    label(backend, path, notes="two lines\nof text", tags=None)
    assert shown(backend.get(sweep)) == ("mine", [], "two lines\nof text")
    (item,) = backend.call("GET", "/v1/sweeps").body["items"]
    assert shown(item) == ("mine", [], "two lines\nof text")
    assert label(backend, path, name=None)["name"] == "from the file"


def test_labels_stay_when_the_config_changes(backend, sweep):
    label(backend, f"/v1/sweeps/{sweep}", name="mine")
    changed = {**SWEEP, "name": "another", "run_cap": 5}
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": changed})
    assert backend.get(sweep)["name"] == "mine"


def test_what_people_write_on_a_run_takes_precedence_over_its_program(backend, sweep):
    run = backend.ask(sweep).body["id"]
    path = backend._path(run)
    noted = {"name": "of the program", "tags": ["p"], "notes": "n"}
    body = {"attempt": 1, "offset": 0, "rows": [], "attributes": noted}
    backend.call("POST", f"{path}/reports", body)
    assert shown(backend.run(run)) == ("of the program", ["p"], "n")
    assert shown(label(backend, path, name="mine")) == ("mine", ["p"], "n")
    backend.finish(run)
    assert shown(backend.run(run)) == ("mine", ["p"], "n")
    assert shown(label(backend, path, name=None, tags=["q"])) == ("of the program", ["q"], "n")
    (listed,) = backend.runs(sweep)
    assert shown(listed) == ("of the program", ["q"], "n")


def test_labels_stay_when_a_run_is_handed_out_again(backend, sweep):
    run = backend.ask(sweep).body["id"]
    label(backend, backend._path(run), name="mine")
    backend.finish(run, state="preempted")
    backend.ask(sweep)
    assert backend.run(run)["name"] == "mine"


def test_a_change_is_kept_with_who_made_it(backend, sweep):
    run = backend.ask(sweep).body["id"]
    label(backend, f"/v1/sweeps/{sweep}", name="mine")
    label(backend, backend._path(run), tags=["t"])
    events = backend.call("GET", f"/v1/sweeps/{sweep}/events").body["items"]
    actions = [event["action"] for event in events]
    assert "changed name" in actions
    assert f"changed tags of run {run}" in actions


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "name, tags, notes"),
        ({"name": 3}, "'name'"),
        ({"name": "x" * 257}, "'name'"),
        ({"tags": "a"}, "'tags'"),
        ({"tags": [1]}, "'tags'"),
        ({"tags": [""]}, "'tags'"),
        ({"tags": ["a"] * 21}, "at most 20"),
        ({"notes": "x" * 4001}, "'notes'"),
        ({"colour": "red"}, "'colour'"),
    ],
)
def test_labels_that_cannot_be_kept_are_refused(backend, sweep, labels, said):
    run = backend.ask(sweep).body["id"]
    for path in (f"/v1/sweeps/{sweep}", backend._path(run)):
        answer = backend.call("PATCH", path, labels)
        assert answer.status == 400
        assert said in answer.body["detail"]


def test_labels_and_another_change_are_two_requests(backend, sweep):
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"name": "mine", "run_cap": 3})
    assert answer.status == 400
    assert "exactly one" in answer.body["detail"]


def test_what_is_not_there_cannot_be_labelled(backend, sweep):
    assert backend.call("PATCH", "/v1/sweeps/nosuch00", {"name": "a"}).status == 404
    path = f"/v1/sweeps/{sweep}/runs/{sweep}-0"
    assert backend.call("PATCH", path, {"name": "a"}).status == 404
    run = backend.ask(sweep).body["id"]
    backend.finish(run)
    backend.call("DELETE", path)
    assert backend.call("PATCH", path, {"name": "a"}).status == 409
