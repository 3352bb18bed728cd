"""No results are lost if the local database is removed or replaced while agents work."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._agent.view import events
from sweep_sdk._backend.client import open_client
from sweep_sdk._exceptions import BackendGone
from sweep_sdk._server.server import LocalServer

QUICK = AgentOptions(row_interval_seconds=0.02, report_interval_seconds=0.05)
PROGRAM = """
import json, os, time
for step in range(20):
    with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"loss": step}) + "\\n")
    time.sleep(0.02)
"""
ENDS = ("", "-wal", "-shm")


@pytest.fixture
def sweep(settings):
    Path("train.py").write_text(PROGRAM)
    config = {
        "method": "grid",
        "program": "train.py",
        "command": ["${interpreter}", "-S", "${program}"],
        "metric": {"name": "loss"},
        "parameters": {"n": {"values": [0, 1]}},
    }
    with open_client(settings) as client:
        return client.create_sweep(config)["id"]


def files(settings, end=""):
    return [Path(f"{settings.local_db}{suffix}{end}") for suffix in ENDS]


def put_away(settings):
    for path, away in zip(files(settings), files(settings, ".away"), strict=True):
        path.rename(away)


def put_back(settings):
    for path, away in zip(files(settings), files(settings, ".away"), strict=True):
        path.unlink(missing_ok=True)
        away.rename(path)


def put_an_older_copy(settings):
    shutil.copy(settings.local_db, "copy.db")
    put_away(settings)
    os.rename("copy.db", settings.local_db)


def deliveries(settings):
    return sorted(path.name for path in (settings.home / "pending").iterdir())


@pytest.mark.parametrize("change", [put_away, put_an_older_copy])
@pytest.mark.parametrize("is_served", [False, True])
def test_the_agent_says_so_and_its_results_wait(settings, sweep, change, is_served):
    seen = []

    def watch(event):
        seen.append(event)
        if isinstance(event, events.RunStarted):
            change(settings)

    with open_client(settings) as local, LocalServer(local.transport, token="secret") as server:
        used = replace(settings, url=server.url, token="secret") if is_served else settings
        with open_client(used) as client:
            place = client.transport.place
            with pytest.raises(BackendGone, match="removed or replaced") as caught:
                run_agent(client, sweep, QUICK, watch, settings)
    assert caught.value.exit_code == 1
    (ended,) = [event for event in seen if isinstance(event, events.RunEnded)]
    assert (ended.state, ended.is_delivered) == ("finished", False)
    assert deliveries(settings) == [f"{sweep}-0.1.json"]
    reported = []
    if change is put_away:  # a new, empty database: it does not know the sweep, and nothing goes
        with open_client(settings) as client:
            assert list(sync_to(client, place, settings, reported)) == []
        assert deliveries(settings) == [f"{sweep}-0.1.json"]
        assert any("stay on this machine" in line for line in reported)
    put_back(settings)
    with open_client(settings) as client:
        (delivered,) = sync_to(client, place, settings, reported)
        assert delivered.state == "finished"
        losses = [row["metrics"]["loss"] for row in client.history(f"{sweep}-0")]
    assert losses == list(range(20))
    assert deliveries(settings) == []


def sync_to(client, place, settings, reported):
    """Deliver what was owed at ``place`` by a client that reaches the same database."""
    for path in (settings.home / "pending").iterdir():
        found = json.loads(path.read_text())
        assert found["place"] == place
        path.write_text(json.dumps({**found, "place": client.transport.place}))
    delivered = list(sync(client, Outbox(settings.home), reported.append))
    for path in (settings.home / "pending").iterdir():
        path.write_text(json.dumps({**json.loads(path.read_text()), "place": place}))
    return delivered
