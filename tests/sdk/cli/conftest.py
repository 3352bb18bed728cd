"""Runs the command line in this process with a temporary database."""

from __future__ import annotations

import io
import json
import os
import sys
from dataclasses import dataclass

import pytest

from sweep_sdk._backend.client import open_client
from sweep_sdk.cli import main
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

GRID = """\
method: grid
program: train.py
metric: {name: loss}
parameters:
  lr: {values: [0.1, 0.01]}
  layers: {values: [1, 2]}
"""


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A clean environment with a data folder of its own; also the working directory."""
    for name in [name for name in os.environ if name.startswith("SWEEP_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("SWEEP_HOME", str(tmp_path / "home"))
    search_path = [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
    monkeypatch.setenv("PATH", os.pathsep.join(search_path))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path / "home"


@pytest.fixture
def cli(home, monkeypatch, capfd):
    """Calls ``sweep-sdk`` with words; the code and what was printed."""

    def call(*words, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capfd.readouterr()
        code = main([str(word) for word in words])
        printed = capfd.readouterr()
        return Result(code, printed.out, printed.err)

    return call


@pytest.fixture
def client(home):
    with open_client() as opened:
        yield opened


@pytest.fixture
def grid_file(home):
    """A sweep of four points in the working directory."""
    with open("sweep.yaml", "w") as file:
        file.write(GRID)
    return "sweep.yaml"


@pytest.fixture
def grid(client, grid_file):
    """The id of a registered grid of four points."""
    return client.create_sweep(yaml=GRID)["id"]


@pytest.fixture
def run_one(client):
    """Takes the next run of a sweep and brings it to an end; its id."""

    def run(sweep, state="finished", *, loss=None, more=None, host="far", **ending):
        taken = client.ask(
            sweep, key=f"key-of-{sweep}-{os.urandom(4).hex()}", agent="a1", host=host
        )
        metrics = {} if loss is None else {"loss": loss}
        metrics |= more or {}
        if metrics:
            row = {"step": 0, "at": 1.0, "metrics": metrics}
            client.report(taken.id, taken.attempt, 0, [row])
        if state is not None:
            client.finish(
                taken.id, Ending(taken.attempt, RunState(state), summary=metrics, **ending)
            )
        return taken.id

    return run
