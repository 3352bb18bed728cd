"""``infra/openapi.yaml`` and the gateway agree on every documented request and answer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from jsonschema import Draft202012Validator
from openapi_document import DOCUMENT, OPERATIONS, check_answer, check_request

from sweep_service.access.identity import Authentication, Identity
from sweep_service.access.scopes import Scope
from sweep_service.routes import ROUTES

SWEEP = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize", "target": -1},
    "parameters": {"a": {"values": [1, 2, 3, 4]}},
    "retry_failed": 1,
}


@pytest.fixture
def send(backend):
    """Send a request that follows the document; its answer must follow it too."""
    seen = set()

    def send(method, route, body=None, query=None, key=None, **params):
        operation = OPERATIONS[method, route]
        check_request(operation, body)
        answer = backend.call(method, route.format(**params), body, query, key)
        seen.add((method, route, check_answer(operation, answer)))
        return answer

    send.seen = seen
    return send


def test_the_document_is_valid_openapi_as_far_as_schemas_go():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_routes_and_document_name_the_same_operations():
    assert set(OPERATIONS) == set(ROUTES)


@pytest.mark.parametrize("place", ROUTES, ids=" ".join)
def test_the_document_names_the_scope_of_each_route(place):
    scope = ROUTES[place].scope
    kinds = ("basic", "bearer") if ROUTES[place].is_of_wandb else ("bearer", "signature")
    asked = [{kind: [scope.value]} for kind in kinds] if scope else [{}]
    assert OPERATIONS[place]["security"] == asked


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)


def send_as_wandb_does(send, backend):
    def ask(operation, /, **variables):
        query = f"query {operation} {{x}}"
        return send("POST", "/graphql", {"query": query, "variables": variables})

    text = json.dumps(SWEEP)
    sweep = ask("UpsertSweep", config=text).body["data"]["upsertSweep"]["sweep"]["name"]
    agent = ask("CreateAgent", sweep=sweep).body["data"]["createAgent"]["agent"]["id"]
    ask("Heartbeat", id=agent, runState="{}")
    stream = "/files/{entity}/{project}/{run}/file_stream"
    place = {"entity": "e", "project": "p", "run": f"{sweep}-0"}
    rows = {"wandb-history.jsonl": {"offset": 0, "content": ['{"loss": 1}']}}
    send("POST", stream, {"files": rows}, **place)
    ask("StopRun", id=f"{sweep}-0")
    assert send("POST", stream, {}, **place).body == {"stopped": True}
    send("POST", stream, {}, **{**place, "run": f"{sweep}-9"})
    ask("NoSuchOperation")
    ask("UpsertSweep", id="aaaaaaaa", state="PAUSED")
    ask("UpsertBucket", name="bold-run-7")
    identity, backend.identity = (
        backend.identity,
        Identity("r", Scope.READER, Authentication.STORED),
    )
    ask("CreateAgent", sweep=sweep)
    backend.identity = identity


def test_every_documented_request_gets_the_documented_answer(send, backend):
    run_path = "/v1/sweeps/{sweep}/runs/{run}"
    send("GET", "/v1/health")
    send("GET", "/v1/identity")
    token = {"sha256": "5" * 64, "name": "slurm", "scope": "agent", "expires_at": 4_000_000_000}
    created = send("POST", "/v1/tokens", token).body
    send("POST", "/v1/tokens", token)
    send("POST", "/v1/tokens", {**token, "name": "another"})
    send("GET", "/v1/tokens")
    send("DELETE", "/v1/tokens/{token}", token=created["id"])
    send("DELETE", "/v1/tokens/{token}", token="nosuchtoken0")
    send("POST", "/v1/sweeps", {"config": SWEEP}, {"dry_run": "true"})
    text = "method: random\nmetrics: 1\nparameters: {a: {min: 0.0, max: 1.0}}\n"
    created = send("POST", "/v1/sweeps", {"yaml": text, "name": "n", "project": "p"})
    assert created.body["warnings"], "an answer with warnings"
    send("POST", "/v1/sweeps", {"yaml": "method: nothing"})
    sweep = send("POST", "/v1/sweeps", {"config": SWEEP}, key="create-key").body["id"]
    send("GET", "/v1/sweeps", query={"count": "1"})
    send("GET", "/v1/sweeps", query={"state": "pending", "project": "p"})
    send("GET", "/v1/sweeps/{sweep}", sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/events", sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/best", sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/importance", sweep=sweep)
    results = {"results": [{"config": {"nothing": 1}, "value": "NaN"}]}
    send("POST", "/v1/sweeps/{sweep}/results", results, {"dry_run": "true"}, sweep=sweep)

    send("POST", "/v1/sweeps/{sweep}/points", {"configs": [{"a": 3}]}, sweep=sweep)
    send("POST", "/v1/sweeps/{sweep}/points", {"configs": [{"b": 3}]}, sweep=sweep)
    ask = {"agent": "a", "slot": "0", "host": "h"}
    runs = [
        send("POST", "/v1/sweeps/{sweep}/runs", ask, key=f"ask-key-{n}", sweep=sweep).body["id"]
        for n in range(4)
    ]
    send("POST", "/v1/sweeps/{sweep}/runs", ask, key="ask-key-9", sweep=sweep)
    rows = [
        {"step": 1, "at": 2.5, "metrics": {"loss": "NaN", "ok": True}},
        {"metrics": {"loss": 1}},
    ]
    report = {"attempt": 1, "offset": 0, "rows": rows}
    send("POST", run_path + "/reports", report, sweep=sweep, run=runs[0])
    send("POST", run_path + "/stop", sweep=sweep, run=runs[0])
    stopped = {"attempt": 1, "offset": 2, "rows": []}
    reported = send("POST", run_path + "/reports", stopped, sweep=sweep, run=runs[0])
    assert reported.body["command"] == "stop"
    endings = [
        {"attempt": 1, "state": "killed", "signal": 15, "summary": {"loss": 1}},
        {"attempt": 1, "state": "failed", "exit_code": 1, "stderr_tail": "boom"},
        {"attempt": 1, "state": "finished", "exit_code": 0, "stopped_early": True},
        {"attempt": 1, "state": "preempted"},
    ]
    for run, ending in zip(runs, endings, strict=True):
        send("POST", run_path + "/finish", ending, sweep=sweep, run=run)
    send(
        "POST", run_path + "/finish", {"attempt": 7, "state": "finished"}, sweep=sweep, run=runs[0]
    )
    send("POST", run_path + "/reports", report, sweep=sweep, run=runs[0])
    send("POST", run_path + "/stop", sweep=sweep, run=runs[0])
    for run in runs:
        send("GET", run_path, sweep=sweep, run=run)
    send("GET", run_path + "/history", sweep=sweep, run=runs[0])
    send("GET", run_path + "/history", query={"rows": "5"}, sweep=sweep, run=runs[0])
    send("GET", "/v1/sweeps/{sweep}/runs", query={"count": "2", "since": "1"}, sweep=sweep)
    query = {"since": "3", "index": "0,1"}
    send("GET", "/v1/sweeps/{sweep}/runs", query=query, sweep=sweep)
    labels = {"name": "mine", "tags": ["good"], "notes": None}
    send("PATCH", run_path, labels, sweep=sweep, run=runs[0])
    send("PATCH", "/v1/sweeps/{sweep}", labels, sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/best", sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/curves", query={"index": "0,1,7"}, sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}", sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}", query={"survey": "false"}, sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/bands", sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/model", sweep=sweep)
    send("GET", "/v1/sweeps/{sweep}/model", query={"x": "a"}, sweep=sweep)
    send("POST", run_path + "/retry", {"attempt": 1}, sweep=sweep, run=runs[0])
    send("POST", run_path + "/retry", {}, sweep=sweep, run=runs[2])
    send("POST", "/v1/sweeps/{sweep}/retries", {"since": 0}, sweep=sweep)
    send("DELETE", run_path, query={"again": "true", "attempt": "1"}, sweep=sweep, run=runs[2])
    send("DELETE", run_path, sweep=sweep, run=runs[3])
    send("PATCH", "/v1/sweeps/{sweep}", {"run_cap": 9}, sweep=sweep)
    send("PATCH", "/v1/sweeps/{sweep}", {"config": SWEEP}, sweep=sweep)
    send("PATCH", "/v1/sweeps/{sweep}", {"state": "canceled"}, sweep=sweep)
    send("GET", "/v1/sweeps")
    send("PATCH", "/v1/sweeps/{sweep}", {"state": "running"}, sweep=sweep)
    send("POST", "/v1/sweeps/{sweep}/runs", ask, key="ask-key-10", sweep=sweep)
    send("DELETE", "/v1/sweeps/{sweep}", sweep=sweep)
    send("DELETE", "/v1/sweeps/{sweep}", sweep=sweep)

    send_as_wandb_does(send, backend)
    documented = {
        (method, route, status)
        for (method, route), operation in OPERATIONS.items()
        for status in operation["responses"]
        if status != "default"
    }
    assert documented <= send.seen, "an answer of the document was never seen"


def test_answers_of_concurrent_requests_do_not_mix(backend):
    """Distinct bodies from 8 threads: every answer belongs to its request."""
    sweep = backend.create({"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}}})
    runs = [backend.ask(sweep).body["id"] for _ in range(8)]

    def drive(place):
        for n in range(50):
            value = place + n / 100
            assert backend.report(runs[place], 1, n, {"loss": value}).status == 200
            name = f"sweep-{place}-{n}"
            body = {"config": {**SWEEP, "name": name, "description": json.dumps([place, n])}}
            answer = backend.call("POST", "/v1/sweeps", body, {"dry_run": "true"})
            assert (answer.body["name"], answer.body["config"]["description"]) == (
                name,
                json.dumps([place, n]),
            )
        return place

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(drive, range(8))) == list(range(8))
    for place, run in enumerate(runs):
        history = backend.call("GET", f"/v1/sweeps/{sweep}/runs/{run}/history").body["items"]
        assert [row["metrics"]["loss"] for row in history] == [place + n / 100 for n in range(50)]
