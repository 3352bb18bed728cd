"""Fixtures: every release, and the present backend on the data that it stored."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from versions import TOKEN, Version

from releases import RELEASES, Release

# Below those that systems give to connections, which could otherwise take a stopped server's port.
PORTS = range(15_000, 30_000)


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    found: Release = request.param
    return found


@pytest.fixture(params=["sqlite", "dynamodb"])
def old_backend(
    request: pytest.FixtureRequest, release: Release, tmp_path: Path, backend: Any
) -> Iterator[Any]:
    """The backend over a store of the release, a second after the release's last request."""
    folder = tmp_path / "release"
    folder.mkdir()
    backend.clock.now = release.story["now"] + 1.0
    with getattr(release, request.param)(folder) as store:
        yield replace(backend, services=replace(backend.services, store=store))


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Waits until something that other processes do has happened."""

    def wait(condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("it has not happened within a minute")

    return wait


@pytest.fixture
def today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """The environment in which this checkout's sweep-sdk runs, in a folder of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    path = os.pathsep.join([os.path.dirname(sys.executable), kept["PATH"]])
    return {**kept, "PATH": path, "SWEEP_HOME": str(tmp_path / "home"), "SWEEP_TOKEN": TOKEN}


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
