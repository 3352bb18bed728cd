"""Time: of day, as it passes, and spent asleep."""

from __future__ import annotations

import time as _time


def monotonic() -> float:
    """Seconds that have passed since some moment; never goes back."""
    return _time.monotonic()


def time() -> float:
    """Seconds since the epoch, as this machine believes."""
    return _time.time()


def sleep(seconds: float) -> None:
    """Do nothing for some seconds."""
    _time.sleep(seconds)
