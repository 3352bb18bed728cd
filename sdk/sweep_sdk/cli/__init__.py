"""The command line ``sweep-sdk``; each command is a module that is imported when it is called."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import click

from sweep_sdk._exceptions import SweepError
from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.group import sweep_sdk
from sweep_sdk.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error becomes a line on stderr and an exit code.

    Args:
        arguments: The arguments after ``sweep-sdk``; by default those of the process.

    Returns:
        The exit code, see ``sweep-sdk --help``.
    """
    _make_streams_safe()
    code = _run(arguments)
    _flush_streams()
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
        path = f"{error.filename}: " if error.filename else ""
        return _fail(2, f"{path}{error.strerror or error}")
    return code if isinstance(code, int) else 0


def _make_streams_safe() -> None:
    """Escape characters that the encoding lacks, and replace closed streams by /dev/null."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _fail(code: int, message: object) -> int:
    with suppress(OSError):  # stderr may be closed; the exit code still reports the failure
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


def _flush_streams() -> None:
    """Flush, and discard what cannot be written: the interpreter's own flush must not fail."""
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)


def _flush(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
