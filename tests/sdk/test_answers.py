from __future__ import annotations

import pytest
from made_answers import answer, marked, of_api_gateway, problem

from sweep_sdk import _exceptions as errors
from sweep_sdk._backend.answers import decode

PLACE = "https://sweeps.example"


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
        (answer(200, b""), errors.WrongBackend, "answers nothing"),
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


#: What answers in the place of a backend: ingresses, proxies, sign-in pages, cut answers.
FOREIGN = [
    answer(404, b"404 page not found", content_type="text/plain"),
    answer(404, b"default backend - 404"),
    answer(404, {"kind": "Status", "message": "not found", "code": 404}),
    answer(404, {"code": "NotFound", "message": "no such host"}, content_type="application/json"),
    answer(400, b"<html>The plain HTTP request was sent to HTTPS port</html>"),
    answer(401, b"<html>sign in</html>", www_authenticate="Basic"),
    answer(403, b"<html>Access denied</html>"),
    answer(403, {"code": "blocked", "detail": "by the firewall"}),
    answer(405, b"<html>not allowed</html>"),
    answer(407, b"<html>proxy authentication</html>"),
    answer(408, b"timeout"),
    answer(409, b""),
    answer(410, b"<html>gone</html>"),
    answer(421, b""),
    answer(425, b""),
    answer(426, b"upgrade"),
    answer(451, b"<html>"),
    answer(302, b"", location="http://portal/login"),
    answer(307, b"", location="https://elsewhere/"),
    answer(200, b"<html>Please sign in"),
    answer(200, b""),
    answer(201, b""),
    answer(200, b'{"id": "k3v9'),
    answer(502, b"<html>bad gateway"),
    answer(503, b""),
    answer(511, b"<html>network authentication required"),
    marked(answer(200, b'{"id": "k3v9')),
    marked(answer(409, b"")),
]


@pytest.mark.parametrize("response", FOREIGN)
def test_whatever_process_is_in_for_a_backend_that_has_answered_is_waited_for(response):
    with pytest.raises(errors.BackendUnavailable) as caught:
        decode(response, PLACE, is_known=True)
    assert type(caught.value) is errors.BackendUnavailable
    assert caught.value.is_temporary
    assert PLACE in str(caught.value)


@pytest.mark.parametrize("response", [item for item in FOREIGN if item.status not in (401, 403)])
def test_at_an_address_without_a_backend_it_is_reported_at_once(response):
    with pytest.raises(errors.BackendUnavailable) as caught:
        decode(response, PLACE)
    assert caught.value.is_temporary == (response.status >= 500)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (of_api_gateway(401, "Unauthorized"), errors.NotAuthorized),
        (of_api_gateway(403, "Forbidden"), errors.NotAuthorized),
        (problem(401, "unauthorized"), errors.NotAuthorized),
        (marked(problem(401, "unauthorized")), errors.NotAuthorized),
        (marked(problem(404, "not-found")), errors.NotFound),
        (marked(problem(409, "lease-lost")), errors.LeaseLost),
        (marked(problem(410, "sweep-ended")), errors.SweepEnded),
        (marked(problem(426, "client-too-old")), errors.UsageError),
        (of_api_gateway(429, "Too Many Requests"), errors.BackendUnavailable),
        (of_api_gateway(500, "Internal Server Error"), errors.BackendUnavailable),
        (of_api_gateway(503, "Service Unavailable"), errors.BackendUnavailable),
    ],
)
def test_a_backend_and_its_gateway_mean_what_they_say_at_any_time(response, kind, is_known):
    with pytest.raises(errors.SweepError) as caught:
        decode(response, PLACE, is_known=is_known)
    assert type(caught.value) is kind


def test_a_refused_token_says_whether_it_was_accepted_before():
    for is_known in (False, True):
        with pytest.raises(errors.NotAuthorized) as caught:
            decode(of_api_gateway(403, "Forbidden"), PLACE, is_known=is_known)
        assert caught.value.was_accepted is is_known


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
