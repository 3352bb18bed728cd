"""Time: time of day, monotonic time and sleeping."""

from __future__ import annotations

import time as _time


def monotonic() -> float:
    """Seconds since an arbitrary moment; never goes back."""
    return _time.monotonic()


def time() -> float:
    """Seconds since the epoch, by this machine's clock."""
    return _time.time()


def sleep(seconds: float) -> None:
    """Sleep for some seconds."""
    _time.sleep(seconds)
