"""When and by whom a sweep's command was changed is stored with the config."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from sweep_service.access.identity import FIRST_ADMIN, Authentication, Identity
from sweep_service.access.scopes import Scope
from sweep_service.model.language.command import DEFAULT_COMMAND, command_sha256

CONFIG: dict[str, Any] = {
    "method": "grid",
    "program": "train.py",
    "parameters": {"n": {"values": [1, 2, 3]}},
}
ANN = Identity("ann", Scope.ADMIN, Authentication.STORED)


def sha256(command: list[str], program: str | None) -> str:
    text = json.dumps([command, program], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def about_command(sweep: dict[str, Any]) -> tuple[Any, ...]:
    return sweep["command_sha256"], sweep["command_changed_at"], sweep["command_changed_by"]


@pytest.fixture
def change(backend: Any) -> Any:
    def change(sweep: str, **changes: Any) -> dict[str, Any]:
        backend.clock.advance(10)
        body = {"config": {**CONFIG, **changes}}
        answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", body)
        assert answer.status == 200, answer.body
        return dict(answer.body)

    return change


def test_a_new_sweep_has_its_command_from_its_creator(backend: Any) -> None:
    backend.identity = ANN
    found = backend.get(backend.create(CONFIG))
    assert about_command(found) == (sha256([*DEFAULT_COMMAND], "train.py"), 1_000_000.0, "ann")


def test_another_command_or_program_names_who_changed_it(backend: Any, change: Any) -> None:
    sweep = backend.create(CONFIG)
    backend.identity = ANN
    found = change(sweep, command=["sh", "-c", "é"])
    assert about_command(found) == (sha256(["sh", "-c", "é"], "train.py"), 1_000_010.0, "ann")
    backend.identity = FIRST_ADMIN
    found = change(sweep, program="other.py")
    hashed = sha256([*DEFAULT_COMMAND], "other.py")
    assert about_command(found) == (hashed, 1_000_020.0, "first token")
    assert about_command(backend.get(sweep)) == about_command(found)


def test_other_changes_leave_it(backend: Any, change: Any) -> None:
    backend.identity = ANN
    sweep = backend.create(CONFIG)
    before = about_command(backend.get(sweep))
    backend.identity = FIRST_ADMIN
    change(sweep, parameters={"n": {"values": [1, 2, 3, 4]}})
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"run_cap": 9})
    assert about_command(backend.get(sweep)) == before


def test_a_hand_out_names_the_command_of_now(backend: Any, change: Any) -> None:
    sweep = backend.create(CONFIG)
    first = backend.ask(sweep).body
    change(sweep, program="other.py")
    second = backend.ask(sweep).body
    assert first["command_sha256"] == command_sha256(CONFIG)
    assert second["command_sha256"] == sha256([*DEFAULT_COMMAND], "other.py")


def test_a_sweep_of_an_older_backend_was_set_when_it_was_created(backend: Any) -> None:
    store = backend.services.store
    sweep = backend.create(CONFIG)
    meta = store.get_config_version(sweep, 1)
    old = "k3v9x2ab"
    without = replace(meta, sweep=old, create_key="old-key", command_at=None, command_by=None)
    store.create_sweep(without, store.get_status(sweep))
    assert about_command(backend.get(old))[1:] == (meta.created_at, None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"command": ["a", "b"]}, {"command": ["a b"]}),
        ({"command": ["a"], "program": "b"}, {"command": ["a", "b"]}),
        ({"program": "a"}, {"command": ["a"]}),
        ({}, {"program": "None"}),
    ],
)
def test_different_commands_have_different_hashes(first: Any, second: Any) -> None:
    assert command_sha256(first) != command_sha256(second)
    assert command_sha256({"command": [*DEFAULT_COMMAND]}) == command_sha256({})
