"""Options and help texts shared by several commands."""

from __future__ import annotations

import click

json_option = click.option(
    "--json", "is_json", is_flag=True, help="Print the result as a single JSON value."
)


def examples(*lines: str) -> str:
    """The epilog of a command's help: example calls, one for each line."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])


spreadsheet_option = click.option(
    "--spreadsheet",
    "is_spreadsheet",
    is_flag=True,
    help="As --csv, but text that a spreadsheet would execute as a formula begins with '.",
)
