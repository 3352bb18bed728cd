"""Outages that are longer than leases, and machines whose clocks disagree."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, await_true, register
from servers import Server, server_at
from sizes import size

from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._settings import load_settings

AWAY_SECONDS = size(6, 180)
LEASE_SECONDS = size(4, 20)
#: Goes on until it is asked to end.
PROGRAM = """
    step = 0
    while not os.path.exists("enough"):
        log(loss=step)
        step += 1
        time.sleep(0.05)
"""
A_WHILE = """
    for step in range(40):
        log(loss=step)
        time.sleep(0.1)
"""
HOURS_OFF = "import time; real = time.time; time.time = lambda: real() + {hours} * 3600"


@pytest.fixture
def server(place: Path) -> Iterator[Server]:
    with server_at(place / "server") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with open_client(load_settings({"SWEEP_URL": server.url})) as opened:
        yield opened


def environment(server: Server, place: Path, name: str) -> dict[str, str]:
    """As on a machine of its own."""
    return {"SWEEP_URL": server.url, "SWEEP_HOME": str(place / name)}


def check_rows(client: Client, run: str) -> int:
    """All that the program has said is there once and in order; how many rows that is."""
    losses = [row["metrics"]["loss"] for row in client.history(run)]
    assert losses == list(range(len(losses)))
    assert client.get_run(run)["summary"]["loss"] == losses[-1]
    return len(losses)


def test_training_goes_on_and_nobody_loses_a_run(
    client: Client, server: Server, place: Path
) -> None:
    """Two agents work, one waits for a run and takes none from them when the backend is back."""
    sweep = register(client, PROGRAM, 2, lease_seconds=LEASE_SECONDS)
    events: list[dict[str, Any]] = []
    agents = [Agent(sweep, events, environment(server, place, name)) for name in "abc"]
    try:
        await_true(lambda: sum(agent.open_run is not None for agent in agents) == 2)
        await_true(lambda: len({e["run"] for e in events if e["event"] == "Acknowledged"}) == 2)
        await_true(lambda: any(event["event"] == "Waiting" for event in events))
        server.kill()
        time.sleep(AWAY_SECONDS)
        server.start()
        n_before = len(events)
        await_true(lambda: len({e["run"] for e in acknowledged(events[n_before:])}) == 2)
        time.sleep(2 * LEASE_SECONDS)  # for those that suspect them
        Path("enough").touch()
        codes = [agent.await_end() for agent in agents]
    finally:
        for agent in agents:
            agent.process.kill()
    assert codes == [0, 0, 0]
    runs = list(client.list_runs(sweep))
    assert [(run["state"], run["attempt"]) for run in runs] == [("finished", 1)] * 2
    n_rows = sum(check_rows(client, run["id"]) for run in runs)
    print(
        f"\nbackend away for {AWAY_SECONDS} s with leases of {LEASE_SECONDS} s: 2 runs, one attempt"
        f" each, {n_rows} rows, all there, in order, once"
    )


def acknowledged(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "Acknowledged"]


def test_what_could_not_be_delivered_is_sent_by_sync(
    client: Client, server: Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = register(client, PROGRAM)
    env = environment(server, place, "agent")
    impatient = {"delivery_timeout_seconds": 1.0, "backend_patience_seconds": 1.0}
    agent = Agent(sweep, [], env, **impatient)
    try:
        await_true(lambda: bool(acknowledged(agent.events)))
        server.kill()
        Path("enough").touch()
        agent.await_end()  # within the bound: nobody is there to be notified
    finally:
        agent.process.kill()
    assert any("sweep-sdk sync" in notice for notice in agent.notices)
    server.start()
    assert client.get_run(f"{sweep}-0")["state"] == "running"
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    for reported in (
        f"{sweep}-0 (attempt 1): finished\n1 attempt delivered\n",
        "there was nothing to deliver",
    ):
        command = [sys.executable, "-m", "sweep_sdk.cli", "sync"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.startswith(reported)
    run = client.get_run(f"{sweep}-0")
    assert (run["state"], run["attempt"], run["exit_code"]) == ("finished", 1, 0)
    assert check_rows(client, run["id"]) > 0


def test_clocks_that_are_hours_off_change_nothing(
    client: Client, server: Server, place: Path
) -> None:
    """Runs outlast their leases, so that every one lives on renewals."""
    sweep = register(client, A_WHILE, 4, lease_seconds=2)
    events: list[dict[str, Any]] = []
    agents = [
        Agent(sweep, events, environment(server, place, str(hours)), HOURS_OFF.format(hours=hours))
        for hours in (-5, 0, 7)
    ]
    try:
        assert [agent.await_end() for agent in agents] == [0, 0, 0]
    finally:
        for agent in agents:
            agent.process.kill()
    runs = list(client.list_runs(sweep))
    assert [(run["state"], run["attempt"]) for run in runs] == [("finished", 1)] * 4
    starts = Counter(event["run"] for event in events if event["event"] == "RunStarted")
    assert starts == {run["id"]: 1 for run in runs}
    assert [check_rows(client, run["id"]) for run in runs] == [40] * 4
