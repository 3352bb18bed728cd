"""An environment with real training libraries, for ``make e2e-integrations``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from environments import ROOT, VARIABLE

ENVIRONMENT = ".venv-integrations"
collect_ignore_glob = [] if ENVIRONMENT in os.environ.get(VARIABLE, "").split() else ["test_*.py"]


@pytest.fixture
def library_python() -> Path:
    """The interpreter that has all libraries."""
    return ROOT / ENVIRONMENT / "bin" / "python"
