"""Output of commands: results go to stdout, messages about them to stderr."""

from __future__ import annotations

import json
from typing import Any

import click

from sweep_sdk._process.terminal import safe_text


def say(text: str = "") -> None:
    """Print a line of the result on stdout."""
    click.echo(safe_text(text))


def note(text: str) -> None:
    """Print a message (a warning, a hint, an error) on stderr."""
    click.echo(safe_text(text), err=True)


def say_json(value: Any) -> None:
    """Print the result of a command with ``--json`` as a single value of strict JSON, in ASCII.

    NaN and infinities, which JSON lacks, become strings.
    """
    from sweep_service.model.records.numbers import with_texts

    click.echo(json.dumps(with_texts(value), indent=2, allow_nan=False))


def strong(text: str) -> str:
    """``text`` in bold on a terminal (click removes styles elsewhere)."""
    return click.style(text, bold=True)
