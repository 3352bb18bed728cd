"""Checks of what the other side has sent: types, ranges, ids and depth, before anything uses it.

A shape is a function of a decoded JSON value and its place, which raises ``WrongShape`` where the
value is not as it must be. Fields that a shape does not know are let through, so that either side
may be newer.
"""

from __future__ import annotations

import re
import sys
import types
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from sweep_service.model.records.identifiers import RUN_ID, SWEEP_ID, run_id
from sweep_service.model.records.numbers import NON_FINITE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Shape = Callable[[Any, str], None]

MAX_DEPTH = 200
_END_OF_TIMES = 253_370_764_800  # the year 9999, the last that dates can have
_LONGEST_SECONDS = 1e9
_LARGEST = sys.float_info.max
_NON_FINITE_TEXTS = tuple(NON_FINITE)
_TOKEN_ID = re.compile(r"[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class WrongShape(ValueError):
    """A value is not what it must be; the text names its place and what is needed.

    Attributes:
        is_other: It is something else altogether: no map, or one without the fields.
    """

    def __init__(self, message: str, *, is_other: bool = False) -> None:
        super().__init__(message)
        self.is_other = is_other


def _of(need: str, accepts: Callable[[Any], bool]) -> Shape:
    def check(found: Any, place: str) -> None:
        if not accepts(found):
            raise WrongShape(f"{place} is {_excerpt(found)}; needs {need}")

    return check


def _excerpt(found: object) -> str:
    if isinstance(found, (dict, list)):
        return "a map" if isinstance(found, dict) else "a list"
    text = repr(found)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _is_whole(found: Any, least: int = -(2**63)) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and least <= found < 2**63


def _is_between(found: Any, least: float, most: float) -> bool:
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return is_number and least <= found <= most  # NaN is neither


def _is_plain(found: Any) -> bool:
    """Whether a map is nested so little that it can be walked by recursion."""
    level: list[Any] = [found] if isinstance(found, dict) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return isinstance(found, dict)
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    return False


ANYTHING = _of("a value", lambda _: True)
TEXT = _of("a text", lambda found: isinstance(found, str))
BOOLEAN = _of("true or false", lambda found: isinstance(found, bool))
WHOLE = _of("a whole number", _is_whole)
COUNT = _of("a whole number of at least 0", lambda found: _is_whole(found, 0))
FINITE = _of("a finite number", lambda found: _is_between(found, -_LARGEST, _LARGEST))
#: Such as the points of a grid.
WHOLE_OF_ANY_SIZE = _of("a whole number", lambda found: type(found) is int)
#: Seconds since the epoch.
TIME = _of("a time", lambda found: _is_between(found, -_END_OF_TIMES, _END_OF_TIMES))
#: A time that something takes, in seconds.
SECONDS = _of("a number of seconds", lambda found: _is_between(found, 0.0, _LONGEST_SECONDS))
NUMBER = _of("a number", lambda found: isinstance(found, (int, float)))
#: A metric's value: non-finite numbers are texts, see ``model.records.numbers``.
METRIC = _of(
    "a number", lambda found: isinstance(found, (int, float)) or found in _NON_FINITE_TEXTS
)
PLAIN_MAP = _of(f"a map of at most {MAX_DEPTH} levels", _is_plain)
SWEEP = _of("the id of a sweep", lambda found: _is_text_like(SWEEP_ID, found))
RUN = _of("the id of a run", lambda found: _is_text_like(RUN_ID, found))
TOKEN_ID = _of("the id of a token", lambda found: _is_text_like(_TOKEN_ID, found))
SHA256 = _of("64 hexadecimal digits", lambda found: _is_text_like(_SHA256, found))


def _is_text_like(pattern: re.Pattern[str], found: Any) -> bool:
    return isinstance(found, str) and pattern.fullmatch(found) is not None


def maybe(shape: Shape) -> Shape:
    """The shape, or null."""

    def check(found: Any, place: str) -> None:
        if found is not None:
            shape(found, place)

    return check


def list_of(shape: Shape) -> Shape:
    """A list of values of a shape."""

    def check(found: Any, place: str) -> None:
        if not isinstance(found, list):
            raise WrongShape(f"{place} is {_excerpt(found)}; needs a list")
        for index, item in enumerate(found):
            shape(item, f"{place}[{index}]")

    return check


def map_of(shape: Shape) -> Shape:
    """A map with values of a shape."""

    def check(found: Any, place: str) -> None:
        if not isinstance(found, dict):
            raise WrongShape(f"{place} is {_excerpt(found)}; needs a map")
        for name, item in found.items():
            shape(item, f"{place}.{name}")

    return check


def record(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """A map with these fields; the optional ones are checked where they are there."""
    known = {**required, **(optional or {})}

    def check(found: Any, place: str) -> None:
        if not isinstance(found, dict):
            raise WrongShape(f"{place} is {_excerpt(found)}; needs a map", is_other=True)
        missing = [name for name in required if name not in found]
        if missing:
            raise WrongShape(f"{place} lacks {missing[0]}", is_other=True)
        for name, shape in known.items():
            if name in found:
                shape(found[name], f"{place}.{name}")

    return check


@cache
def shape_of(kind: Any) -> Shape:
    """The shape of the values of a type.

    Args:
        kind: A ``TypedDict``, a list or map of such types, one of them or None, or a type with its
            shape as an annotation, such as ``Count``.

    Raises:
        TypeError: Values of the type cannot be checked.
    """
    if get_origin(kind) is Annotated:
        base, shape = get_args(kind)
        return both(shape_of(base), shape) if is_typeddict(base) else shape
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        known = {name: shape_of(hint) for name, hint in hints.items()}
        required = {name: shape for name, shape in known.items() if name in kind.__required_keys__}
        return record(required, known)
    of = get_args(kind)
    if get_origin(kind) is list:
        return list_of(shape_of(of[0]))
    if get_origin(kind) is dict:
        return map_of(shape_of(of[1]))
    if get_origin(kind) in (Union, types.UnionType):
        (given,) = (item for item in of if item is not types.NoneType)
        return maybe(shape_of(given))
    if kind not in _OF_TYPES:
        raise TypeError(f"{kind} has no shape")
    return _OF_TYPES[kind]


def names_its_sweep(found: Mapping[str, Any], place: str) -> None:
    """That the id, the sweep and the index of a run belong together."""
    if found["id"] != run_id(found["sweep"], found["index"]):
        raise WrongShape(f"{place}.id is {found['id']!r}; it is not that of its sweep and index")


def both(first: Shape, second: Shape) -> Shape:
    """What has two shapes; the second is looked at where it has the first."""

    def check(found: Any, place: str) -> None:
        first(found, place)
        second(found, place)

    return check


_OF_TYPES: dict[Any, Shape] = {str: TEXT, bool: BOOLEAN, Any: ANYTHING}
#: Types of the fields of documents, for ``shape_of``.
Count = Annotated[int, COUNT]
Whole = Annotated[int, WHOLE]
WholeOfAnySize = Annotated[int, WHOLE_OF_ANY_SIZE]
Number = Annotated[float, NUMBER]
Finite = Annotated[float, FINITE]
Time = Annotated[float, TIME]
Seconds = Annotated[float, SECONDS]
Value = Annotated[float | str, METRIC]
PlainMap = Annotated[dict[str, Any], PLAIN_MAP]
SweepId = Annotated[str, SWEEP]
RunId = Annotated[str, RUN]
TokenId = Annotated[str, TOKEN_ID]
Sha256 = Annotated[str, SHA256]
