"""What several commands share in their help and options."""

from __future__ import annotations

import click

json_option = click.option(
    "--json", "is_json", is_flag=True, help="Print one JSON value and nothing else."
)


def examples(*lines: str) -> str:
    """The end of a command's help: how it is called."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n".join(["\b", title, *(f"  {line}" for line in lines)])
