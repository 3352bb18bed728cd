"""Events and responses of API Gateway's HTTP API, with a real backend."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sweep_service import errors
from sweep_service.lambdas import edge


@dataclass
class Context:
    """What Lambda passes to a handler of the invocation."""

    function_name: str = "api"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:api"
    aws_request_id: str = "request-id"


def an_event(method: str = "GET", path: str = "/v1/sweeps", **changes: Any) -> dict[str, Any]:
    """An event as API Gateway documents it, less what nobody reads."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"accept": "*/*", "content-type": "application/json"},
        "requestContext": {
            "apiId": "api-id",
            "authorizer": {"lambda": {"name": "ann", "scope": "admin", "method": "stored"}},
            "domainName": "id.execute-api.eu-central-1.amazonaws.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "::1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
        },
        "isBase64Encoded": False,
        **changes,
    }


@pytest.fixture
def call(backend: Any) -> Any:
    handler = edge.make_handler(backend.services)
    return lambda event: handler(event, Context())


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the backend logs; Powertools took the standard output that was there at its import."""
    (handler,) = logging.getLogger("sweep_service").handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


GRID = {"method": "grid", "parameters": {"x": {"values": [1, 2]}}}


def body_of(answer: dict[str, Any]) -> Any:
    return json.loads(answer["body"])


def test_a_request_with_a_body(call: Any) -> None:
    answer = call(an_event("POST", body=json.dumps({"config": GRID, "name": "näme"})))
    assert answer["statusCode"] == 201
    assert answer["headers"]["Content-Type"] == "application/json"
    assert answer["isBase64Encoded"] is False
    assert body_of(answer)["name"] == "näme"


def test_a_body_in_base64(call: Any) -> None:
    body = base64.b64encode(json.dumps({"config": GRID}).encode()).decode()
    assert call(an_event("POST", body=body, isBase64Encoded=True))["statusCode"] == 201


def test_no_body_is_an_empty_one(call: Any) -> None:
    answer = call(an_event("POST"))
    assert (answer["statusCode"], body_of(answer)["code"]) == (400, "invalid-request")


def test_an_answer_without_a_body(call: Any) -> None:
    sweep = body_of(call(an_event("POST", body=json.dumps({"config": GRID}))))["id"]
    answer = call(an_event("DELETE", f"/v1/sweeps/{sweep}"))
    assert (answer["statusCode"], answer["body"]) == (204, "")


def test_headers_reach_the_handler(call: Any) -> None:
    def create(key: str) -> str:
        event = an_event("POST", body=json.dumps({"config": GRID}))
        return str(body_of(call({**event, "headers": {"idempotency-key": key}}))["id"])

    assert create("the-same-key") == create("the-same-key") != create("another-key")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("project=%C3%A9t%C3%A9+%26+1", ["in the project"]),
        ("project=nobody&project=%C3%A9t%C3%A9%20%26%201", ["in the project"]),  # the last counts
        ("project=", []),
        ("", ["in the project", "in no project"]),
    ],
)
def test_the_query_is_decoded_from_its_raw_text(call: Any, query: str, names: list[str]) -> None:
    for name, project in (("in no project", None), ("in the project", "été & 1")):
        form = {"config": GRID, "name": name, "project": project}
        assert call(an_event("POST", body=json.dumps(form)))["statusCode"] == 201
    # API Gateway joins values of one name by commas in queryStringParameters: not what was sent.
    event = an_event(rawQueryString=query, queryStringParameters={"project": "x,y"})
    found = [item["name"] for item in body_of(call(event))["items"]]
    assert sorted(found) == sorted(names)


def test_the_stage_is_no_part_of_the_path(call: Any) -> None:
    event = an_event()
    staged = {**event, "rawPath": "/live/v1/sweeps"}
    staged["requestContext"] = {**event["requestContext"], "stage": "live"}
    assert call(staged)["statusCode"] == 200
    assert call({**event, "rawPath": "/live/v1/sweeps"})["statusCode"] == 404


def test_the_path_is_decoded(call: Any) -> None:
    answer = call(an_event("GET", "/v1/sweeps/a%20b%2Fc"))
    assert answer["statusCode"] == 404
    assert "/v1/sweeps/a b/c" in body_of(answer)["detail"]


def test_answers_as_they_should_be_leave_no_log(
    call: Any, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    call(an_event())
    call(an_event("GET", "/v1/sweeps/nosuch00"))
    assert log.getvalue() == capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "status", "name", "retry_after"),
    [
        (errors.Throttled("no capacity", 2.0), 429, "Throttled", "2"),
        (errors.StoreUnavailable("away", 3.0), 503, "Throttled", "3"),
        (errors.StoreUnusable("no table"), 500, "Failed", None),
        (RuntimeError("a bug"), 500, "Failed", None),
    ],
)
def test_trouble_is_reported_logged_and_counted(
    backend: Any,
    log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
    name: str,
    retry_after: str | None,
) -> None:
    class Failing:
        def list_sweeps(self, *_: object) -> None:
            raise error

    handler = edge.make_handler(replace(backend.services, store=Failing()))
    answer = handler(an_event(), Context())
    assert answer["statusCode"] == status
    assert answer["headers"].get("Retry-After") == retry_after
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert bool([line for line in lines if "exception" in line]) == isinstance(error, RuntimeError)
    assert (lines[-1]["level"], lines[-1]["message"]) == ("WARNING", name)
    assert (lines[-1]["status"], lines[-1]["path"]) == (status, "/v1/sweeps")
    assert lines[-1]["function_request_id"] == "request-id"
    metrics = json.loads(capsys.readouterr().out)
    assert metrics[name] == [1.0]


def test_an_answer_that_lambda_cannot_return_is_refused_by_name(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "_MAX_ANSWER_BYTES", 10)
    answer = edge.make_handler(backend.services)(an_event(), Context())
    assert answer["statusCode"] == 413
    assert body_of(answer)["code"] == "too-large"
    assert "fewer" in body_of(answer)["detail"]
