"""``sweep-sdk runs``: the runs of a sweep, as table, CSV or JSON, once or live."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text, counts_text
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json
from sweep_sdk.cli.run_columns import run_columns, write_csv
from sweep_sdk.cli.space_view import best_text
from sweep_sdk.cli.tables import fitting, print_columns, table_lines

if TYPE_CHECKING:
    from sweep_sdk._backend.client import Client

    Json = dict[str, Any]

_ENDED = ("finished", "canceled")

_EXAMPLES = examples(
    "sweep-sdk runs k3v9x2ab --watch",
    "sweep-sdk runs k3v9x2ab --csv > runs.csv",
)


@click.command(epilog=_EXAMPLES, short_help="Show the runs of a sweep.")
@click.argument("sweep")
@click.option("--watch", is_flag=True, help="Follow the sweep until it has ended.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks of --watch.",
)
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV with config.* and summary.*")
@json_option
def command(sweep: str, watch: bool, interval: float, is_csv: bool, is_json: bool) -> None:
    """Show the runs of SWEEP by index: the parameters that vary, the metric, the state.

    In a narrow terminal some columns are left out; --csv and --json have all.
    """
    if watch + is_csv + is_json > 1:
        raise click.UsageError("give one of --watch, --csv, --json")
    with connected(sweep) as client:
        listing = Listing(client, sweep)
        if watch:
            _watch(listing, interval)
        else:
            listing.refresh()
    if is_csv:
        write_csv(sys.stdout, listing.runs)
    elif is_json:
        say_json(listing.runs)
    else:
        _print(listing)


class Listing:
    """A sweep and its runs, kept up to date: runs that have ended are not read again."""

    def __init__(self, client: Client, sweep: str) -> None:
        self._client = client
        self._reference = sweep
        self._runs: dict[int, Json] = {}
        self.sweep: Json = {}

    @property
    def runs(self) -> list[Json]:
        """All runs, by index."""
        return [self._runs[index] for index in sorted(self._runs)]

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more, unless somebody resumes the sweep."""
        is_ended = self.sweep.get("state") in _ENDED
        return is_ended and all(run["ended_at"] is not None for run in self.runs)

    def refresh(self) -> None:
        """Read what may have changed."""
        self.sweep = self._client.get_sweep(self._reference)
        for run in self._client.list_runs(self._reference, self._first_open()):
            self._runs[run["index"]] = run

    def _first_open(self) -> int:
        ended = (index for index, run in self._runs.items() if run["ended_at"] is not None)
        first = 0
        for index in sorted(ended):
            if index != first:
                break
            first = index + 1
        return first


def _watch(listing: Listing, interval: float) -> None:
    """Show the newest runs in place until the sweep is over; a pipe gets only the end."""
    from rich.live import Live
    from rich.text import Text

    listing.refresh()
    with Live(auto_refresh=False, transient=True) as live:
        while not listing.is_over:
            if live.console.is_terminal:
                size = live.console.size
                live.update(Text(_screen(listing, size.width, size.height)), refresh=True)
            time.sleep(interval)
            listing.refresh()


def _screen(listing: Listing, width: int, height: int) -> str:
    """As many of the newest runs as a window holds, with the state of the sweep below."""
    newest = listing.runs[-max(height - 4, 1) :]
    columns = fitting(run_columns(newest, listing.sweep, time.time()), width)
    return "\n".join([*table_lines(columns), *_summary(listing.sweep)])


def _print(listing: Listing) -> None:
    if not listing.runs:
        note(f"no runs yet: 'sweep-sdk agent {listing.sweep['id']}' makes them")
        return
    n_left_out = print_columns(run_columns(listing.runs, listing.sweep, time.time()))
    if n_left_out:
        left_out = count_text(n_left_out, "column")
        note(f"{left_out} found no room: a wider terminal, --csv or --json has all")
    for line in _summary(listing.sweep):
        say(line)


def _summary(sweep: Json) -> list[str]:
    lines = [f"sweep {sweep['id']} is {sweep['state']}: {counts_text(sweep['counts'])}"]
    if sweep["best"] is not None:
        lines.append(f"best: {best_text(sweep['best'], sweep)}")
    return lines
