"""An agent with a pinned command runs no other command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.view import events
from sweep_sdk._exceptions import UsageError
from sweep_service.model.language.command import command_sha256

QUICK = AgentOptions(
    row_interval_seconds=0.02, report_interval_seconds=0.05, max_runs_without_metric=0
)
CONFIG = {
    "method": "grid",
    "command": ["sh", "-c", "echo ran >> ran.txt"],
    "metric": {"name": "loss"},
    "parameters": {"n": {"values": [0, 1, 2]}},
}


@pytest.fixture
def sweep(client):
    return client.create_sweep(CONFIG)["id"]


def n_runs():
    path = Path("ran.txt")
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_the_pinned_command_runs(client, settings, sweep):
    options = replace(QUICK, pin=command_sha256(CONFIG))
    assert run_agent(client, sweep, options, print, settings) == 0
    assert n_runs() == 3


def test_another_one_is_refused_before_anything_is_asked_for(client, settings, sweep):
    with pytest.raises(UsageError, match="not the one that --pin names"):
        run_agent(client, sweep, replace(QUICK, pin="0" * 64), print, settings)
    assert n_runs() == 0
    assert list(client.list_runs(sweep)) == []


def test_one_that_is_changed_meanwhile_is_refused_at_the_next_run(client, settings, sweep):
    def change(event):
        if isinstance(event, events.RunStarted):
            client.change_sweep(sweep, config={**CONFIG, "command": ["sh", "-c", "echo evil"]})

    options = replace(QUICK, pin=command_sha256(CONFIG))
    with pytest.raises(UsageError, match="who changed it"):
        run_agent(client, sweep, options, change, settings)
    assert n_runs() == 1
    states = [run["state"] for run in client.list_runs(sweep)]
    assert states == ["finished", "pending"]


@pytest.mark.parametrize("pin", ["", "abc", "A" * 64, "0" * 63])
def test_a_pin_is_a_sha256(pin):
    with pytest.raises(UsageError, match="64 digits"):
        AgentOptions(pin=pin)
