"""Events: who has changed a sweep, when and how."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from sweep_service.access.identity import Authentication, Identity
from sweep_service.access.scopes import Scope
from sweep_service.errors import Throttled

CONFIG: dict[str, Any] = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"n": {"values": [1, 2, 3]}},
}
ANN = Identity("ann", Scope.ADMIN, Authentication.STORED)
BOB = Identity("arn:aws:iam::1:user/bob", None, Authentication.IAM)


@pytest.fixture
def events(backend: Any) -> Any:
    def events(sweep: str) -> list[tuple[Any, ...]]:
        """When, who and what, the oldest first."""
        answer = backend.call("GET", f"/v1/sweeps/{sweep}/events")
        assert answer.status == 200, answer.body
        found = [(event["at"], event["who"], event["action"]) for event in answer.body["items"]]
        return found[::-1]

    return events


def test_each_change_is_kept_with_its_author(backend: Any, events: Any) -> None:
    backend.identity = ANN
    sweep = backend.create(CONFIG)
    run = backend.ask(sweep).body["id"]
    path = f"/v1/sweeps/{sweep}"
    requests = [
        ("PATCH", path, {"state": "paused"}),
        ("PATCH", path, {"state": "running"}),
        ("PATCH", path, {"run_cap": 2}),
        ("PATCH", path, {"config": {**CONFIG, "program": "other.py"}}),
        ("POST", f"{path}/runs/{run}/stop", None),
    ]
    backend.identity = BOB
    for method, place, body in requests:
        backend.clock.advance(1)
        assert backend.call(method, place, body).status < 300
    backend.identity = ANN
    assert backend.finish(run, state="killed").status == 200
    for method, place, body in [
        ("POST", f"{path}/runs/{run}/retry", {}),
        ("POST", f"{path}/results", {"results": [{"config": {"n": 3}, "value": 1}]}),
        ("POST", "/v1/tokens", {"sha256": "5" * 64, "name": "x", "scope": "agent", "sweep": sweep}),
        ("DELETE", f"/v1/tokens/{'5' * 12}", None),
    ]:
        backend.clock.advance(1)
        assert backend.call(method, place, body).status < 300
    found = events(sweep)
    assert [at - 1_000_000 for at, _, _ in found] == list(range(10))
    assert [who for _, who, _ in found] == ["ann", *[BOB.name] * 5, *["ann"] * 4]
    texts = [action for _, _, action in found]
    hashes = [text.rpartition(" ")[2] for text in (texts[0], texts[4])]
    assert hashes[0] != hashes[1] == backend.get(sweep)["command_sha256"][:12]
    assert texts == [
        f"registered the sweep, command {hashes[0]}",
        "set the state to paused",
        "set the state to running",
        "set run_cap to 2",
        f"changed the config to version 2, command {hashes[1]}",
        f"stopped run {run}",
        f"had run {run} run again",
        "imported 1 results",
        "created the token 'x', scope agent",
        "revoked the token 'x'",
    ]


def test_what_changes_nothing_leaves_no_event(backend: Any, events: Any) -> None:
    sweep = backend.create(CONFIG, name="a", project="b")
    path = f"/v1/sweeps/{sweep}"
    before = events(sweep)
    backend.call("PATCH", path, {"state": "running"})
    backend.call("PATCH", path, {"config": CONFIG})
    backend.call("PATCH", path, {"state": "nonsense"})
    backend.call("POST", f"{path}/retries", {})
    backend.call("POST", f"{path}/results", {"results": []})
    backend.call("GET", path)
    assert events(sweep) == before


def test_agents_leave_none(backend: Any, events: Any) -> None:
    sweep = backend.create(CONFIG)
    backend.identity = Identity("slurm", Scope.AGENT, Authentication.STORED)
    run = backend.ask(sweep, "an-asking-key").body["id"]
    path = f"/v1/sweeps/{sweep}/runs/{run}"
    row = {"metrics": {"loss": 1}}
    report = {"attempt": 1, "key": "an-asking-key", "offset": 0, "rows": [row]}
    assert backend.call("POST", f"{path}/reports", report).status == 200
    ending = {"attempt": 1, "key": "an-asking-key", "state": "finished"}
    assert backend.call("POST", f"{path}/finish", ending).status == 200
    assert len(events(sweep)) == 1


def test_a_repeated_registration_is_one(backend: Any, events: Any) -> None:
    body = {"config": CONFIG}
    sweep = backend.call("POST", "/v1/sweeps", body, key="the-same-key").body["id"]
    backend.clock.advance(5)
    assert backend.call("POST", "/v1/sweeps", body, key="the-same-key").body["id"] == sweep
    assert len(events(sweep)) == 1


def test_events_go_with_their_sweep_but_not_who_deleted_it(backend: Any) -> None:
    sweep = backend.create(CONFIG)
    backend.identity = ANN
    assert backend.call("DELETE", f"/v1/sweeps/{sweep}").status == 204
    backend.identity = BOB
    backend.clock.advance(3600)
    assert backend.call("DELETE", f"/v1/sweeps/{sweep}").status == 404
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/events")
    assert (answer.status, answer.body["code"]) == (404, "sweep-deleted")
    said = f"sweep {sweep} was deleted by ann on 1970-01-12 at 13:46 UTC"
    assert answer.body["detail"] == said
    assert backend.services.store.list_events(sweep, 9) == []


def test_a_change_whose_event_cannot_be_kept_is_logged(
    backend: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = backend.create(CONFIG)

    def refuse(*_: Any) -> None:
        raise Throttled("no capacity")

    monkeypatch.setattr(backend.services.store, "add_event", refuse)
    monkeypatch.setattr(logging.getLogger("sweep_service"), "propagate", True)
    backend.identity = replace(ANN, name="carol")
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "paused"})
    assert (answer.status, answer.body["state"]) == (200, "paused")
    assert "carol" in caplog.text
    assert "set the state to paused" in caplog.text


@pytest.mark.parametrize("name", ["", " ", 'a"b', "a\nb", "\x1b[2J", "é", "../up", "x" * 65, "-x"])
def test_names_of_tokens_are_fit_for_logs_and_files(backend: Any, name: str) -> None:
    body = {"sha256": "5" * 64, "name": name, "scope": "agent"}
    assert backend.call("POST", "/v1/tokens", body).status == 400
