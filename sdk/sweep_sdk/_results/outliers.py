"""Limits the range of charts that a few diverged values would flatten. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUANTILE = 0.95
#: A value flattens a chart if it is this many times as far from the best as the quantile is.
_FLATTENING = 3.0


def limit_of(costs: Iterable[float]) -> float | None:
    """The 95% quantile if values beyond it would flatten a chart; None to show all values.

    Args:
        costs: Finite values; smaller is better.
    """
    ordered = sorted(costs)
    if not ordered:
        return None
    place = _QUANTILE * (len(ordered) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    limit = low + (high - low) * (place - int(place))
    best, worst = ordered[0], ordered[-1]
    return limit if limit > best and worst - best > _FLATTENING * (limit - best) else None
