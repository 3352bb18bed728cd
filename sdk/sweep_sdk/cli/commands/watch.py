"""``sweep-sdk watch``: how far a sweep is, live, until it has ended."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import NotFound
from sweep_sdk._results.progress import Progress, progress_of
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.board import Listing
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say
from sweep_sdk.cli.watch_view import document_of, line_of, screen_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sweep_sdk._backend.client import Client

_INTERRUPTED = 130
_N_EXPLAINED = 3

_EXAMPLES = examples("sweep-sdk watch k3v9x2ab", "sweep-sdk watch k3v9x2ab --json")


@click.command(epilog=_EXAMPLES, short_help="Show the progress of a sweep until it has ended.")
@click.argument("sweep")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    metavar="S",
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option(
    "--json",
    "is_json",
    is_flag=True,
    help="Print a JSON object on a line of its own for each change.",
)
def command(sweep: str, interval: float, is_json: bool) -> int:
    """Show how far SWEEP is: runs, time left, agents at work, the best so far, failures.

    In a terminal the display is updated in place; elsewhere, each change is a line. The time left
    assumes that runs take as long as the last ones did and that no agent leaves or joins. Ends
    with the sweep, once no run is at work.
    """
    require_sweep(sweep, "watch", "to show this run: sweep-sdk show {run}")
    with connected() as client:
        seen = _looks(Listing(client, sweep), interval)
        try:
            if is_json:
                _print_changes(map(_json_line, seen))
            elif sys.stdout.isatty():
                _draw(seen, client)
            else:
                _print_changes(map(line_of, seen))
        except KeyboardInterrupt:
            return _INTERRUPTED
    return 0


def _looks(listing: Listing, interval: float) -> Iterator[Progress]:
    """The progress of a sweep, again and again until it is over."""
    while True:
        listing.refresh()
        yield progress_of(listing.sweep, listing.runs, time.time())
        if listing.is_over:
            return
        time.sleep(interval)


def _json_line(progress: Progress) -> str:
    from sweep_service.model.records.numbers import with_texts

    return json.dumps(with_texts(document_of(progress)), allow_nan=False)


def _print_changes(lines: Iterator[str]) -> None:
    last = None
    for line in lines:
        if line != last:
            say(line)
            sys.stdout.flush()
        last = line


def _draw(seen: Iterator[Progress], client: Client) -> None:
    """Draw a screen and update it; the last one stays."""
    from rich.live import Live
    from rich.text import Text

    errors: dict[str, str] = {}
    with Live(auto_refresh=False) as live:
        for progress in seen:
            _explain(progress, client, errors)
            size, encoding = live.console.size, live.console.encoding
            lines = screen_lines(
                progress,
                errors,
                time.time(),
                size.width,
                has_blocks=encoding.lower().startswith("utf"),
            )
            live.update(Text("\n".join(lines[: size.height - 1])), refresh=True)


def _explain(progress: Progress, client: Client, errors: dict[str, str]) -> None:
    """Read the last words of the latest failures, each once."""
    for run in progress.failures[:_N_EXPLAINED]:
        if run["id"] not in errors:
            with suppress(NotFound):
                errors[run["id"]] = _last_line(client.get_run(run["id"]))


def _last_line(run: Mapping[str, Any]) -> str:
    lines = (run["error_tail"] or "").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
