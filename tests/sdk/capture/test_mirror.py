"""Mirroring: the user's own W&B gets everything unchanged, and the sweep gets a copy."""

import json
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from sweep_sdk._capture import mirror as _mirror
from sweep_sdk._capture.account import Account
from sweep_sdk._capture.capture import Capture, capturing
from sweep_sdk._world.loopback import Answer, Request, listen
from sweep_service.wire.runs import HandOut

KEY = "k" * 40


@pytest.fixture
def theirs():
    """The user's W&B: notes every request, and answers what ``answers`` says."""
    found = SimpleNamespace(requests=[], answer=Answer(200, b'{"theirs": true}', {"X-Their": "1"}))

    def answer(request):
        found.requests.append(request)
        return found.answer

    with listen() as server:
        found.url = server.add(answer)
        yield found


@pytest.fixture
def server():
    with listen() as server:
        yield server


@pytest.fixture
def begin(theirs, server, tmp_path):
    """Begins a program whose requests go on to the user's W&B."""
    notices = []
    capture = Capture(server, Account(theirs.url, KEY, "WANDB_API_KEY"), notices.append, "why")
    handout = HandOut("abcd1234-0", "abcd1234", "p", 0, {"lr": 0.1}, 1, 1, 60.0)
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_bytes(b"")
    program = capture.begin(handout, tmp_path, metrics, "loss", {})
    made = SimpleNamespace(program=program, metrics=metrics, notices=notices, theirs=theirs)
    made.send = lambda *request: program._answer(Request(*request))
    yield made
    program.close()


def stream(*losses, offset=0):
    lines = [json.dumps({"loss": loss, "_step": offset + n}) for n, loss in enumerate(losses)]
    history = {"wandb-history.jsonl": {"offset": offset, "content": lines}}
    return json.dumps({"files": history}).encode()


def graphql(query, **variables):
    return json.dumps({"query": query, "variables": variables}).encode()


PATH = "files/me/vision/run1/file_stream"


def losses(made):
    lines = map(json.loads, Path(made.metrics).read_text().splitlines())
    return [line["metrics"]["loss"] for line in lines if "metrics" in line]


def test_a_request_goes_on_as_it_is_and_its_answer_comes_back_as_it_is(begin, theirs):
    headers = {"Authorization": "Basic YXBpOmtrag==", "Host": "127.0.0.1", "X-Own": "2"}
    body = stream(1.0, 0.5)
    answer = begin.send("POST", PATH + "?a=b%20c", headers, body)
    (request,) = theirs.requests
    assert (request.method, request.path, request.body) == ("POST", PATH + "?a=b%20c", body)
    assert request.headers["Authorization"] == headers["Authorization"]
    assert request.headers["X-Own"] == "2"
    assert (answer.status, answer.body, answer.headers["X-Their"]) == (
        200,
        b'{"theirs": true}',
        "1",
    )
    assert losses(begin) == [1.0, 0.5]


