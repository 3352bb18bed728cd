"""Tables that fit the terminal: columns are left out by rank until the others fit."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.formats import shortened
from sweep_sdk.cli.output import say, strong

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 2
_MAX_TITLE = 20
_MAX_CELL = 32
#: Width of output that does not go to a terminal: no column is left out.
_PIPE_WIDTH = 100_000


@dataclass(frozen=True)
class Column:
    """One column. A column of rank 0 is always shown; a higher rank is left out first."""

    title: str
    cells: Sequence[str]
    rank: int = 0
    is_number: bool = False

    @cached_property
    def width(self) -> int:
        """Width of the column, in terminal cells."""
        return max(display_width(text) for text in (self.short_title, *self.short_cells))

    @cached_property
    def short_title(self) -> str:
        """The end of the title, with at most ``_MAX_TITLE`` characters."""
        title = printable(self.title)
        too_long = len(title) - _MAX_TITLE
        return title if too_long <= 0 else f"..{title[too_long + 2 :]}"

    @cached_property
    def short_cells(self) -> list[str]:
        """The texts of the cells, with at most ``_MAX_CELL`` characters each."""
        return [shortened(printable(cell), _MAX_CELL) for cell in self.cells]

    def aligned(self, text: str) -> str:
        """A text padded to the width of the column; numbers are right-aligned."""
        padding = " " * (self.width - display_width(text))
        return f"{padding}{text}" if self.is_number else f"{text}{padding}"


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit into ``width`` terminal cells, in their given order.

    Columns of rank 0 are always included; others are added by rank while there is space.
    """
    room = width + _GAP
    kept: set[int] = set()
    for place, column in sorted(enumerate(columns), key=lambda pair: pair[1].rank):
        if column.rank == 0 or column.width + _GAP <= room:
            kept.add(place)
            room -= column.width + _GAP
    return [column for place, column in enumerate(columns) if place in kept]


def table_lines(columns: Sequence[Column]) -> list[str]:
    """A line of titles, followed by one line for each row."""
    titles = [column.short_title for column in columns]
    rows = [titles, *zip(*(column.short_cells for column in columns), strict=True)]
    return [_line(columns, row) for row in rows]


def _line(columns: Sequence[Column], texts: Sequence[str]) -> str:
    cells = (column.aligned(text) for column, text in zip(columns, texts, strict=True))
    return (" " * _GAP).join(cells).rstrip()


def print_columns(columns: Sequence[Column]) -> int:
    """Print a table that fits the terminal.

    Returns:
        The number of columns that were left out.
    """
    shown = fitting(columns, terminal_width())
    titles, *rows = table_lines(shown)
    say("\n".join([strong(titles), *rows]))
    return len(columns) - len(shown)


def terminal_width() -> int:
    """Width of the terminal in cells; practically unlimited if stdout is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH


def display_width(text: str) -> int:
    """Terminal cells that a text takes: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
