"""Commands end with one line and an exit code, never a traceback, whatever a backend answers.

The real backend answers; then one value somewhere in one of its answers is replaced, or the whole
answer, and the command must still end as the others do.
"""

from __future__ import annotations

import csv
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

import sweep_sdk
from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._backend.transport import HttpTransport, InProcessTransport, Response
from sweep_sdk._settings import load_settings
from sweep_sdk.cli import group


def nested(depth):
    value = 1
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


JUNK = [
    *(None, True, 0, -1, 10**30, -(10**400), 1e308, float("nan"), float("inf")),
    *("", "x\x1b]0;title\x07", "../../x", "a\x00b", "\ud800", "9" * 5000, "NaN"),
    *([], {}, [1], ["x", None], {"a": 1}, {"$number": "NaN"}, [{}], {"x": {"parameters": 1}}),
    nested(150),
    nested(900),
]
PROBLEM = {"status": 422, "code": "invalid-config", "detail": "it is so", "title": "t"}
CODES = ("invalid-config", "not-found", "sweep-ended", "lease-lost", "forbidden", 5, None)
RANDOM = """\
method: random
program: train.py
metric: {name: loss}
parameters:
  lr: {values: [0.1, 0.01]}
  layers: {min: 1, max: 9}
replacement: true
"""
COMMANDS = [
    ("sweeps",),
    ("show", "{sweep}"),
    ("show", "{run}"),
    ("runs", "{sweep}"),
    ("runs", "{sweep}", "--csv"),
    ("runs", "{sweep}", "--json"),
    ("runs", "{sweep}", "--sort", "loss", "--columns", "lr,loss,time,run.host"),
    ("best", "{sweep}"),
    ("best", "{sweep}", "--json"),
    ("history", "{run}"),
    ("history", "{sweep}"),
    ("history", "{sweep}", "--csv", "--joined"),
    ("history", "{run}", "--json"),
    ("logs", "{run}"),
    ("ask", "{sweep}"),
    ("tell", "{run}", "loss=1"),
    ("sweep", "sweep.yaml"),
    ("sweep", "sweep.yaml", "--dry-run"),
    ("sweep", "sweep.yaml", "--update", "{sweep}"),
    ("sweep", "--pause", "{sweep}"),
    ("sweep", "--resume", "{sweep}"),
    ("sweep", "--retry-failed", "{sweep}"),
    ("sweep", "--retry-run", "{run}"),
    ("sweep", "--stop-run", "{run}"),
    ("delete", "{run}", "--yes"),
    ("delete", "{sweep}", "--yes"),
    ("import", "{sweep}", "results.csv"),
    ("token", "list"),
    ("token", "revoke", "a-token"),
    ("join", "{sweep}"),
    ("doctor",),
    ("add", "{sweep}", "lr=0.1", "layers=3"),
    ("label", "{run}", "--name", "best"),
    ("agent", "{sweep}", "--count", "1"),
    ("clean", "--older-than", "0d"),
    ("export", "{sweep}", "--optuna", "study.db"),
    ("log", "loss=1"),
    ("login", "--url", "https://backend.example", "--token", "secret"),
    ("report", "{sweep}", "-o", "report.html"),
    ("sync",),
    ("watch", "{sweep}"),
    ("watch", "{sweep}", "--json"),
]
#: Commands that do not end, and where their tests are.
SERVING = {"local": "it answers, and asks nobody", "ui": "tests/sdk/ui"}
PROGRAM = """\
import sweep_sdk
sweep_sdk.log({"loss": 1.0})
"""


def places(document, place=()):
    """The place of every value in a JSON document, that of the whole one first."""
    yield place
    items = document.items() if isinstance(document, dict) else ()
    items = enumerate(document) if isinstance(document, list) else items
    for key, value in items:
        yield from places(value, (*place, key))


def replaced(document, place, value):
    if not place:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[place[0]] = replaced(copy[place[0]], place[1:], value)
    return copy


@dataclass
class Liar:
    """Answers as the backend does, except one answer.

    Attributes:
        turn: The number of the answer that is changed.
        change: Makes another answer of it.
    """

    turn: int
    change: object
    n_answers: int = 0
    changes: list = field(default_factory=list)

    def __call__(self, answer):
        self.n_answers += 1
        if self.n_answers - 1 != self.turn:
            return answer
        lie = self.change(answer)
        self.changes.append((answer.body[:300], lie.status, lie.body[:300]))
        return lie


