"""Malformed and hostile requests."""

from __future__ import annotations

import pytest

from sweep_service.handlers.http import encode_cursor

SWEEP = {"method": "grid", "parameters": {"a": {"values": [1, 2, 3]}}}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("PUT", "/v1/sweeps", 405),
        ("GET", "/v1/sweeps/nosuchid", 404),
        ("GET", "/v1/sweeps/../../etc/passwd", 404),
        ("DELETE", "/v1/sweeps/nosuchid", 404),
        ("GET", "/v1/sweeps/nosuchid/runs", 404),
        ("GET", "/v1/sweeps/nosuchid/best", 404),
        ("GET", "/v1/sweeps/nosuchid/runs/nosuchid-0", 404),
        ("GET", "/v1/sweeps/nosuchid/runs/x", 404),
        ("GET", "/v1/sweeps/nosuchid/runs/nosuchid-0/history", 404),
        ("POST", "/v1/sweeps/nosuchid/runs/nosuchid-0/stop", 404),
    ],
)
def test_unknown_places(backend, method, path, status):
    answer = backend.call(method, path)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["status"] == status
    assert answer.body["detail"]


def test_for_another_method_the_known_ones_are_named(backend):
    answer = backend.call("PUT", "/v1/sweeps")
    assert answer.headers["Allow"] == "POST, GET"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"config": 3}',
        b'{"config": {}, "yaml": ""}',
        b'{"yaml": 3}',
        b'{"yaml": "a: 1", "surprise": 1}',
        b'{"config": {"method": "grid", "parameters": {"a": {"value": 1}}}, "project": 7}',
        b'{"config": {"method": "grid", "parameters": {"a": {"value": 1}}}, "name": "\\u0000"}',
    ],
)
def test_malformed_creations(backend, body):
    answer = backend.call("POST", "/v1/sweeps", body)
    assert answer.status == 400, answer.body
    assert answer.body["detail"]
    assert backend.call("GET", "/v1/sweeps").body["items"] == []


def test_an_invalid_config_lists_every_problem_with_its_line(backend):
    text = "method: grids\nparameters:\n  lr:\n    min: 1.0\n    max: 0.1\n"
    answer = backend.call("POST", "/v1/sweeps", {"yaml": text})
    assert answer.status == 422
    assert {error["path"] for error in answer.body["errors"]} == {"method", "parameters.lr.min"}
    assert {error["line"] for error in answer.body["errors"]} == {1, 4}


def test_a_config_over_100_kb_is_too_large(backend):
    config = {"method": "grid", "parameters": {"a": {"values": ["x" * 50_000, "y" * 50_000]}}}
    assert backend.call("POST", "/v1/sweeps", {"config": config}).status == 413


def test_a_short_config_that_expands_to_a_long_one_is_too_large(backend):
    constants = {f"p{n:03}": {"value": 0} for n in range(300)}
    parameters = {**constants, "a": {"min": 0, "max": 1000}}
    config = {"method": "random", "parameters": parameters, "start": [{"a": n} for n in range(150)]}
    answer = backend.call("POST", "/v1/sweeps", {"config": config})
    assert answer.status == 413
    assert "defaults filled in" in answer.body["detail"]


@pytest.mark.parametrize("name", ["project", "name"])
def test_names_in_a_file_are_as_long_as_those_of_a_request_at_most(backend, name):
    long = "n" * 300
    config = {**SWEEP, name: long}
    for body in ({"config": config}, {"config": SWEEP, name: long}):
        answer = backend.call("POST", "/v1/sweeps", body)
        assert (answer.status, name in answer.body["detail"]) == (400, True)


def test_a_dry_run_stores_nothing(backend):
    answer = backend.call("POST", "/v1/sweeps", {"config": SWEEP}, query={"dry_run": "true"})
    assert answer.status == 200
    assert (answer.body["id"], answer.body["grid_points"]) == (None, 3)
    assert backend.call("GET", "/v1/sweeps").body["items"] == []
    assert (
        backend.call("POST", "/v1/sweeps", {"config": SWEEP}, query={"dry_run": "x"}).status == 400
    )


def test_another_program_than_the_configs(backend):
    sweep = backend.create({**SWEEP, "program": "train.py"}, program="my train.py")
    assert backend.get(sweep)["config"]["program"] == "my train.py"
    assert backend.get(backend.create(SWEEP, program=None))["config"].get("program") is None
    malformed = backend.call("POST", "/v1/sweeps", {"config": SWEEP, "program": 7})
    assert malformed.status == 400


def test_a_repeated_creation_gives_the_same_sweep(backend):
    first = backend.call("POST", "/v1/sweeps", {"config": SWEEP}, key="create-key")
    again = backend.call("POST", "/v1/sweeps", {"config": SWEEP}, key="create-key")
    assert first.body == again.body
    assert len(backend.call("GET", "/v1/sweeps").body["items"]) == 1


