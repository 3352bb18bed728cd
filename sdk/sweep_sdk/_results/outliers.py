"""Where a picture of values ends that a few diverged ones would flatten. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUANTILE = 0.95
#: How many times as far from the best as the quantile a value is that would flatten the others.
_FLATTENING = 3.0


def limit_of(costs: Iterable[float]) -> float | None:
    """The 95% quantile if values beyond it would flatten a picture; None: it shows all of them.

    Args:
        costs: Finite values of which small ones are better.
    """
    ordered = sorted(costs)
    if not ordered:
        return None
    place = _QUANTILE * (len(ordered) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(ordered) - 1)]
    limit = low + (high - low) * (place - int(place))
    best, worst = ordered[0], ordered[-1]
    return limit if limit > best and worst - best > _FLATTENING * (limit - best) else None
