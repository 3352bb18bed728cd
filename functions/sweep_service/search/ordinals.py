"""Numbers of points, and how the configs that are run first move to the front."""

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
        first: Distinct numbers, in the order in which they come first.
        index: Position in the reordered sequence.
        taken: Numbers, ascending, that are left out; none of ``first``.
    """
    if index < len(first):
        return first[index]
    return nth_outside(sorted([*first, *taken]) if first else taken, index - len(first))


def first_entries(first: Sequence[int], count: int, taken: Sequence[int] = ()) -> list[int]:
    """The first ``count`` entries that ``with_first`` finds one by one."""
    outside = filterfalse({*first, *taken}.__contains__, naturals())
    return [*first[:count], *islice(outside, max(0, count - len(first)))]


def nth_outside(taken: Sequence[int], n: int) -> int:
    """The n-th (from 0) of the numbers 0, 1, 2, ... that are not in ``taken``, ascending."""
    n_before = bisect_right(range(len(taken)), n, key=lambda place: taken[place] - place)
    return n + n_before
