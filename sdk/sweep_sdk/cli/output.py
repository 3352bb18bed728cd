"""What is printed where: results on stdout, messages about them on stderr."""

from __future__ import annotations

import json
from typing import Any

import click


def say(text: str = "") -> None:
    """A line of the command's result."""
    click.echo(text)


def note(text: str) -> None:
    """A line beside the result: a warning, a hint, an error."""
    click.echo(text, err=True)


def say_json(value: Any) -> None:
    """The one JSON value of a command with ``--json``; pure ASCII, so any terminal can hold it."""
    click.echo(json.dumps(value, indent=2))


def strong(text: str) -> str:
    """``text`` in bold on a terminal (click strips styles elsewhere)."""
    return click.style(text, bold=True)
