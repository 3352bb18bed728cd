"""Commands that change a sweep of the deployed backend while real agents work on it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deployment import Deployed

from sweep_sdk._backend.client import Client

PATIENCE_SECONDS = 120.0
# Reports once and goes on until the test says otherwise.
PROGRAM = """
import time
from pathlib import Path
import sweep_sdk

run = sweep_sdk.init()
run.log({"loss": (run.config.n - 2) ** 2})
while not Path("go").exists():
    time.sleep(0.05)
"""


@dataclass(frozen=True)
class Shell:
    """The command line of a user whose programs, sweep files and agents' logs are in a folder."""

    folder: Path
    environ: dict[str, str]
    agents: list[subprocess.Popen[str]]

    def run(self, *arguments: str, code: int = 0) -> str:
        """stdout of a command that ends with ``code``; stderr where that is an error."""
        done = subprocess.run(
            [sys.executable, "-m", "sweep_sdk.cli", *arguments],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else done.stdout

    def file(self, **changes: object) -> str:
        """A sweep file, the same but for ``changes``."""
        config = {
            "program": "train.py",
            "method": "grid",
            "metric": {"name": "loss"},
            "parameters": {"n": {"values": [1, 2]}},
            **changes,
        }
        (self.folder / "sweep.yaml").write_text(json.dumps(config))
        return "sweep.yaml"

    def register(self, *options: str, **changes: object) -> str:
        return str(json.loads(self.run("sweep", self.file(**changes), *options, "--json"))["id"])

    def start(self, sweep: str, *options: str) -> int:
        """Start an agent; its number."""
        with (self.folder / f"agent-{len(self.agents)}.log").open("w") as log:
            command = [sys.executable, "-m", "sweep_sdk.cli", "agent", sweep, *options]
            agent = subprocess.Popen(
                command, env=self.environ, cwd=self.folder, stdout=log, stderr=log, text=True
            )
        self.agents.append(agent)
        return len(self.agents) - 1

    def said(self, number: int) -> str:
        return (self.folder / f"agent-{number}.log").read_text()

    def end(self, number: int, code: int = 0) -> str:
        """Wait for an agent's end; all that it said."""
        assert self.agents[number].wait(PATIENCE_SECONDS) == code, self.said(number)
        return self.said(number)

    def let_go(self) -> None:
        (self.folder / "go").touch()


@pytest.fixture
def shell(deployed: Deployed, tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "train.py").write_text(PROGRAM)
    environ = deployed.environ(tmp_path / "home") | {"SWEEP_REPORT_INTERVAL": "1"}
    made = Shell(tmp_path, environ, [])
    yield made
    for agent in made.agents:
        agent.terminate()
        agent.wait()


def await_true(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def runs_of(client: Client, sweep: str) -> list[tuple[str, Any]]:
    return [(run["state"], run["config"]["n"]) for run in client.list_runs(sweep)]


def test_an_agent_of_a_paused_sweep_waits_until_it_is_resumed(shell: Shell, client: Client) -> None:
    sweep = shell.register()
    assert "is paused" in shell.run("sweep", "--pause", sweep)
    agent = shell.start(sweep)
    await_true(lambda: "the sweep is paused" in shell.said(agent))
    assert runs_of(client, sweep) == []
    shell.let_go()
    shell.run("sweep", "--resume", sweep)
    assert "the sweep has ended (2 runs here)" in shell.end(agent)
    assert runs_of(client, sweep) == [("finished", 1), ("finished", 2)]


def test_a_stopped_sweep_lets_its_runs_go_on_and_can_be_resumed(
    shell: Shell, client: Client
) -> None:
    sweep = shell.register()
    agent = shell.start(sweep)
    await_true(lambda: runs_of(client, sweep) == [("running", 1)])
    assert "is finished" in shell.run("sweep", "--stop", sweep)
    shell.let_go()
    assert "the sweep has ended (1 run here)" in shell.end(agent)
    assert runs_of(client, sweep) == [("finished", 1)]
    assert "is running" in shell.run("sweep", "--resume", sweep)
    shell.end(shell.start(sweep))
    assert runs_of(client, sweep) == [("finished", 1), ("finished", 2)]


def test_a_canceled_sweep_stops_its_runs_and_stays_canceled(shell: Shell, client: Client) -> None:
    sweep = shell.register()
    agent = shell.start(sweep, "--parallel", "2")
    await_true(lambda: runs_of(client, sweep) == [("running", 1), ("running", 2)])
    assert "is canceled" in shell.run("sweep", "--cancel", sweep)
    assert "the sweep was canceled" in shell.end(agent)
    assert runs_of(client, sweep) == [("killed", 1), ("killed", 2)]
    refused = shell.run("sweep", "--resume", sweep, code=2)
    assert refused.startswith(f"error: cannot resume sweep {sweep}: it is canceled")


def test_one_run_is_stopped_and_the_next_one_begins(shell: Shell, client: Client) -> None:
    sweep = shell.register()
    agent = shell.start(sweep)
    await_true(lambda: runs_of(client, sweep) == [("running", 1)])
    shell.run("sweep", "--stop-run", f"{sweep}-0")
    await_true(lambda: runs_of(client, sweep) == [("killed", 1), ("running", 2)])
    shell.let_go()
    assert "stopped by request" in shell.end(agent)
    assert runs_of(client, sweep) == [("killed", 1), ("finished", 2)]
    assert "no agent works on it" in shell.run("sweep", "--stop-run", f"{sweep}-0", code=2)


def test_an_update_takes_effect_before_the_first_run_and_after_the_last(
    shell: Shell, client: Client
) -> None:
    shell.let_go()
    sweep = shell.register(run_cap=1)
    values = {"n": {"values": [7, 2, 9]}}
    shell.run("sweep", "--update", sweep, shell.file(parameters=values, run_cap=1))
    assert "(1 run here)" in shell.end(shell.start(sweep))
    assert client.get_sweep(sweep)["state"] == "finished"
    reported = shell.run("sweep", "--update", sweep, shell.file(parameters=values, run_cap=2))
    assert "config version 3" in reported
    shell.end(shell.start(sweep))
    more = {"n": {"values": [9, 7, 5, 2]}}
    shell.run("sweep", "--update", sweep, shell.file(parameters=more))
    shell.end(shell.start(sweep))
    assert runs_of(client, sweep) == [("finished", n) for n in (7, 2, 9, 5)]
    other = shell.file(method="random")
    refused = shell.run("sweep", "--update", sweep, other, code=2)
    assert "method: found 'random'; it was 'grid'" in refused


def test_prior_runs_are_what_bayes_begins_with(shell: Shell, client: Client) -> None:
    shell.let_go()
    values = {"n": {"values": [0, 1, 2, 3]}}
    first = shell.register(parameters=values)
    shell.end(shell.start(first, "--parallel", "2"))
    prior = [word for index in range(4) for word in ("--prior-run", f"{first}-{index}")]
    space = {"n": {"min": 0.0, "max": 10.0}}
    second = shell.register(*prior, method="bayes", parameters=space, run_cap=1)
    shell.end(shell.start(second))
    (run,) = client.list_runs(second)
    assert run["suggestion"]["observations"] == 4
    missing = ["--prior-run", f"{first}-4"]
    file = shell.file(method="bayes", parameters=space)
    assert f"no run '{first}-4'" in shell.run("sweep", file, *missing, code=2)
