"""The command line, ``sweep-sdk``: one command a module, loaded when it is called."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import click

from sweep_sdk._exceptions import SweepError
from sweep_sdk.cli.formats import printable
from sweep_sdk.cli.group import sweep_sdk
from sweep_sdk.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors become lines on stderr and an exit code.

    Args:
        arguments: The words after ``sweep-sdk``; those of the process by default.

    Returns:
        The exit code, see ``sweep-sdk --help``.
    """
    _make_streams_safe()
    code = _run(arguments)
    _settle_streams()
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = sweep_sdk.main(arguments, prog_name="sweep-sdk", standalone_mode=False)
    except click.ClickException as error:
        return _fail(2, error.format_message() + _help_hint(error))
    except SweepError as error:
        return _fail(error.exit_code, error)
    except (click.Abort, KeyboardInterrupt):
        return _fail(INTERRUPTED, "interrupted")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(2, f"{place}{error.strerror or error}")
    return code if isinstance(code, int) else 0


def _make_streams_safe() -> None:
    """Text that the terminal's encoding lacks is escaped; what is closed is as good as empty."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _fail(code: int, message: object) -> int:
    with suppress(OSError):  # nobody reads it; the code says it too
        note(f"error: {printable(' '.join(str(message).split()))}")
    return code


def _help_hint(error: click.ClickException) -> str:
    if not isinstance(error, click.UsageError) or error.ctx is None:
        return ""
    listing = ""
    if isinstance(error, click.MissingParameter) and error.param is not None:
        is_sweep = error.param.human_readable_name.startswith("SWEEP")
        listing = "'sweep-sdk sweeps' lists them; " if is_sweep else ""
    return f" ({listing}see '{error.ctx.command_path} --help')"


def _settle_streams() -> None:
    """What could not be written is given up: the interpreter's last flush must not fail."""
    for stream in (sys.stdout, sys.stderr):
        _settle(stream)


def _settle(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
