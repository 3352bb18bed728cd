"""Paths of what the fault suites share with others."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
sys.path += [str(TESTS / "contracts")]  # the stores and their places
