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
    """The one JSON value of a command with ``--json``: strict JSON, numbers it lacks as texts.

    Pure ASCII, so any terminal can hold it.
    """
    from sweep_service.model.records.numbers import with_texts

    click.echo(json.dumps(with_texts(value), indent=2, allow_nan=False))


def strong(text: str) -> str:
    """``text`` in bold on a terminal (click strips styles elsewhere)."""
    return click.style(text, bold=True)
