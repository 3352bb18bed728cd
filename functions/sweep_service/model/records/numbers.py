"""Non-finite numbers in strict JSON, which has none.

A metric's value is always a number, so there the texts ``NaN``, ``Infinity`` and ``-Infinity``
represent themselves. In a config a text may be written wherever a number may: there a non-finite
number travels as an object with one key, ``{"$number": "Infinity"}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

#: The texts that JSON has in the place of numbers that it cannot write.
NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TAG = "$number"


def encode_number(value: float) -> float | str:
    """A JSON value for ``value``; finite numbers are themselves."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def decode_number(value: object) -> float | None:
    """The number that a JSON value represents; None when it is none (booleans count as 0 and 1)."""
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:  # an integer beyond the range of floats
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str):
        return NON_FINITE.get(value)
    return None


def decode_metric(value: Any) -> Any:
    """A metric's value as a number: what is no text for one stays as it is, integers integers."""
    return NON_FINITE.get(value, value) if isinstance(value, str) else value


def with_texts(value: Any) -> Any:
    """A JSON value in which the texts ``NaN`` and the like replace non-finite numbers.

    A reader cannot distinguish such a text from a number; see ``tagged``.
    """
    return _replaced(value, encode_number)


def tagged(value: Any) -> Any:
    """A JSON value in which ``{"$number": TEXT}`` replaces non-finite numbers."""
    return _replaced(value, lambda number: {_TAG: encode_number(number)})


def untag(found: dict[str, Any]) -> Any:
    """An object of a decoded JSON text, or the number that it represents (``tagged``).

    It is an ``object_hook`` of ``json.loads``.
    """
    if len(found) == 1 and _TAG in found:
        text = found[_TAG]
        return NON_FINITE.get(text, found) if isinstance(text, str) else found
    return found


def _replaced(value: Any, replacement: Callable[[float], Any]) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else replacement(value)
    if isinstance(value, Mapping):
        return {key: _replaced(item, replacement) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(item, replacement) for item in value]
    return value
