"""What a program notes about its run besides metrics, as short plain JSON.

Configuration values of its own, paths, commits, notes: kept with the run, apart from the sweep's
values. Non-finite numbers are written as configs have them, ``{"$number": "NaN"}``, so that they
come out as numbers. Standard library only: training programs load this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sweep_sdk._metrics import encode_number

_MAX_CHARACTERS = 1000
_MAX_ITEMS = 100
_MAX_DEPTH = 8


def as_fact(value: Any, depth: int = 0) -> Any:
    """A value as JSON that is not much longer than 1,000 characters a leaf.

    Numbers of other libraries become plain numbers, what JSON lacks becomes its text.

    Args:
        value: Anything.
        depth: How deep it is nested.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        items = list(value.items())[:_MAX_ITEMS]
        return {_text(name): as_fact(item, depth + 1) for name, item in items}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < _MAX_DEPTH:
        return [as_fact(item, depth + 1) for item in list(value)[:_MAX_ITEMS]]
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return as_fact(value.item(), _MAX_DEPTH)
    return _text(value)


def _number(value: float) -> Any:
    if isinstance(value, int):
        return int(value) if abs(value) < 2**63 else _text(value)
    return float(value) if math.isfinite(value) else {"$number": encode_number(value)}


def _text(value: Any) -> str:
    try:
        return str(value)[:_MAX_CHARACTERS]
    except Exception:  # noqa: BLE001  foreign classes raise what they like
        return type(value).__name__
