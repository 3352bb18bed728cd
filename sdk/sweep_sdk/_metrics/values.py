"""Metric values: numbers from any library. Other values are rejected with their names.

Standard library only, because training programs load this.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    #: A metric value as it is sent: a number, a boolean, or text for a non-finite number.
    MetricValue = float | int | bool | str

#: Spellings of non-finite numbers in R, C, Fortran and others, in lower case without a plus sign.
NON_FINITE_SPELLINGS = {
    "nan": "NaN",
    "-nan": "NaN",
    "inf": "Infinity",
    "-inf": "-Infinity",
    "infinity": "Infinity",
    "-infinity": "-Infinity",
}
_MAX_DEPTH = 32
_EXACT_INT = 2**63


def clean_metrics(
    metrics: Mapping[Any, Any], refuse: Callable[[str, str], None]
) -> dict[str, MetricValue]:
    """Flatten nested maps to dotted names, and convert values to plain numbers.

    Args:
        metrics: The logged values. Scalars of numpy, torch and jax, booleans, Decimals and anything
            else that converts to a number count as numbers.
        refuse: Called with the dotted name of each value that is left out, and the reason.
    """
    flat: dict[str, MetricValue] = {}
    _flatten(metrics, "", flat, refuse, ())
    return flat


def _flatten(
    metrics: Mapping[Any, Any],
    prefix: str,
    flat: dict[str, MetricValue],
    refuse: Callable[[str, str], None],
    above: tuple[int, ...],
) -> None:
    """Add the values of a map; ``above`` has the ids of the maps that it is nested in."""
    above = (*above, id(metrics))
    for key, value in metrics.items():
        name = prefix + (key if isinstance(key, str) else _name(key))
        kind = type(value)
        if kind is float and math.isfinite(value):  # a fast path for nearly all values
            flat[name] = value
            continue
        try:
            if isinstance(value, Mapping):
                _check_nesting(value, above)
                _flatten(value, f"{name}.", flat, refuse, above)
            else:
                flat[name] = _number(value)
        except Exception as error:  # noqa: BLE001  foreign classes raise what they like
            refuse(name, reason_of(error))


def _check_nesting(value: Mapping[Any, Any], above: tuple[int, ...]) -> None:
    """Check that a map does not contain itself and is not nested too deeply.

    Raises:
        TypeError: It contains itself, or is nested too deeply.
    """
    if id(value) in above:
        raise TypeError("the map holds itself")
    if len(above) > _MAX_DEPTH:
        raise TypeError(f"maps are nested more than {_MAX_DEPTH} deep")


def _name(key: object) -> str:
    try:
        return str(key)
    except Exception:  # noqa: BLE001  a key of a foreign class
        return type(key).__name__


def reason_of(error: Exception) -> str:
    """The message of an exception on one line, or its type if it has no message."""
    try:
        return " ".join(str(error).split())[:200] or type(error).__name__
    except Exception:  # noqa: BLE001  an exception of a foreign class
        return type(error).__name__


def as_non_finite(text: str) -> str | None:
    """The standard text for any spelling of a NaN or an infinity; None for other texts."""
    return NON_FINITE_SPELLINGS.get(text.strip().lower().removeprefix("+"))


def _number(value: Any) -> MetricValue:
    """Convert a value to a number.

    Raises:
        TypeError: It is not a number. (Classes of other libraries may raise other errors.)
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < _EXACT_INT else encode_number(_float(value))
    if isinstance(value, float):
        return encode_number(value)
    if isinstance(value, str) and (known := as_non_finite(value)):
        return known
    if isinstance(value, (list, tuple)) and len(value) == 1:  # a scalar of R and MATLAB
        return _number(value[0])
    if value is None or isinstance(value, (str, bytes, bytearray, list, tuple, set, complex)):
        raise TypeError(f"found {_describe(value)}; a metric is one number")
    if hasattr(value, "item"):
        return _item(value)
    if hasattr(value, "__float__"):
        return encode_number(float(value))
    raise TypeError(f"found {_describe(value)}; a metric is one number")


def _item(value: Any) -> MetricValue:
    """The single element of an array or tensor of another library."""
    try:
        inner = value.item()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"found {_describe(value)}; a metric is one number") from None
    if not isinstance(inner, (bool, int, float)):
        raise TypeError(f"found {_describe(value)}; a metric is one number")
    return _number(inner)


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def encode_number(value: float) -> float | str:
    """A finite number as itself (a plain float: subclasses may print otherwise), else its text."""
    if math.isfinite(value):
        return float(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _describe(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    shape = getattr(value, "shape", None)
    size = f" of shape {tuple(shape)}" if isinstance(shape, tuple) else ""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}{size}"
