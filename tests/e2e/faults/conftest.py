"""Fixtures of the fault suites: a folder to work in, and a local backend."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep_sdk._backend.client import Client, open_client

TESTS = Path(__file__).parents[2]
sys.path += [str(TESTS / "contracts")]  # the stores and their places


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where programs are found; the data folder is ``home`` in it."""
    for name in [name for name in os.environ if name.startswith("SWEEP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def client(place: Path) -> Iterator[Client]:
    """The local database."""
    with open_client() as opened:
        yield opened
