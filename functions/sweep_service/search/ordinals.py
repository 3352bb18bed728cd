"""Arithmetic of point numbers: moving start configs to the front, skipping taken points."""

from __future__ import annotations

from bisect import bisect_right
from itertools import count as naturals
from itertools import filterfalse, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def with_first(first: Sequence[int], index: int, taken: Sequence[int] = ()) -> int:
    """Entry ``index`` of 0, 1, 2, ... with the numbers ``first`` moved to the front.

    Args:
        first: Distinct numbers to move to the front, in this order.
        index: Position in the reordered sequence.
        taken: Ascending numbers to leave out, disjoint from ``first``.
    """
    if index < len(first):
        return first[index]
    return nth_outside(sorted([*first, *taken]) if first else taken, index - len(first))


def first_entries(first: Sequence[int], count: int, taken: Sequence[int] = ()) -> list[int]:
    """The first ``count`` entries of the sequence of ``with_first``."""
    outside = filterfalse({*first, *taken}.__contains__, naturals())
    return [*first[:count], *islice(outside, max(0, count - len(first)))]


def nth_outside(taken: Sequence[int], n: int) -> int:
    """The n-th (from 0) of the numbers 0, 1, 2, ... that are not in ``taken``, ascending."""
    n_before = bisect_right(range(len(taken)), n, key=lambda place: taken[place] - place)
    return n + n_before
