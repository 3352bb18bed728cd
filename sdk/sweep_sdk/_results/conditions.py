"""Conditions on the values of runs: ``lr<0.01``, ``opt=adam and loss<=0.3``.

Several are joined with ``and``. A condition is a name, one of ``= == != < <= > >=``, and a value.
Names and values that hold spaces or operators are quoted. Nothing is evaluated: values are compared
as what they are.
"""

from __future__ import annotations

import json
import math
import operator
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_QUOTED = r"""(?:"[^"]*"|'[^']*')"""
_COMPARISON = re.compile(
    rf"\s*(?P<name>{_QUOTED}|[^\s<>=!\"']+)\s*(?P<sign><=|>=|==|!=|=|<|>)\s*"
    rf"(?P<value>{_QUOTED}|[^\s<>=!\"'][^\s<>=\"']*)(?:\s+(?P<next>and)\b|\s*$)",
)
_FORM = "needs NAME, one of = != < <= > >=, and a value, such as lr<0.01 or opt=adam"
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS = {"true": True, "false": False, "null": None, "none": None}


@dataclass(frozen=True)
class Condition:
    """A comparison of the value of a name.

    Attributes:
        sign: One of ``= != < <= > >=``.
        text: The value to compare with, as it was written.
    """

    name: str
    sign: str
    text: str

    def holds(self, value: Any) -> bool:
        """Whether it holds for a value; for None (also: no value), only ``=null`` does."""
        if self.sign == "=":
            return _is_equal(value, self.text)
        if self.sign == "!=":
            return not _is_equal(value, self.text)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return _ORDERS[self.sign](value, _number(self.text))


def parse_conditions(text: str) -> list[Condition]:
    """Parse conditions, all of which must hold.

    Raises:
        UsageError: The text is not a list of conditions.
    """
    conditions = []
    position, word = 0, "and"
    while word == "and":
        match = _COMPARISON.match(text, position)
        if match is None:
            raise UsageError(f"the condition '{text}': found '{text[position:].strip()}'; {_FORM}")
        condition = Condition(
            _unquoted(match["name"]), match["sign"].replace("==", "="), _unquoted(match["value"])
        )
        if condition.sign in _ORDERS and _number(condition.text) is None:
            raise UsageError(
                f"the condition '{text}': found '{condition.text}' after '{condition.sign}';"
                " needs a number or a time, such as 0.01 or 2026-01-31T12:00"
            )
        conditions.append(condition)
        position, word = match.end(), match["next"]
    return conditions


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] in "'\"" else text


def _is_equal(value: Any, text: str) -> bool:
    if isinstance(value, str):
        return value == text
    if value is None or isinstance(value, bool):
        return text.lower() in _WORDS and _WORDS[text.lower()] is value
    if isinstance(value, (int, float)):
        number = _number(text)
        are_nan = number is not None and math.isnan(value) and math.isnan(number)
        return value == number or are_nan
    if isinstance(value, list) and any(_is_equal(item, text) for item in value):
        return True
    try:
        return bool(json.loads(text) == value)
    except (ValueError, RecursionError):
        return False


def _number(text: str) -> float | None:
    """The number in a text, or the seconds since the epoch of an ISO 8601 time (UTC)."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
