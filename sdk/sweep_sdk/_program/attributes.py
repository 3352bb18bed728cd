"""What a program records about its run in addition to metrics, as short plain JSON.

Examples are its own configuration values, paths, commits and notes. They are stored with the run,
apart from the sweep's values. Non-finite numbers are encoded as in configs, ``{"$number": "NaN"}``.
Standard library only, because training programs load this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

from sweep_sdk._metrics.values import encode_number

_MAX_CHARACTERS = 1000
_MAX_ITEMS = 100
_MAX_DEPTH = 8
#: Approximate maximum size of one attribute; limits maps that contain each other many times.
_MAX_SIZE = 20_000
_LEFT_OUT = "..."


def as_attribute(value: Any) -> Any:
    """A value as JSON with at most about 1,000 characters per leaf. Never raises.

    Numbers of other libraries are converted to plain numbers, other values that JSON lacks to text.
    Three dots mark where a long text, list or map was cut.
    """
    return _Copier().copy(value, 0)


def as_text(value: Any) -> str:
    """The text of a value, cut to about 1,000 characters. Never raises."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001  foreign classes raise what they like
        return f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + _LEFT_OUT


class _Copier:
    """Copies one value recursively until the copy is too large."""

    def __init__(self) -> None:
        self._room = _MAX_SIZE

    def copy(self, value: Any, depth: int) -> Any:
        """A copy of the part nested ``depth`` levels deep."""
        self._room -= 1
        if self._room < 0:
            return _LEFT_OUT
        try:
            return self._copy(value, depth)
        except Exception:  # noqa: BLE001  foreign classes raise what they like
            return self._text(value)

    def _copy(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)):
            return _number(value)
        if isinstance(value, Mapping) and depth < _MAX_DEPTH:
            copied: dict[str, Any] = {}
            for name, item in value.items():
                if len(copied) >= _MAX_ITEMS or self._room <= 0:
                    return copied | {_LEFT_OUT: _LEFT_OUT}
                copied[self._text(name)] = self.copy(item, depth + 1)
            return copied
        if isinstance(value, (list, tuple, set, frozenset)) and depth < _MAX_DEPTH:
            listed = [self.copy(item, depth + 1) for item in islice(value, _MAX_ITEMS)]
            return listed if len(value) <= _MAX_ITEMS else [*listed, _LEFT_OUT]
        if getattr(value, "shape", None) == () and hasattr(value, "item"):
            return self.copy(value.item(), _MAX_DEPTH)
        return self._text(value)

    def _text(self, value: Any) -> str:
        text = as_text(value)
        self._room -= len(text)
        return text


def _number(value: float) -> Any:
    if isinstance(value, int):
        return int(value) if abs(value) < 2**63 else as_text(value)
    return float(value) if math.isfinite(value) else {"$number": encode_number(value)}
