"""An agent can only report on and finish runs that it holds."""

from __future__ import annotations

from typing import Any

import pytest

from sweep_service.access.identity import Authentication, Identity
from sweep_service.access.scopes import Scope

CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"n": {"values": [1, 2]}},
    "lease_seconds": 60,
    "retry_failed": 3,
}
ROW = {"step": 0, "at": 1.5, "metrics": {"loss": 1}}
IDENTITIES = [
    Identity("slurm", Scope.AGENT, Authentication.STORED),
    Identity("arn:aws:iam::1:role/agents", None, Authentication.IAM),
]


@pytest.fixture(params=IDENTITIES, ids=lambda identity: identity.method.value)
def play(request: Any, backend: Any) -> Any:
    sweep = backend.create(CONFIG)
    backend.identity = request.param
    return Play(backend, sweep)


class Play:
    """Requests of agents on the first run of a sweep."""

    def __init__(self, backend: Any, sweep: str) -> None:
        self.backend, self.sweep, self.run = backend, sweep, f"{sweep}-0"

    def ask(self, key: str) -> int:
        found = self.backend.ask(self.sweep, key).body
        assert found["id"] == self.run
        return int(found["attempt"])

    def report(self, attempt: int, key: str | None, n_rows: int = 1) -> Any:
        body = {"attempt": attempt, "offset": 0, "rows": [ROW] * n_rows}
        body |= {} if key is None else {"key": key}
        return self.backend.call("POST", f"{self._path}/reports", body)

    def finish(self, attempt: int, key: str | None, state: str = "finished") -> Any:
        body = {"attempt": attempt, "state": state} | ({} if key is None else {"key": key})
        return self.backend.call("POST", f"{self._path}/finish", body)

    def rows(self) -> list[Any]:
        return list(self.backend.call("GET", f"{self._path}/history").body["items"])

    def state(self) -> str:
        return str(self.backend.call("GET", self._path).body["state"])

    @property
    def _path(self) -> str:
        return f"/v1/sweeps/{self.sweep}/runs/{self.run}"


def test_the_holder_may(play: Any) -> None:
    attempt = play.ask("the-holders-key")
    assert play.report(attempt, "the-holders-key").status == 200
    assert play.finish(attempt, "the-holders-key").body["state"] == "finished"


@pytest.mark.parametrize("key", [None, "another-agents-key"])
def test_others_may_not_while_it_runs(play: Any, key: str | None) -> None:
    attempt = play.ask("the-holders-key")
    for refused in (play.report(attempt, key), play.finish(attempt, key, "failed")):
        assert refused.status == (403 if key is None else 409)
    assert play.report(attempt + 1, key or "x").status == 409
    assert (play.rows(), play.state()) == ([], "running")


def test_a_run_that_has_ended_cannot_be_changed_by_others(play: Any) -> None:
    attempt = play.ask("the-holders-key")
    play.finish(attempt, "the-holders-key")
    for number in (attempt, attempt + 1, 99):
        assert play.report(number, "another-agents-key").status == 409
        assert play.finish(number, "another-agents-key", "failed").status == 409
    assert (play.rows(), play.state()) == ([], "finished")


def test_nor_on_its_earlier_attempts(play: Any) -> None:
    first = play.ask("the-first-holder")
    play.finish(first, "the-first-holder", "failed")
    second = play.ask("the-second-holder")
    assert second == first + 1
    assert play.report(first, "the-second-holder").status == 409
    assert play.report(first, "another-agents-key").status == 409
    assert play.rows() == []


def test_the_rows_of_a_holder_that_was_too_late_are_kept(play: Any) -> None:
    first = play.ask("the-first-holder")
    play.finish(first, "the-first-holder", "failed")
    play.ask("the-second-holder")
    assert play.report(first, "the-first-holder").status == 409
    assert [row["attempt"] for row in play.rows()] == [first]


def test_an_admin_may_leave_out_the_key_as_version_0_1_0_did(backend: Any) -> None:
    play = Play(backend, backend.create(CONFIG))
    attempt = play.ask("the-holders-key")
    assert play.report(attempt, None).status == 200
    assert play.finish(attempt, None).status == 200
    assert play.report(attempt, None, n_rows=2).status == 409
    assert len(play.rows()) == 2
