"""Agents and servers of a release beside those of today, as processes of their own."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import textwrap
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from releases import Release

N_POINTS = 8
N_ROWS = 5
MAIN = "import sys; from sweep_sdk.cli import main; sys.exit(main())"
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
# Below those that systems give to connections, which could otherwise take a stopped server's port.
PORTS = range(15_000, 30_000)

Version = dict[str, str]


@pytest.fixture
def today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """The environment in which this checkout's sweep-sdk runs, in a folder with a sweep file."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "train.py").write_text(textwrap.dedent(PROGRAM))
    (folder / "sweep.yaml").write_text(textwrap.dedent(SWEEP_FILE))
    monkeypatch.chdir(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    path = os.pathsep.join([os.path.dirname(sys.executable), kept["PATH"]])
    return {**kept, "PATH": path, "SWEEP_HOME": str(tmp_path / "home")}


@pytest.fixture
def old(release: Release, today: Version, tmp_path: Path) -> Version:
    """The environment in which the release's sweep-sdk runs."""
    site = tmp_path / "site"
    with zipfile.ZipFile(release.wheel) as packed:
        packed.extractall(site)
    env = {**today, "PYTHONPATH": str(site), "SWEEP_HOME": str(tmp_path / "old-home")}
    where = "import sweep_sdk, sweep_service; print(sweep_sdk.__file__, sweep_service.__file__)"
    found = subprocess.run([sys.executable, "-c", where], env=env, capture_output=True, check=True)
    assert all(Path(path).is_relative_to(site) for path in found.stdout.decode().split())
    return env


@contextmanager
def server(version: Version, port: int) -> Iterator[str]:
    """``sweep-sdk local`` of a version; yields its address."""
    command = [sys.executable, "-c", MAIN, "local", "--json", "--port", str(port)]
    process = subprocess.Popen(command, env=version, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def register(version: Version, url: str) -> str:
    """Register the sweep with the command line of a version."""
    command = [sys.executable, "-c", MAIN, "sweep", "--json", "sweep.yaml"]
    env = {**version, "SWEEP_URL": url}
    found = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return str(json.loads(found.stdout)["id"])


@contextmanager
def agent(version: Version, url: str, sweep: str) -> Iterator[None]:
    """An agent of a version beside the block; it ends by itself when the sweep has ended."""
    command = [sys.executable, "-c", MAIN, "agent", sweep]
    env = {**version, "SWEEP_URL": url}
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    finally:
        process.kill()
        process.communicate()


def assert_complete(url: str, sweep: str) -> None:
    """Each point was run once, and each of its rows is there once and in order."""
    found = requests.get(f"{url}/v1/sweeps/{sweep}", timeout=10).json()
    assert found["state"] == "finished"
    runs = requests.get(f"{url}/v1/sweeps/{sweep}/runs", timeout=10).json()["items"]
    assert Counter(run["config"]["n"] for run in runs) == Counter(range(N_POINTS))
    assert {run["state"] for run in runs} == {"finished"}
    for run in runs:
        path = f"{url}/v1/sweeps/{sweep}/runs/{run['id']}/history"
        rows = requests.get(path, timeout=10).json()["items"]
        expected = [run["config"]["n"] + 1 / (epoch + 1) for epoch in range(N_ROWS)]
        assert [row["metrics"]["loss"] for row in rows] == expected
        assert {row["attempt"] for row in rows} == {run["attempt"]}


@pytest.fixture
def port() -> int:
    for number in random.sample(PORTS, 100):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
    raise RuntimeError("no free port")


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


@pytest.mark.parametrize("agent_is_old", [False, True], ids=["new-agent", "old-agent"])
def test_a_server_is_upgraded_under_a_running_agent(
    today: Version, old: Version, port: int, agent_is_old: bool, wait_until: Callable[..., None]
) -> None:
    Path("train.py").write_text(textwrap.dedent(PROGRAM) + "import time; time.sleep(0.5)\n")
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


def n_finished(url: str, sweep: str) -> int:
    found = requests.get(f"{url}/v1/sweeps/{sweep}", timeout=10).json()
    return int(found["counts"].get("finished", 0))
