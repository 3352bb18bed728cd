"""Replacing a token while agents work, through an emulated API Gateway."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from emulated_gateway import EmulatedGateway
from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.function_agent import run_function_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._agent.view import events
from sweep_sdk._backend import retry
from sweep_sdk._backend.client import open_client
from sweep_sdk._exceptions import BackendUnavailable, NotAuthorized
from sweep_sdk._program.current_run import active_run
from sweep_sdk._settings import load_settings, save_credentials
from sweep_service.bootstrap import local_services

QUICK = AgentOptions(row_interval_seconds=0.02, report_interval_seconds=0.05)
#: Logs until it is asked to end.
PROGRAM = """
import json, os, time
step = 0
while not os.path.exists("enough"):
    with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"loss": step}) + "\\n")
    step += 1
    time.sleep(0.01)
"""


@pytest.fixture
def gateway(tmp_path):
    services = local_services(tmp_path / "sweeps.db")
    with EmulatedGateway(services, "old") as running:
        yield running
    services.store.close()


@pytest.fixture
def settings(gateway, workplace, monkeypatch):
    """The old token is the one that 'sweep-sdk login' has kept."""
    monkeypatch.setattr(retry, "RENEWAL_INTERVAL_SECONDS", 0.05)
    save_credentials(gateway.url, "old")
    return load_settings()


@pytest.fixture
def sweep(client):
    Path("train.py").write_text(PROGRAM)
    config = {
        "method": "grid",
        "program": "train.py",
        "command": ["${interpreter}", "-S", "${program}"],
        "metric": {"name": "loss"},
        "parameters": {"n": {"values": [0, 1]}},
    }
    return client.create_sweep(config)["id"]


class Rotation:
    """Has the gateway take another token once it has acknowledged rows of the first run."""

    def __init__(self, gateway, url, keeps_new_one):
        self.gateway, self.url, self.keeps_new_one = gateway, url, keeps_new_one
        self.seen = []

    def __call__(self, event):
        self.seen.append(event)
        if isinstance(event, events.RunStarted) and len(self.of(events.RunStarted)) == 1:
            self.gateway.token = "new"
            threading.Thread(target=self.go_on, daemon=True).start()

    def of(self, kind):
        return [event for event in tuple(self.seen) if isinstance(event, kind)]

    def go_on(self):
        """After some refusals the user logs in again, or the program just ends."""
        while self.gateway.n_refused < 5:
            threading.Event().wait(0.01)
        if self.keeps_new_one:
            save_credentials(self.url, "new")
        Path("enough").touch()


def test_the_new_token_is_read_and_nothing_is_lost(gateway, settings, client, sweep):
    rotation = Rotation(gateway, settings.url, keeps_new_one=True)
    assert run_agent(client, sweep, QUICK, rotation, settings) == 0
    runs = list(client.list_runs(sweep))
    assert [(run["state"], run["attempt"]) for run in runs] == [("finished", 1)] * 2
    losses = [row["metrics"]["loss"] for row in client.history(f"{sweep}-0")]
    assert losses == list(range(len(losses)))
    assert losses
    assert gateway.n_refused >= 5


def test_a_function_goes_on_through_it_too(gateway, settings, client, sweep):
    rotation = Rotation(gateway, settings.url, keeps_new_one=True)

    def train():
        while not Path("enough").exists():
            active_run().log({"loss": 1})
            threading.Event().wait(0.01)

    assert run_function_agent(client, sweep, train, QUICK, rotation, settings) == 0
    assert {run["state"] for run in client.list_runs(sweep)} == {"finished"}


def test_without_a_new_one_the_results_stay_and_it_says_so(
    gateway, settings, client, sweep, monkeypatch
):
    monkeypatch.setattr(retry, "RENEWAL_SECONDS", 0.3)
    rotation = Rotation(gateway, settings.url, keeps_new_one=False)
    with pytest.raises(BackendUnavailable, match="does not accept this token") as caught:
        run_agent(client, sweep, QUICK, rotation, settings)
    assert caught.value.exit_code == 1
    (ended,) = rotation.of(events.RunEnded)
    assert (ended.state, ended.is_delivered) == ("finished", False)
    assert any("sweep-sdk sync" in notice.message for notice in rotation.of(events.Notice))
    save_credentials(settings.url, "new")
    with open_client(load_settings()) as renewed:
        (delivered,) = sync(renewed, Outbox(settings.home), print)
        assert (delivered.run, delivered.state) == (f"{sweep}-0", "finished")
        rows = list(renewed.history(f"{sweep}-0"))
        assert [row["metrics"]["loss"] for row in rows] == list(range(len(rows)))
        assert json.loads(Path(settings.credentials_file).read_text())["token"] == "new"


def test_when_that_was_its_last_run_it_still_ends_with_1(
    gateway, settings, client, sweep, monkeypatch
):
    monkeypatch.setattr(retry, "RENEWAL_SECONDS", 0.3)
    rotation = Rotation(gateway, settings.url, keeps_new_one=False)
    assert run_agent(client, sweep, replace(QUICK, count=1), rotation, settings) == 1
    (end,) = rotation.of(events.AgentEnded)
    assert "results of 1 run wait on disk" in end.reason


def test_an_end_that_neither_the_backend_nor_the_disk_takes_is_no_success(
    gateway, settings, client, sweep, monkeypatch
):
    """The folder of pending deliveries is removed, and the disk fails when it is made again."""
    monkeypatch.setattr(retry, "RENEWAL_SECONDS", 0.3)
    save = Outbox.save

    def fail_at_the_end(outbox, pending):
        if pending.outcome is None:
            return save(outbox, pending)
        shutil.rmtree(settings.home / "pending")
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Outbox, "save", fail_at_the_end)
    rotation = Rotation(gateway, settings.url, keeps_new_one=False)
    assert run_agent(client, sweep, replace(QUICK, count=1), rotation, settings) == 1
    assert any(
        "is lost: it could not be" in notice.message for notice in rotation.of(events.Notice)
    )
    (end,) = rotation.of(events.AgentEnded)
    assert end.reason == "the count of runs is reached, but the outcome of 1 run is lost"


def test_a_wrong_token_at_the_start_is_reported_at_once(gateway, settings, client, sweep):
    gateway.token = "another"
    with (
        open_client(settings) as fresh,
        pytest.raises(NotAuthorized, match="sweep-sdk login"),
    ):
        run_agent(fresh, sweep, QUICK, print, settings)
    assert gateway.n_refused == 1
