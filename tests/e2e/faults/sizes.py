"""Sizes of the fault suites: at most minutes by default, everything with SWEEP_FAULTS=full."""

from __future__ import annotations

import os

IS_FULL = os.environ.get("SWEEP_FAULTS") == "full"


def size(usual: int, full: int) -> int:
    return full if IS_FULL else usual
