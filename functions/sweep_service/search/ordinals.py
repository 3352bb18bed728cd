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


def to_digits(number: int, radices: Sequence[int]) -> list[int]:
    """The digits of a number in a mixed radix system, least significant last."""
    digits = [0] * len(radices)
    for position in range(len(radices) - 1, -1, -1):
        number, digits[position] = divmod(number, radices[position])
    return digits


def from_digits(digits: Sequence[int], radices: Sequence[int]) -> int:
    """The inverse of ``to_digits``."""
    number = 0
    for digit, radix in zip(digits, radices, strict=True):
        number = number * radix + digit
    return number
