"""Keys with simple values: how each is read, and what is reported if its value is invalid."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sweep_service.model.language.report import Place, Report, describe
from sweep_service.model.space.distributions.base import is_number

FieldKind = Literal["number", "integer", "text", "boolean", "mode", "any", "list", "numbers"]
ReportProblem = Callable[[Place, str], None]

#: A number in YAML 1.2; YAML 1.1, which sweep files are in, reads ``1e-4`` and ``1e5`` as text.
NUMBER_TEXT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_NUMBER_TEXT = 400
_BOOLEAN_TEXTS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Field:
    """A key of a section and the values that it accepts.

    Attributes:
        default: The value of an absent key; None if nothing is filled in.
        above: Exclusive lower bound of numbers.
        choices: The allowed texts; empty if any text is allowed.
    """

    name: str
    kind: FieldKind
    description: str
    is_required: bool = False
    default: Any = None
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def need(self) -> str:
        """The values that the key accepts, in words, with an example for numbers."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        plain = {
            "text": "text",
            "boolean": "true or false",
            "any": "a value",
            "list": "a list with at least one value, such as [1, 2, 3]",
            "numbers": "a list of numbers, such as [0.2, 0.8]",
        }
        return plain.get(self.kind) or self._number_need()

    def _number_need(self) -> str:
        noun, example = ("a whole number", "3") if self.kind == "integer" else ("a number", "0.001")
        if self.at_most == 2**63 - 1:
            return f"{noun} of 64 bits, such as {example}"
        if self.above is not None:
            noun += f" above {self.above:g}"
            example = example if float(example) > self.above else f"{self.above + 1:g}"
        if self.at_least is not None:
            noun += f" of at least {self.at_least:g}"
        if self.at_most is not None:
            noun += f" and at most {self.at_most:.15g}"
        return f"{noun}, such as {example}"


class PlainNumber(str):
    """Unquoted text that spells a number in YAML 1.2 but not in YAML 1.1."""

    __slots__ = ()


def text_to_number(text: str) -> int | float | None:
    """The number that a text spells in YAML 1.2; None if it spells none."""
    if len(text) > _LONGEST_NUMBER_TEXT or not NUMBER_TEXT.fullmatch(text):
        return None
    is_whole = text.lstrip("+-").isdigit()
    number = int(text) if is_whole else float(text)
    return number if is_whole or math.isfinite(number) else None


def with_numbers(value: Any, place: Place, report: Report) -> Any:
    """A value in which unquoted texts such as ``1e-4`` are the numbers they spell."""
    texts: list[str] = []
    converted = _with_numbers(value, texts)
    if texts:
        numbers = ", ".join(repr(text_to_number(text)) for text in texts)
        report.warn(place, f"YAML reads {', '.join(texts)} as text; read as {numbers}")
    return converted


def _with_numbers(value: Any, texts: list[str]) -> Any:
    if isinstance(value, PlainNumber):
        texts.append(value)
        return text_to_number(value)
    if isinstance(value, list):
        return [_with_numbers(item, texts) for item in value]
    if isinstance(value, dict):
        return {key: _with_numbers(item, texts) for key, item in value.items()}
    return value


def read_field(
    field: Field, value: object, place: Place, report: Report, complain: ReportProblem
) -> Any:
    """The checked value of a key; None after a problem.

    Args:
        field: What the key takes.
        value: What was found, plain JSON.
        place: Where it was found.
        report: Takes a warning when the value had to be converted.
        complain: Called with the problem if the value is invalid.
    """
    found = _READERS[field.kind](value)
    if found is None or not _is_in_range(field, found):
        complain(place, f"found {describe(value)}; needs {field.need}")
        return None
    if field.kind != "list" and _is_converted(value, found):
        report.warn(place, f"found {describe(value)}; read as {found!r}")
    return found


def _read_number(value: object) -> int | float | None:
    if isinstance(value, str):
        return text_to_number(value.strip())
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value


def _read_integer(value: object) -> int | None:
    number = _read_number(value)
    is_whole = isinstance(number, int) or (isinstance(number, float) and number.is_integer())
    return int(number) if number is not None and is_whole else None


def _read_text(value: object) -> str | None:
    return str(value) if isinstance(value, (str, int, float)) else None


def _read_boolean(value: object) -> bool | None:
    if isinstance(value, str):
        return _BOOLEAN_TEXTS.get(value.lower())
    return value if isinstance(value, bool) else None


def _read_mode(value: object) -> str | None:
    """A word; YAML reads ``off`` as false."""
    return "off" if value is False else _read_text(value)


def _read_list(value: object) -> list[Any] | None:
    return value if isinstance(value, list) and value else None


def _read_numbers(value: object) -> list[int | float] | None:
    if not isinstance(value, list) or not value:
        return None
    numbers = [_read_number(item) for item in value]
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else None


_READERS: dict[FieldKind, Callable[[object], Any]] = {
    "number": _read_number,
    "integer": _read_integer,
    "text": _read_text,
    "boolean": _read_boolean,
    "mode": _read_mode,
    "list": _read_list,
    "numbers": _read_numbers,
}


def _is_converted(value: object, found: object) -> bool:
    if isinstance(value, list) and isinstance(found, list):
        return any(_is_converted(before, after) for before, after in zip(value, found, strict=True))
    return value != found or isinstance(value, float) != isinstance(found, float)


def _is_in_range(field: Field, value: Any) -> bool:
    if field.choices:
        return value in field.choices
    if field.kind not in ("number", "integer"):
        return True
    return (
        is_number(value)
        and (field.above is None or value > field.above)
        and (field.at_least is None or value >= field.at_least)
        and (field.at_most is None or value <= field.at_most)
    )
