"""Which columns of a table fit, and that values are printed unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_sdk.cli.formats import printable
from sweep_sdk.cli.tables import Column, display_width, fitting, print_columns, table_lines

cells = st.text(max_size=12).map(printable)
columns = st.lists(
    st.builds(Column, cells, st.lists(cells, min_size=2, max_size=2), st.integers(0, 4)),
    min_size=1,
    max_size=8,
)


def titles(columns):
    return [column.title for column in columns]


def test_less_important_columns_give_way():
    given_columns = [
        Column("ID", ["1234"]),
        Column("HOST", ["x" * 20], 3),
        Column("LOSS", ["0.5"], 1),
        Column("TIME", ["12 s"], 2),
    ]
    assert titles(fitting(given_columns, 80)) == ["ID", "HOST", "LOSS", "TIME"]
    assert titles(fitting(given_columns, 20)) == ["ID", "LOSS", "TIME"]
    assert titles(fitting(given_columns, 10)) == ["ID", "LOSS"]
    assert titles(fitting(given_columns, 1)) == ["ID"]


@given(columns, st.integers(1, 100))
def test_what_is_kept_fits_and_keeps_its_order(columns, width):
    kept = fitting(columns, width)
    places = [next(i for i, c in enumerate(columns) if c is column) for column in kept]
    assert places == sorted(places)
    assert all(any(c is k for k in kept) for c in columns if c.rank == 0)
    needed = sum(column.width + 2 for column in kept) - 2
    assert needed <= width or all(column.rank == 0 for column in kept)


def test_long_titles_keep_their_end_and_long_cells_their_beginning():
    column = Column("model.encoder.attention.dropout", ["x" * 100])
    assert column.short_title == "...attention.dropout"
    assert column.short_cells == ["x" * 29 + "..."]


def test_text_that_looks_like_markup_is_only_text(capfd):
    assert print_columns([Column("A", ["[bold]x[/]", ":smile:"]), Column("[red]", ["1", "2"])]) == 0
    lines = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert lines == [["A", "[red]"], ["[bold]x[/]", "1"], [":smile:", "2"]]


def test_a_pipe_gets_every_column_in_full_lines(capfd):
    many = [Column(f"column{number}", ["x" * 20], 5) for number in range(40)]
    assert print_columns(many) == 0
    assert [len(line.split()) for line in capfd.readouterr().out.splitlines()] == [40, 40]


@pytest.mark.parametrize(("is_number", "line"), [(True, "  1"), (False, "1")])
def test_numbers_are_aligned_right(capfd, is_number, line):
    print_columns([Column("ABC", ["1"], is_number=is_number)])
    assert capfd.readouterr().out.splitlines()[1].rstrip() == line


@given(columns)
def test_columns_are_aligned(columns):
    ends = [Column("|", ["|", "|"])]
    lines = table_lines([*columns, *ends])
    assert len({display_width(line) for line in lines}) == 1


def test_width_in_a_terminal():
    assert display_width("abc") == 3
    assert display_width("日本") == 4
    assert display_width("e\u0301") == 1
