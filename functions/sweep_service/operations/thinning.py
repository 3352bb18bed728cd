"""Thinning: select a few rows that plot like the whole curve.

The rows are divided into stretches of equal length. From each stretch, the rows with the smallest
and the largest finite value of each metric are kept, so that the best value and the height of every
peak survive. The first and the last row are kept too.

Memory is bounded by the size of the result: if too many rows remain, neighbouring stretches are
joined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


class Thinner(Generic[T]):
    """Selects rows from a stream.

    Args:
        n_rows: Approximate number of rows to keep: at most ``2 * n_rows + 1`` with one metric, more
            if several metrics have their extremes in different rows.
        values_of: Returns the values of a row by metric.
        size_of: Returns what a row adds to the size of the answer.
        most: Maximum total size of the rows that are kept.
    """

    def __init__(
        self,
        n_rows: int,
        values_of: Callable[[T], Mapping[str, float]],
        size_of: Callable[[T], float] = lambda _: 0.0,
        most: float = math.inf,
    ) -> None:
        self.n_seen = 0
        self.is_thinned = False  #: Whether a row has been left out.
        self._n_rows, self._values_of = n_rows, values_of
        self._size_of, self._most = size_of, most
        self._first: list[T] = []
        self._last: list[T] = []
        self._length = 1  # of a stretch, in rows
        self._stretches: list[list[T]] = []
        self._n_kept, self._size = 0, 0.0  # of the complete stretches
        self._open: list[T] = []  # the stretch that is not complete
        self._n_open = 0

    def add(self, row: T) -> None:
        """Add the next row."""
        self.n_seen += 1
        self._first = self._first or [row]
        self._last = [row]
        self._open.append(row)
        self._n_open += 1
        if self._n_open == self._length:
            self._close()

    def drop(self, is_dropped: Callable[[T], bool]) -> None:
        """Remove rows that were added before."""

        def rest(rows: list[T]) -> list[T]:
            return [row for row in rows if not is_dropped(row)]

        self._keep([rest(stretch) for stretch in self._stretches])
        self._open, self._first, self._last = map(rest, (self._open, self._first, self._last))

    def finish(self) -> list[T]:
        """Return the selected rows in the order in which they were added; ends the stream."""
        if self._open:
            self._close()
        kept = [row for stretch in (*self._stretches, self._open) for row in stretch]
        first = [row for row in self._first if not kept or row is not kept[0]]
        last = [row for row in self._last if not kept or row is not kept[-1]]
        kept = [*first, *kept, *last]
        self.is_thinned &= len(kept) < self.n_seen
        return kept

    def _close(self) -> None:
        """Complete the open stretch, then join stretches until few enough rows remain."""
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
        """Join stretches in pairs; a last one without a partner becomes the open stretch again."""
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
        """The rows with the smallest and largest value of each metric, or else the first row."""
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
