"""Collects errors and warnings about a sweep config, with their lines where these are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A place in a config: keys, and positions in lists.
Place = tuple["str | int", ...]

_LONGEST_EXCERPT = 60
#: About one config: nobody reads more of them.
_MOST_WARNINGS = 200
_MOST_ERRORS = 200
_LONGEST_MESSAGE = 2_000


class Report:
    """Errors and warnings about one config, in the order of their lines."""

    def __init__(self, lines: Mapping[Place, int] | None = None) -> None:
        self._lines = lines if lines is not None else {}
        self._errors: list[Problem] = []
        self._warnings: list[Problem] = []

    def error(self, place: Place, message: str, line: int | None = None) -> None:
        """Add a problem that makes the sweep impossible."""
        problem = Problem(dotted(place), _shortened(message), line or self.line_of(place))
        self._errors.append(problem)

    def warn(self, place: Place, message: str, line: int | None = None) -> None:
        """Add a warning about something unusual; those beyond a few hundred are left out."""
        if len(self._warnings) == _MOST_WARNINGS:
            return
        if len(self._warnings) == _MOST_WARNINGS - 1:
            place, message, line = (), "there are more warnings, which are left out", None
        problem = Problem(dotted(place), _shortened(message), line or self.line_of(place))
        self._warnings.append(problem)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings so far."""
        return tuple(_by_line(self._warnings))

    @property
    def has_errors(self) -> bool:
        """Whether a problem so far makes the sweep impossible."""
        return bool(self._errors)

    def raise_errors(self) -> None:
        """Refuse the config if there are errors. The exception holds the warnings as well.

        Raises:
            InvalidConfig: With all errors.
        """
        if self._errors:
            errors = _by_line(self._errors)
            n_more = len(errors) - _MOST_ERRORS
            if n_more > 0:
                more = Problem("", f"there are {n_more:,} more errors, which are left out")
                errors = [*errors[:_MOST_ERRORS], more]
            raise InvalidConfig(errors, self.warnings)

    def line_of(self, place: Place) -> int | None:
        """Line of the place, or of the nearest one that encloses it; None if no text is known."""
        for length in range(len(place), 0, -1):
            line = self._lines.get(place[:length])
            if line is not None:
                return line
        return None


def _by_line(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line or 0)


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."


def dotted(place: Place) -> str:
    """A place as text: ``parameters.lr.values[2]``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def describe(value: object) -> str:
    """What was found, for a message: an excerpt of the value and its type in plain words."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, str):
        return f"'{excerpt(value)}' (text)"
    if isinstance(value, int):
        return f"{_in_digits(value)} (a whole number)"
    if isinstance(value, float):
        return f"{value!r} ({'a' if math.isfinite(value) else 'not a finite'} number)"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        keys = excerpt(", ".join(map(str, value)))
        return f"a map with {keys}" if value else "an empty map"
    return f"a value of type {type(value).__name__}"


def excerpt(text: str) -> str:
    """The text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_EXCERPT else f"{line[:_LONGEST_EXCERPT]}..."


def _in_digits(value: int) -> str:
    # beyond some thousand digits Python refuses to print an int
    return str(value) if value.bit_length() < 200 else f"a number of {value.bit_length()} bits"
