"""Tables that people can read in 80 columns: the columns that tell most, as many as fit."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sweep_sdk.cli.formats import printable, shortened
from sweep_sdk.cli.output import say, strong

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2
_MAX_TITLE = 20
_MAX_CELL = 32
#: What a pipe gets: nobody reads it in a window, so nothing is left out.
_PIPE_WIDTH = 100_000


@dataclass(frozen=True)
class Column:
    """One column; ``rank`` 0 is always shown, larger ones give way first."""

    title: str
    cells: Sequence[str]
    rank: int = 0
    is_number: bool = False

    @cached_property
    def width(self) -> int:
        """Places that it needs."""
        return max(display_width(text) for text in (self.short_title, *self.short_cells))

    @cached_property
    def short_title(self) -> str:
        """The title, at most ``_MAX_TITLE`` characters; of a dotted name the end tells most."""
        title = printable(self.title)
        too_long = len(title) - _MAX_TITLE
        return title if too_long <= 0 else f"..{title[too_long + 2 :]}"

    @cached_property
    def short_cells(self) -> list[str]:
        """The cells, at most ``_MAX_CELL`` characters each."""
        return [shortened(printable(cell), _MAX_CELL) for cell in self.cells]

    def aligned(self, text: str) -> str:
        """A cell at its full width; numbers stand on the right."""
        padding = " " * (self.width - display_width(text))
        return f"{padding}{text}" if self.is_number else f"{text}{padding}"


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns to show in ``width`` places, in their given order.

    Those of rank 0 are kept in any case; others are taken by rank while there is room.
    """
    room = width + _GAP
    kept: set[int] = set()
    for place, column in sorted(enumerate(columns), key=lambda pair: pair[1].rank):
        if column.rank == 0 or column.width + _GAP <= room:
            kept.add(place)
            room -= column.width + _GAP
    return [column for place, column in enumerate(columns) if place in kept]


def table_lines(columns: Sequence[Column]) -> list[str]:
    """A line of titles, then one for each row of cells."""
    titles = [column.short_title for column in columns]
    rows = [titles, *zip(*(column.short_cells for column in columns), strict=True)]
    return [_line(columns, row) for row in rows]


def _line(columns: Sequence[Column], texts: Sequence[str]) -> str:
    cells = (column.aligned(text) for column, text in zip(columns, texts, strict=True))
    return (" " * _GAP).join(cells).rstrip()


def print_columns(columns: Sequence[Column]) -> int:
    """Print a table as wide as the terminal; the number of columns that found no room."""
    shown = fitting(columns, terminal_width())
    titles, *rows = table_lines(shown)
    say("\n".join([strong(titles), *rows]))
    return len(columns) - len(shown)


def terminal_width() -> int:
    """Places in a line of the terminal; without end where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH


def display_width(text: str) -> int:
    """Places that a text takes in a terminal: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
