"""Turns any object into plain JSON and reports what had to change.

Run configs are sent as JSON, so values that JSON cannot represent are replaced: a tuple or set by
a list, a date by its text, an array by nested lists. Non-finite numbers remain floats; see
``model.records.numbers`` for their representation in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sweep_service.model.language.report import Place, Report, describe

MAX_DEPTH = 100
MAX_VALUES = 200_000
_MAX_INT_BITS = 4_000


class TooMuch(Exception):
    """The object is nested too deeply, refers to itself, or holds too many values."""


def to_plain(value: object, report: Report) -> Any:
    """A plain JSON copy of a config given as an object; None after an error."""
    try:
        return _Converter(report).convert(value, ())
    except TooMuch as too_much:
        report.error((), str(too_much))
        return None


class _Converter:
    """One pass over an object; it counts values, so that shared parts cannot multiply endlessly."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._n_values = 0

    def convert(self, value: object, place: Place) -> Any:
        self._n_values += 1
        if len(place) > MAX_DEPTH:
            raise TooMuch(f"is nested more than {MAX_DEPTH} levels deep; flatten it")
        if self._n_values > MAX_VALUES:
            raise TooMuch(f"holds more than {MAX_VALUES} values; make it smaller")
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, int):
            return self._integer(value, place)
        if isinstance(value, float):
            return float(value)
        if isinstance(value, Mapping):
            return self._object(value, place)
        if isinstance(value, (list, tuple, range)):
            return self._list(value, place)
        return self._other(value, place)

    def _integer(self, value: int, place: Place) -> int | None:
        if value.bit_length() > _MAX_INT_BITS:
            self._report.error(place, f"found {describe(value)}; needs one that fits a program")
            return None
        return int(value)

    def _object(self, value: Mapping[object, object], place: Place) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, item in value.items():
            name = self._name(key, place)
            plain[name] = self.convert(item, (*place, name))
        return plain

    def _name(self, key: object, place: Place) -> str:
        if isinstance(key, str):
            return key
        # the spelling of JSON, in which such a key would have been sent
        name = json.dumps(key) if key is None or isinstance(key, bool) else str(key)
        self._report.warn((*place, name), f"the key {key!r} is not text; kept as '{name}'")
        return name

    def _list(self, value: Iterable[object], place: Place) -> list[Any]:
        return [self.convert(item, (*place, index)) for index, item in enumerate(value)]

    def _other(self, value: object, place: Place) -> Any:
        if hasattr(value, "tolist"):  # arrays and scalars of numpy, torch, jax
            return self.convert(value.tolist(), place)
        if isinstance(value, (set, frozenset)):
            self._report.warn(place, "found a set, which JSON cannot hold; kept as a sorted list")
            return self._list(sorted(value, key=repr), place)
        if isinstance(value, date):
            self._report.warn(place, f"found a date; kept as the text '{value.isoformat()}'")
            return value.isoformat()
        self._report.error(
            place, f"found {describe(value)}; needs a number, text, boolean, null, list or map"
        )
        return None
