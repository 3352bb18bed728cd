from __future__ import annotations

import json

import pytest

from sweep_sdk import _exceptions as errors
from sweep_sdk._backend.answers import decode
from sweep_sdk._backend.transport import Response

PLACE = "https://sweeps.example"


def answer(status, body=b"", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(
        status, {name.replace("_", "-"): text for name, text in headers.items()}, content
    )


def problem(status, code, detail="it is so", **more):
    return answer(status, {"status": status, "code": code, "detail": detail, **more})


def test_values_come_through():
    assert decode(answer(200, {"a": 1}), PLACE) == {"a": 1}
    assert decode(answer(204), PLACE) is None


@pytest.mark.parametrize(
    ("response", "kind", "text"),
    [
        (problem(404, "not-found"), errors.NotFound, "it is so"),
        (problem(409, "not-possible"), errors.NotPossible, "it is so"),
        (problem(409, "lease-lost"), errors.LeaseLost, "it is so"),
        (problem(410, "sweep-ended"), errors.SweepEnded, "it is so"),
        (problem(400, "invalid-request"), errors.InvalidRequest, "it is so"),
        (problem(413, "too-large"), errors.InvalidRequest, "it is so"),
        (problem(405, "method-not-allowed"), errors.UsageError, "it is so"),
        (problem(500, "store-unusable"), errors.UsageError, "it is so"),
        (problem(500, "service-error"), errors.BackendUnavailable, "it is so"),
        (problem(503, "busy"), errors.BackendUnavailable, "it is so"),
        (problem(429, "throttled"), errors.BackendUnavailable, "it is so"),
        (answer(401, {"message": "Unauthorized"}), errors.NotAuthorized, "sweep-sdk login --url"),
        (answer(403, b"<html>"), errors.NotAuthorized, "SWEEP_TOKEN"),
        (answer(413, b"<html>"), errors.InvalidRequest, "413"),
        (answer(404, b"<html>nginx</html>"), errors.WrongBackend, "SWEEP_URL"),
        (answer(404, {"message": "Not Found"}), errors.WrongBackend, "SWEEP_URL"),
        (answer(200, b"<html>sign in</html>"), errors.WrongBackend, "web page"),
        (answer(200, b"\x80"), errors.WrongBackend, "web page"),
        (answer(302, b"", location="http://portal/"), errors.WrongBackend, "http://portal/"),
        (answer(502, b"<html>bad gateway"), errors.BackendUnavailable, "502"),
        (problem(426, "client-too-old"), errors.UsageError, "pip install --upgrade"),
        (problem(410, "gone"), errors.UsageError, "pip install --upgrade"),
    ],
)
def test_every_answer_has_one_meaning(response, kind, text):
    with pytest.raises(errors.SweepError) as caught:
        decode(response, PLACE)
    assert type(caught.value) is kind
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("9999", 60.0), ("soon", None), ("-3", None)]
)
def test_retry_after(header, seconds):
    with pytest.raises(errors.BackendUnavailable) as caught:
        decode(answer(503, b"", retry_after=header), PLACE)
    assert caught.value.retry_after_seconds == seconds


def test_all_problems_of_a_config_arrive():
    found = [
        {"path": "method", "message": "found 'gird'", "line": 1},
        {"path": "", "message": "no parameters"},
    ]
    with pytest.raises(errors.InvalidConfig) as caught:
        decode(problem(422, "invalid-config", errors=found), PLACE)
    assert [str(item) for item in caught.value.problems] == [
        "line 1: method: found 'gird'",
        "no parameters",
    ]


def test_exit_codes():
    assert errors.UsageError("x").exit_code == 2
    assert errors.WrongBackend("x").exit_code == 2
    assert errors.BackendUnavailable("x").exit_code == 1
    assert errors.AgentGaveUp("x").exit_code == 1
