"""``NAME=VALUE`` on the command line, as metrics."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._metrics.values import clean_metrics

if TYPE_CHECKING:
    from sweep_sdk._metrics.values import MetricValue

_BOOLEANS = {"true": True, "false": False}


def parse_metrics(values: tuple[str, ...]) -> dict[str, MetricValue]:
    """Metrics as they travel.

    Raises:
        UsageError: Names the argument that is no number.
    """
    return clean_metrics(dict(map(_parse_pair, values)), _refuse)


def _parse_pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.rpartition("=")  # a name may hold the sign, a number does not
    if not sign or not name:
        raise UsageError(f"'{text}' is no NAME=VALUE, such as loss=0.31")
    if value.lower() in _BOOLEANS:
        return name, _BOOLEANS[value.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return name, kind(value)
    raise UsageError(f"{name}: found '{value}'; a metric is one number, such as {name}=0.31")


def _refuse(name: str, reason: str) -> None:
    raise UsageError(f"{name}: {reason}")
