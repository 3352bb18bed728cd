"""Non-finite numbers in strict JSON, which does not have them.

A metric's value is always a number, so the texts ``NaN``, ``Infinity`` and ``-Infinity`` can
represent non-finite ones. In a config, where a text is also a valid value, a non-finite number is
encoded as an object with one key, ``{"$number": "Infinity"}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

#: The texts that represent non-finite numbers.
NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TAG = "$number"


def encode_number(value: float) -> float | str:
    """Encode a number as JSON; finite numbers are unchanged."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def decode_number(value: object) -> float | None:
    """Decode a number; None if the JSON value is not one (booleans count as 0 and 1)."""
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:  # an integer outside the range of floats
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str):
        return NON_FINITE.get(value)
    return None


def decode_metric(value: Any) -> Any:
    """Decode a metric's value: texts for non-finite numbers; other values are unchanged."""
    return NON_FINITE.get(value, value) if isinstance(value, str) else value


def with_texts(value: Any) -> Any:
    """Replace non-finite numbers in a JSON value by texts such as ``NaN``.

    A reader cannot distinguish these from other texts; see ``tagged``.
    """
    return _replaced(value, encode_number)


def tagged(value: Any) -> Any:
    """Replace non-finite numbers in a JSON value by ``{"$number": TEXT}``."""
    return _replaced(value, lambda number: {_TAG: encode_number(number)})


def untag(found: dict[str, Any]) -> Any:
    """Decode an object that ``tagged`` wrote; an ``object_hook`` for ``json.loads``."""
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
