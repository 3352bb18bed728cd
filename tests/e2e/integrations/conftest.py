"""An environment with real training libraries, for ``make e2e-integrations``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from environments import ROOT, VARIABLE, without_account

ENVIRONMENT = ".venv-integrations"
collect_ignore_glob = [] if ENVIRONMENT in os.environ.get(VARIABLE, "").split() else ["test_*.py"]


@pytest.fixture
def library_python() -> Path:
    """The interpreter that has all libraries."""
    return ROOT / ENVIRONMENT / "bin" / "python"


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has no account; programs use neither a network nor many threads."""
    for name in ("HF_HUB_OFFLINE", "OMP_NUM_THREADS", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    return without_account(tmp_path, monkeypatch)
