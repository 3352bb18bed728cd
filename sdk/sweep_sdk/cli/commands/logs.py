"""``sweep-sdk logs``: what a run wrote to stdout and stderr."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.kinds import require_run
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

_CHUNK_BYTES = 1 << 16
_ONE_LOOK_SECONDS = 0.5
#: How often the backend is asked whether a quiet run has ended.
_ASK_SECONDS = 2.0

_EXAMPLES = examples(
    "sweep-sdk logs k3v9x2ab-17",
    "sweep-sdk logs k3v9x2ab-17 --follow",
)


@click.command(epilog=_EXAMPLES, short_help="Show what a run printed.")
@click.argument("run")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run has ended.")
@click.option("--path", "is_path", is_flag=True, help="Print the log file's path instead.")
def command(run: str, follow: bool, is_path: bool) -> int:
    """Show what RUN wrote to stdout and stderr, all of its attempts.

    The log is on the machine whose agent ran it. Exit code 1 when it is not on this one.
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
            _copy(path)
    return 0


def _copy(path: Path) -> None:
    with path.open("rb") as file:
        _pass_on(file)


def _pass_on(file: BinaryIO) -> bool:
    """Write what the file still has to stdout; whether there was anything."""
    n_bytes = 0
    while chunk := file.read(_CHUNK_BYTES):
        n_bytes += sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    return n_bytes > 0


def _follow(path: Path, has_ended: Callable[[], bool]) -> None:
    """Pass on the file as it grows, until the run has ended and all is read."""
    with path.open("rb") as file:
        ask_at = 0.0
        is_over = False
        while _pass_on(file) or not is_over:
            if time.monotonic() >= ask_at:
                is_over = has_ended()
                ask_at = time.monotonic() + _ASK_SECONDS
            if not is_over:
                time.sleep(_ONE_LOOK_SECONDS)