@pytest.mark.parametrize("key", [None, "short", "x" * 129, "new\nline!"])
def test_an_ask_needs_a_key(backend, key):
    sweep = backend.create(SWEEP)
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/runs", {"agent": "a"}, key=key)
    assert answer.status == 400
    assert "Idempotency-Key" in answer.body["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"agent": ""},
        {"agent": 3},
        {"agent": "a" * 129},
        {"agent": "a", "x": 1},
        {"agent": "half of a pair \ud800"},
    ],
)
def test_malformed_asks(backend, body):
    sweep = backend.create(SWEEP)
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/runs", body, key="12345678")
    assert answer.status == 400
    assert backend.ask(sweep).body["index"] == 0, "nothing was handed out"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"attempt": 1, "offset": 0, "rows": {}},
        {"attempt": 1, "offset": -1, "rows": []},
        {"attempt": True, "offset": 0, "rows": []},
        {"attempt": 1.5, "offset": 0, "rows": []},
        {"attempt": 1, "offset": 0, "rows": [3]},
        {"attempt": 1, "offset": 0, "rows": [{}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {"a": "text"}}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {"a": None}}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {"a": [1]}}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {}, "step": "x"}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {}, "at": "x"}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {}, "at": "NaN"}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {}, "at": float("inf")}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {}, "at": 10**400}]},
        {"attempt": 1, "offset": 0, "rows": [{"metrics": {}, "at": True}]},
        {"attempt": 2**53, "offset": 0, "rows": []},
    ],
)
def test_malformed_reports(backend, body):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/runs/{run}/reports", body)
    assert answer.status == 400, answer.body
    history = backend.call("GET", f"/v1/sweeps/{sweep}/runs/{run}/history").body
    assert history["items"] == []


def test_a_row_that_is_too_large_is_refused(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    row = {f"metric-{n}": 0.123456789 for n in range(12_000)}
    assert backend.report(run, 1, 0, row).status == 413


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"attempt": 1},
        {"attempt": 1, "state": "running"},
        {"attempt": 1, "state": "crashed"},
        {"attempt": 1, "state": ["finished"]},
        {"attempt": 1, "state": "finished", "summary": [1]},
        {"attempt": 1, "state": "finished", "summary": {"a": "text"}},
        {"attempt": 1, "state": "finished", "exit_code": "0"},
    ],
)
def test_malformed_finishes(backend, body):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    assert backend.call("POST", f"/v1/sweeps/{sweep}/runs/{run}/finish", body).status == 400
    assert backend.run(run)["state"] == "running"


def test_finishing_a_run_that_was_never_handed_out(backend):
    sweep = backend.create(SWEEP)
    assert backend.finish(f"{sweep}-0").status == 404
    assert backend.finish(f"{sweep}-0", 0).status == 404


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "!"},
        {"cursor": "WzFd"},
        {"cursor": encode_cursor((float("nan"), "x"))},
        {"cursor": encode_cursor((float("inf"), "x"))},
        {"count": "0"},
        {"count": "x"},
    ],
)
def test_bad_queries(backend, query):
    assert backend.call("GET", "/v1/sweeps", query=query).status == 400


@pytest.mark.parametrize(
    "body", [{}, {"state": "x"}, {"state": "pending"}, {"run_cap": 0}, {"run_cap": "1"}]
)
def test_bad_changes(backend, body):
    sweep = backend.create(SWEEP)
    assert backend.call("PATCH", f"/v1/sweeps/{sweep}", body).status == 400


@pytest.mark.parametrize("position", [(2**63,), (-1,), (True,), (1.0,)])
def test_cursors_of_runs_that_were_never_given_out(backend, position):
    sweep = backend.create(SWEEP)
    query = {"cursor": encode_cursor(position)}
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/runs", query=query)
    assert (answer.status, "cursor" in answer.body["detail"]) == (400, True)


@pytest.mark.parametrize("row", [{"metrics": {}, "step": 0.5}, {"metrics": {}, "stp": 1}])
def test_an_error_in_a_row_names_the_row(backend, row):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    body = {"attempt": 1, "offset": 0, "rows": [{"metrics": {}}, row]}
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/runs/{run}/reports", body)
    assert answer.status == 400
    assert "rows[1].st" in answer.body["detail"]


def test_rows_of_a_run_that_was_never_handed_out_are_not_kept(backend):
    sweep = backend.create(SWEEP)
    assert backend.report(f"{sweep}-0", 1, 0, {"a": 1}).status == 404
    assert backend.services.store.list_rows(sweep, 0, None, 10) == []
