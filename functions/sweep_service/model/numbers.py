"""Non-finite numbers in JSON: they travel as the texts ``NaN``, ``Infinity``, ``-Infinity``."""

from __future__ import annotations

import math

_TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_number(value: float) -> float | str:
    """A JSON value for ``value``; finite numbers are themselves."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def decode_number(value: object) -> float | None:
    """The number that a JSON value stands for; None when it is none (booleans count as 0 and 1)."""
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:  # an integer beyond the range of floats
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str):
        return _TEXTS.get(value)
    return None
