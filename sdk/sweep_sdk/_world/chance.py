"""Randomness: unique keys and jitter."""

from __future__ import annotations

import random as _random
import uuid as _uuid


def unique_key() -> str:
    """A unique key of 32 hexadecimal digits."""
    return _uuid.uuid4().hex


def uniform(low: float, high: float) -> float:
    """A uniformly distributed number from ``low`` to ``high``."""
    return _random.uniform(low, high)  # noqa: S311  jitter, not a secret
