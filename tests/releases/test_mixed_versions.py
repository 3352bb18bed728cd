"""Agents and servers of a release together with present ones, as separate processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from versions import MAIN, TOKEN, Version, agent, register, server

from emulated_gateway import EmulatedGateway
from sweep_sdk._backend.client import Client
from sweep_sdk._backend.transport import HttpTransport
from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import Token, sha256_of, token_text
from sweep_service.bootstrap import local_services
from sweep_service.model.records.states import RunState
from sweep_service.wire import runs

N_POINTS = 8
N_ROWS = 5
PROGRAM = f"""
    import sweep_sdk
    run = sweep_sdk.init()
    for epoch in range({N_ROWS}):
        run.log({{"loss": run.config["n"] + 1 / (epoch + 1)}})
    run.finish()
"""
SWEEP_FILE = f"""
    program: train.py
    method: grid
    metric: {{name: loss, goal: minimize}}
    parameters:
      n: {{values: {list(range(N_POINTS))}}}
"""


def rows_of(url: str, run: dict[str, Any]) -> list[dict[str, Any]]:
    path = f"{url}/v1/sweeps/{run['sweep']}/runs/{run['id']}/history"
    rows: list[dict[str, Any]] = get(path)["items"]
    return rows


def expected_rows(run: dict[str, Any]) -> list[float]:
    return [run["config"]["n"] + 1 / (epoch + 1) for epoch in range(N_ROWS)]


def assert_complete(url: str, sweep: str) -> None:
    """Each point was run once, and each of its rows is there once and in order."""
    found = get(f"{url}/v1/sweeps/{sweep}")
    assert found["state"] == "finished"
    runs = get(f"{url}/v1/sweeps/{sweep}/runs")["items"]
    assert Counter(run["config"]["n"] for run in runs) == Counter(range(N_POINTS))
    assert {run["state"] for run in runs} == {"finished"}
    for run in runs:
        rows = rows_of(url, run)
        assert [row["metrics"]["loss"] for row in rows] == expected_rows(run)
        assert {row["attempt"] for row in rows} == {run["attempt"]}


@pytest.fixture(autouse=True)
def program(today: Version) -> None:
    """A training program and its sweep file, in the working directory."""
    Path("train.py").write_text(textwrap.dedent(PROGRAM))
    Path("sweep.yaml").write_text(textwrap.dedent(SWEEP_FILE))


@pytest.mark.parametrize("server_is_old", [False, True], ids=["new-server", "old-server"])
@pytest.mark.parametrize("registered_by_old", [False, True], ids=["by-new", "by-old"])
def test_agents_of_both_versions_share_a_sweep(
    today: Version, old: Version, port: int, server_is_old: bool, registered_by_old: bool
) -> None:
    with server(old if server_is_old else today, port) as url:
        sweep = register(old if registered_by_old else today, url)
        with agent(old, url, sweep), agent(today, url, sweep):
            pass
        assert_complete(url, sweep)


@pytest.mark.parametrize("scope", [None, Scope.AGENT, Scope.ADMIN])
def test_an_agent_of_the_first_release_works_with_every_token_that_allows_it(
    today: Version, old: Version, tmp_path: Path, scope: Scope | None
) -> None:
    """Through an emulated API Gateway, as on AWS; None: with the first admin's token."""
    services = local_services(tmp_path / "remote.db")
    with EmulatedGateway(services, TOKEN) as gateway:
        sweep = register(old, gateway.url)
        token = TOKEN
        if scope is not None:
            token = token_text(bytes(32))
            stored = Token(sha256_of(token), "old", scope, None, 1.0, "ann")
            services.store.save("", None, stored)
        with agent({**old, "SWEEP_TOKEN": token}, gateway.url, sweep):
            pass
        assert_complete(gateway.url, sweep)
    services.store.close()


@pytest.mark.parametrize("agent_is_old", [False, True], ids=["new-agent", "old-agent"])
def test_a_server_is_upgraded_under_a_running_agent(
    today: Version, old: Version, port: int, agent_is_old: bool, wait_until: Callable[..., None]
) -> None:
    with Path("train.py").open("a") as program:
        program.write("import time; time.sleep(0.5)\n")
    upgraded = {**today, "SWEEP_HOME": old["SWEEP_HOME"]}
    working = {**(old if agent_is_old else today), "SWEEP_HOME": today["SWEEP_HOME"]}
    with ExitStack() as until_the_end:
        with server(old, port) as url:
            sweep = register(old, url)
            until_the_end.enter_context(agent(working, url, sweep))
            wait_until(lambda: n_finished(url, sweep) >= 2)
        until_the_end.enter_context(server(upgraded, port))
        wait_until(lambda: n_finished(url, sweep) == N_POINTS)
        assert_complete(url, sweep)


def test_results_that_an_old_agent_could_not_deliver_are_delivered(
    today: Version, old: Version, port: int, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    with Path("train.py").open("a") as program:
        program.write("from pathlib import Path; Path('logged').touch()\n")
        program.write("import time; time.sleep(600)\n")
    version = {**old, "SWEEP_HOME": today["SWEEP_HOME"]}
    with server(old, port) as url:
        sweep = register(old, url)
        env = {**version, "SWEEP_URL": url}
        agent = subprocess.Popen([sys.executable, "-c", MAIN, "agent", sweep], env=env)
        wait_until(Path("logged").exists)
    agent.terminate()
    assert agent.wait() == 143
    with server(old, port) as url:
        env = {**today, "SWEEP_URL": url}
        subprocess.run([sys.executable, "-c", MAIN, "sync"], env=env, check=True)
        (run,) = get(f"{url}/v1/sweeps/{sweep}/runs")["items"]
        assert run["state"] == "pending", "it was interrupted, and is handed out again"
        assert [row["metrics"]["loss"] for row in rows_of(url, run)] == expected_rows(run)


def get(url: str) -> Any:
    return requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).json()


def n_finished(url: str, sweep: str) -> int:
    found = get(f"{url}/v1/sweeps/{sweep}")
    return int(found["counts"].get("finished", 0))


def test_an_older_backend_is_spared_what_it_does_not_know(
    old: Version, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(runs.DETAILS, "cpu_seconds", float)
    with server(old, port) as url, Client(HttpTransport(url, TOKEN)) as client:
        run = client.ask(register(old, url), "a-key-of-an-agent", "agent")
        assert isinstance(run, runs.HandOut)
        summary = {"loss": 0.5}
        ending = runs.Ending(
            run.attempt, RunState.FINISHED, summary=summary, details={"cpu_seconds": 2.5}
        )
        assert client.finish(run.id, ending).state == "finished"
        assert client.get_run(run.id)["summary"] == summary
