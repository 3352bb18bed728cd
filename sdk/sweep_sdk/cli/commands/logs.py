"""``sweep-sdk logs``: the output of a run."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from sweep_sdk._process.terminal import TerminalFilter
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.kinds import require_run
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

_CHUNK_BYTES = 1 << 16
_POLL_SECONDS = 0.5
#: Time between two checks whether the run has ended.
_CHECK_SECONDS = 2.0

_EXAMPLES = examples(
    "sweep-sdk logs k3v9x2ab-17",
    "sweep-sdk logs k3v9x2ab-17 --follow",
)


@click.command(epilog=_EXAMPLES, short_help="Show the output of a run.")
@click.argument("run")
@click.option("--follow", "-f", is_flag=True, help="Show new output until the run has ended.")
@click.option("--path", "is_path", is_flag=True, help="Print the path of the log file instead.")
def command(run: str, follow: bool, is_path: bool) -> int:
    """Show what all attempts of RUN wrote to stdout and stderr.

    The log file is on the machine on which the run was executed. Exits with code 1 if that is
    not this machine.
    """
    from sweep_sdk._agent.process.launcher import run_files
    from sweep_sdk._backend.references import parse_run
    from sweep_sdk._settings import load_settings

    require_run(run, "logs", "to list its runs: sweep-sdk runs {sweep}")
    settings = load_settings()
    sweep, run_id = parse_run(run)
    path = run_files(settings.runs_dir, sweep, run_id, 0).log
    with connected(run, settings) as client:
        if not path.exists():
            found = client.get_run(run)
            note(f"no output of {run_id} in {path.parent}: it ran on host {found['host']}")
            return 1
        if is_path:
            click.echo(path)
        elif follow:
            _follow(path, lambda: client.get_run(run)["ended_at"] is not None)
        else:
            with path.open("rb") as file:
                _copy_rest(file, TerminalFilter())
    return 0


def _copy_rest(file: BinaryIO, terminal: TerminalFilter) -> bool:
    """Copy the rest of the file to stdout, made safe for a terminal; whether there was any."""
    is_terminal = sys.stdout.isatty()
    n_bytes = 0
    while chunk := file.read(_CHUNK_BYTES):
        n_bytes += len(chunk)
        sys.stdout.buffer.write(terminal.safe(chunk) if is_terminal else chunk)
    sys.stdout.buffer.flush()
    return n_bytes > 0


def _follow(path: Path, has_ended: Callable[[], bool]) -> None:
    """Copy the growing file to stdout, until the run has ended and everything has been read."""
    with path.open("rb") as file:
        ask_at = 0.0
        is_over = False
        terminal = TerminalFilter()
        while _copy_rest(file, terminal) or not is_over:
            if time.monotonic() >= ask_at:
                is_over = has_ended()
                ask_at = time.monotonic() + _CHECK_SECONDS
            if not is_over:
                time.sleep(_POLL_SECONDS)
