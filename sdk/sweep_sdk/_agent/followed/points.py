"""Joins metric values of other trackers into rows. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from sweep_sdk._metrics.values import as_non_finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sweep_sdk._metrics.values import MetricValue


class Point(NamedTuple):
    """One value of a metric.

    Attributes:
        at: Seconds since the epoch.
    """

    name: str
    value: float
    step: int
    at: float


class Row(NamedTuple):
    """Metrics of one step; ``step`` is None if steps are to be counted."""

    step: int | None
    at: float
    metrics: dict[str, MetricValue]


class RowBuilder:
    """Joins the points of a step into rows.

    A program that sets no step has the same step in all of its points. So if a metric has the same
    step twice in succession, the step is ignored and the row is counted.
    """

    def __init__(self) -> None:
        self._last_steps: dict[str, int] = {}

    def rows(self, points: Iterable[Point]) -> Iterator[Row]:
        """Join points into rows, in order."""
        row, given = None, None
        for point in points:
            if row is None or given != point.step or point.name in row.metrics:
                if row is not None:
                    yield row
                is_repeated = self._last_steps.get(point.name) == point.step
                row = Row(None if is_repeated else point.step, point.at, {})
                given = point.step
            row.metrics[point.name] = _as_logged(point.value)
            self._last_steps[point.name] = point.step
        if row is not None:
            yield row


def _as_logged(value: float) -> MetricValue:
    return value if math.isfinite(value) else as_non_finite(str(value)) or value
