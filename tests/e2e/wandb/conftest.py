"""Environments with real wandb clients, for ``make e2e-wandb``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from environments import ROOT, VARIABLE, without_account

ENVIRONMENTS = [name for name in os.environ.get(VARIABLE, "").split() if "wandb" in name]
collect_ignore_glob = [] if ENVIRONMENTS else ["test_*.py"]


@dataclass(frozen=True)
class WandbClient:
    """An environment with wandb and this project.

    Attributes:
        version: As text, such as ``0.31.0``; ``next`` for the newest release.
        python: Its interpreter.
    """

    version: str
    python: Path

    def command(self, name: str) -> Path:
        """A program of the environment, such as ``wandb``."""
        return self.python.with_name(name)


def _client(environment: str) -> WandbClient:
    return WandbClient(environment.rpartition("-")[2], ROOT / environment / "bin" / "python")


@pytest.fixture(params=ENVIRONMENTS)
def wandb_client(request: pytest.FixtureRequest) -> WandbClient:
    """Each client."""
    return _client(request.param)


@pytest.fixture
def newest_wandb() -> WandbClient:
    """The newest client alone, where others would not differ."""
    return _client(ENVIRONMENTS[0])


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has no account: no key, no netrc, no settings."""
    return without_account(tmp_path, monkeypatch)
