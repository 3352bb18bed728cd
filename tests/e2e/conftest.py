"""Fixtures of the tests that run agents."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._settings import Settings, load_settings


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, in a clean environment with a data folder of its own."""
    for name in [name for name in os.environ if name.startswith("SWEEP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def settings(workplace: Path) -> Settings:
    """Those of the clean environment."""
    return load_settings()


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """Of the backend that the settings name."""
    with open_client(settings) as opened:
        yield opened