@pytest.fixture
def lie(monkeypatch):
    """Has one of the next answers changed."""
    honest = InProcessTransport.request
    liars = []

    def request(self, *what):
        answer = honest(self, *what)
        return liars[-1](answer) if liars else answer

    def request_by_http(self, *what):
        return request(InProcessTransport(load_settings().local_db), *what)

    monkeypatch.setattr(InProcessTransport, "request", request)
    monkeypatch.setattr(HttpTransport, "request", request_by_http)
    monkeypatch.setattr("sweep_sdk._backend.client.RetryPolicy", lambda: ONCE)

    def lie(turn, change):
        liars.append(Liar(turn, change))
        return liars[-1]

    return lie


def share_of_examples(part):
    """A part of the examples of the profile, because there is one test for each command."""
    return max(settings.default.max_examples // part, 5)


@st.composite
def lies(draw):
    """A function of an honest answer to another one."""
    junk = draw(st.sampled_from(JUNK))
    choice = draw(st.integers(0, 10**6))
    code = draw(st.sampled_from([None, None, None, None, None, *CODES]))
    is_named = draw(st.booleans())

    def change(answer):
        headers = dict(answer.headers) if is_named else {}
        if code is not None:
            document = {**PROBLEM, "code": code, "errors": junk, "warnings": [junk], "detail": junk}
            headers["Content-Type"] = "application/problem+json"
            status = (400, 401, 403, 404, 409, 410, 422, 426, 429, 500)[choice % 10]
            return Response(status, headers, json.dumps(document).encode())
        document = json.loads(answer.body) if answer.body else None
        known = list(places(document))
        changed = replaced(document, known[choice % len(known)], junk)
        return replace(answer, headers=headers, body=json.dumps(changed).encode())

    return change


@pytest.fixture
def names(client, run_one):
    """A sweep with a finished run, a failed one and one that runs, and what else words name."""
    with open("sweep.yaml", "w") as file:
        file.write(RANDOM)
    sweep = client.create_sweep(yaml=RANDOM)["id"]
    with open("train.py", "w") as file:
        file.write(PROGRAM)
    with open("results.csv", "w") as file:
        csv.writer(file).writerows([["lr", "layers", "loss"], [0.1, 1, 0.5]])
    ended = run_one(sweep, loss=0.5, more={"other": 1.5})
    run_one(sweep, state="failed", loss=0.7, exit_code=1, error_tail="no memory")
    held = run_one(sweep, state=None, loss=0.6)
    metrics = Path("metrics.jsonl").absolute()  # what an agent that was killed has left
    metrics.write_text('{"loss": 0.5}\n{"event": "finish", "exit_code": 0}\n')
    settings = load_settings()
    waiting = PendingDelivery(str(settings.local_db), held, 1, str(metrics), "loss")
    Outbox(settings.home).save(waiting)
    return {"sweep": sweep, "run": ended}


def test_every_command_is_here():
    tried = {words[0] for words in COMMANDS}
    assert tried | set(SERVING) == set(group.COMMANDS)
    assert not tried & set(SERVING)


@pytest.fixture
def leave_watching(monkeypatch):
    """Ends ``watch`` when it sleeps."""

    def interrupt(_):
        raise KeyboardInterrupt

    return lambda: monkeypatch.setattr(time, "sleep", interrupt)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_answer_ends_a_command_with_a_traceback(words, cli, lie, names, leave_watching):
    words = [word.format(**names) for word in words]
    codes = {0, 1, 2}
    if words[0] == "watch":
        leave_watching()
        codes = codes | {130}

    @settings(
        max_examples=max(settings.default.max_examples // 12, 5),
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(st.integers(0, 3), lies())
    def run(turn, change):
        Path("study.db").unlink(missing_ok=True)
        liar = lie(turn, change)
        said = cli(*words)
        lie(-1, None)
        assert "Traceback" not in said.out + said.err, liar.changes
        assert said.code in codes, (said, liar.changes)
        if said.code == 2:
            assert "error: " in said.err, liar.changes
        assert not {"\x1b", "\x07"} & set(said.out + said.err), liar.changes

    run()


def test_no_answer_ends_an_agent_but_with_an_error_of_ours(client, home, lie):
    @settings(
        max_examples=max(settings.default.max_examples // 5, 5),
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(st.integers(0, 5), lies())
    def run(turn, change):
        config = {"method": "grid", "parameters": {"x": {"values": [1, 2]}}, "lease_seconds": 3600}
        sweep = client.create_sweep(config)["id"]
        liar = lie(turn, change)
        with suppress(sweep_sdk.SweepError):
            sweep_sdk.agent(sweep, function=lambda: None, count=1)
        assert liar.n_answers
        lie(-1, None)

    run()
    assert sorted(path.name for path in home.parent.iterdir()) == ["home", "work"]