def test_a_netrc_entry_does_not_replace_the_key_of_the_program(
    begin, theirs, tmp_path, monkeypatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password another")
    monkeypatch.setenv("NETRC", str(netrc))
    begin.send("GET", "x", {"Authorization": "Basic b3du"}, b"")
    assert theirs.requests[0].headers["Authorization"] == "Basic b3du"


def test_a_refusal_of_theirs_is_passed_on(begin, theirs):
    theirs.answer = Answer(401, b'{"errors": []}')
    assert begin.send("POST", "graphql", {}, graphql("query Viewer { viewer }")).status == 401


def test_our_sweep_is_not_theirs(begin, theirs):
    query = "mutation UpsertBucket { upsertBucket }"
    begin.send("POST", "graphql", {}, graphql(query, name="run1", sweep="abcd1234", config="{}"))
    variables = json.loads(theirs.requests[0].body)["variables"]
    assert variables == {"name": "run1", "sweep": None, "config": "{}"}
    same = graphql("query Sweep { sweep }", sweep="theirs")
    begin.send("POST", "graphql", {}, same)
    assert theirs.requests[1].body == same


def test_a_stop_of_the_sweep_reaches_the_program_and_theirs_too(begin, theirs):
    theirs.answer = Answer(200, b'{"stopped": true}')
    assert json.loads(begin.send("POST", PATH, {}, stream(1.0)).body) == {"stopped": True}
    theirs.answer = Answer(200, b"{}")
    begin.program.stop()
    assert json.loads(begin.send("POST", PATH, {}, b"{}").body) == {"stopped": True}
    assert len(theirs.requests) == 2


@pytest.mark.parametrize("status", [500, 503])
def test_rows_are_in_the_sweep_before_they_go_on_and_are_repeated_while_theirs_is_away(
    begin, theirs, status
):
    theirs.answer = Answer(status)
    assert begin.send("POST", PATH, {}, stream(1.0)).status == 503
    assert losses(begin) == [1.0]
    theirs.answer = Answer()
    assert begin.send("POST", PATH, {}, stream(1.0)).status == 200
    assert losses(begin) == [1.0]


def test_the_sweep_goes_on_without_theirs_when_it_stays_away(begin, theirs, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_mirror, "clock", SimpleNamespace(monotonic=lambda: now[0]))
    theirs.answer = Answer(500)
    assert begin.send("POST", PATH, {}, stream(1.0)).status == 503
    now[0] += _mirror.PATIENCE_SECONDS - 1
    assert begin.send("POST", PATH, {}, stream(1.0)).status == 503
    now[0] += 2
    assert begin.send("POST", PATH, {}, stream(1.0)).status == 200
    begin.send("POST", PATH, {}, stream(0.5, offset=1))
    assert len(theirs.requests) == 3
    assert losses(begin) == [1.0, 0.5]
    (line,) = [notice for notice in begin.notices if "does not answer" in notice]
    assert "wandb sync" in line


def test_a_program_begins_although_theirs_is_away(begin, theirs):
    theirs.answer = Answer(502)
    body = graphql("mutation UpsertBucket { upsertBucket }", name="run1", project="vision")
    answer = begin.send("POST", "graphql", {}, body)
    assert json.loads(answer.body)["data"]["upsertBucket"]["bucket"]["name"] == "run1"


def test_a_request_that_theirs_does_not_answer_does_not_hold_up_others(begin, theirs):
    release = threading.Event()
    began = threading.Event()

    def hang(_):
        began.set()
        release.wait(30)
        return Answer()

    begin.program._loaded()
    begin.program._mirror = SimpleNamespace(forward=hang, close=lambda: None)
    slow = threading.Thread(target=begin.send, args=("POST", PATH, {}, stream(1.0)))
    slow.start()
    assert began.wait(30)
    assert losses(begin) == [1.0]
    begin.program._mirror = None
    begin.send("POST", PATH, {}, stream(0.5, offset=1))
    assert losses(begin) == [1.0, 0.5]
    release.set()
    slow.join()


ACCOUNT = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "https://w.example"}


@pytest.mark.parametrize(
    ("mode", "environ", "url", "words"),
    [
        ("mirror", ACCOUNT, "https://w.example", "goes to https://w.example as before"),
        ("mirror", {}, None, "this machine has no account"),
        ("mirror", {**ACCOUNT, "WANDB_MODE": "offline"}, None, "WANDB_MODE=offline"),
        ("capture", ACCOUNT, None, "nothing to W&B"),
        (None, ACCOUNT, None, "nothing to W&B"),
    ],
)
def test_an_agent_says_once_what_it_does_and_why(mode, environ, url, words, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    notices = []
    with capturing(mode, environ, notices.append) as capture:
        assert (capture.mirrored.url if capture.mirrored else None) == url
        assert notices == []
        for _ in range(2):
            capture.say_what_it_does()
    (line,) = notices
    assert words in line


@pytest.mark.parametrize(
    ("mode", "environ", "n_lines"),
    [("off", ACCOUNT, 0), ("capture", {"WANDB_MODE": "disabled"}, 1)],
)
def test_nothing_listens_where_wandb_is_left_alone(mode, environ, n_lines):
    notices = []
    with capturing(mode, environ, notices.append) as capture:
        assert capture is None
    assert len(notices) == n_lines


def test_an_agent_works_where_it_may_not_listen(monkeypatch):
    from sweep_sdk._world import loopback

    def refuse():
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(loopback, "listen", refuse)
    notices = []
    with capturing("capture", {}, notices.append) as capture:
        assert capture is None
    assert "Operation not permitted" in notices[0]
