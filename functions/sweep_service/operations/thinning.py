"""Thinning: the few rows that show a curve as all of them would.

The rows are divided into stretches of equal length. Of each stretch those remain in which a metric
has its least or its greatest finite value, so the best value of a curve is never left out, nor is
the height of a peak. The first and the last row remain too.

Memory is bounded by the result: where too many rows remain, neighbouring stretches are joined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


class Thinner(Generic[T]):
    """Takes rows one by one, and keeps a few of them.

    Args:
        n_rows: About how many rows to keep, of which there are up to one more than twice as many;
            more only where each of several metrics has its extremes in rows of its own.
        values_of: The values of a row, by metric.
        size_of: How much a row adds to the size of an answer.
        most: What the rows that remain may add to it together.
    """

    def __init__(
        self,
        n_rows: int,
        values_of: Callable[[T], Mapping[str, float]],
        size_of: Callable[[T], float] = lambda _: 0.0,
        most: float = math.inf,
    ) -> None:
        self.n_seen = 0
        self.is_thinned = False  #: whether a row has been left out
        self._n_rows, self._values_of = n_rows, values_of
        self._size_of, self._most = size_of, most
        self._first: list[T] = []
        self._last: list[T] = []
        self._length = 1  # of a stretch, in rows
        self._stretches: list[list[T]] = []
        self._n_kept, self._size = 0, 0.0  # of these
        self._open: list[T] = []  # the stretch that is not complete
        self._n_open = 0

    def add(self, row: T) -> None:
        """Take the next row."""
        self.n_seen += 1
        self._first = self._first or [row]
        self._last = [row]
        self._open.append(row)
        self._n_open += 1
        if self._n_open == self._length:
            self._close()

    def drop(self, is_dropped: Callable[[T], bool]) -> None:
        """Leave out rows that were taken before, for good."""

        def rest(rows: list[T]) -> list[T]:
            return [row for row in rows if not is_dropped(row)]

        self._keep([rest(stretch) for stretch in self._stretches])
        self._open, self._first, self._last = map(rest, (self._open, self._first, self._last))

    def finish(self) -> list[T]:
        """The rows that remain, in the order in which they came; no more can be added."""
        if self._open:
            self._close()
        kept = [row for stretch in (*self._stretches, self._open) for row in stretch]
        first = [row for row in self._first if not kept or row is not kept[0]]
        last = [row for row in self._last if not kept or row is not kept[-1]]
        kept = [*first, *kept, *last]
        self.is_thinned &= len(kept) < self.n_seen
        return kept

    def _close(self) -> None:
        """Complete the open stretch, and join stretches until few enough rows remain."""
        stretch = self._extremes(self._open)
        self._open, self._n_open = [], 0
        self._stretches.append(stretch)
        self._n_kept += len(stretch)
        self._size += sum(map(self._size_of, stretch))
        while len(self._stretches) > 1 and (
            self._n_kept >= 2 * self._n_rows or self._size > self._most
        ):
            self._join()

    def _join(self) -> None:
        """Join every two stretches; the last one is open again where it has no partner."""
        if len(self._stretches) % 2:
            self._open, self._n_open = self._stretches.pop(), self._length
        pairs = zip(self._stretches[::2], self._stretches[1::2], strict=True)
        self._keep([self._extremes(one + other) for one, other in pairs])
        self._length *= 2

    def _keep(self, stretches: list[list[T]]) -> None:
        self._stretches = stretches
        self._n_kept = sum(map(len, stretches))
        self._size = sum(self._size_of(row) for stretch in stretches for row in stretch)

    def _extremes(self, rows: list[T]) -> list[T]:
        """The rows with the least and the greatest value of each metric; else the first one."""
        if len(rows) < 2:
            return rows
        least: dict[str, tuple[float, int]] = {}
        greatest: dict[str, tuple[float, int]] = {}
        for place, row in enumerate(rows):
            for name, value in self._values_of(row).items():
                if not math.isfinite(value):
                    continue
                if name not in least or value < least[name][0]:
                    least[name] = value, place
                if name not in greatest or value > greatest[name][0]:
                    greatest[name] = value, place
        places = {place for _, place in (*least.values(), *greatest.values())} or {0}
        self.is_thinned |= len(places) < len(rows)
        return [rows[place] for place in sorted(places)]
