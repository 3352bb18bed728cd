"""How much the fault suites try: minutes at most by default, all of it with SWEEP_FAULTS=full."""

from __future__ import annotations

import os

IS_FULL = os.environ.get("SWEEP_FAULTS") == "full"


def size(usual: int, full: int) -> int:
    return full if IS_FULL else usual
