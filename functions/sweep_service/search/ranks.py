"""Ranks of numbers, and rank correlation."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 0; equal values get the mean of their ranks."""
    places: defaultdict[float, list[int]] = defaultdict(list)
    for place, value in enumerate(sorted(values)):
        places[value].append(place)
    means = {value: sum(found) / len(found) for value, found in places.items()}
    return [means[value] for value in values]


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation, in [-1, 1]; None if a series has no two different values."""
    a, b = ranks(one), ranks(other)
    middle = (len(a) - 1) / 2
    spread_a, spread_b = (sum((rank - middle) ** 2 for rank in series) for series in (a, b))
    if not spread_a or not spread_b:
        return None
    together = sum((x - middle) * (y - middle) for x, y in zip(a, b, strict=True))
    return float(max(-1.0, min(1.0, together / (spread_a * spread_b) ** 0.5)))
