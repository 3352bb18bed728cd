"""``sweep-sdk history``: the rows that runs have logged, as a table, CSV or JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from sweep_sdk._backend.references import is_run, sweep_of
from sweep_sdk._results.queries import find_rows, nowhere_text
from sweep_sdk._results.rows import sampled
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.options import examples, json_option, spreadsheet_option
from sweep_sdk.cli.output import note
from sweep_sdk.cli.row_views import row_columns, write_csv_rows, write_json_rows
from sweep_sdk.cli.tables import print_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._backend.client import Client

#: Number of rows of each run in a table, unless ``--rows`` is given.
_ROWS_OF_A_RUN = 30
_ROWS_OF_EACH_RUN = 3

_EXAMPLES = examples(
    "sweep-sdk history k3v9x2ab-17",
    "sweep-sdk history k3v9x2ab-17 --metric loss --metric val_loss --csv > curve.csv",
    "sweep-sdk history k3v9x2ab --rows 100 --joined --csv > curves.csv",
)


@click.command(epilog=_EXAMPLES, short_help="Show the rows that runs have logged.")
@click.argument("what", metavar="RUN-OR-SWEEP")
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    help="Show only this metric, and only rows that have it. Can be repeated.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Show about N rows of each run, among them those with the best and worst values.",
)
@click.option(
    "--joined",
    is_flag=True,
    help="Merge the attempts of a run: leave out rows that a later attempt logged again.",
)
@click.option(
    "--csv", "is_csv", is_flag=True, help="Print all rows as CSV, or those chosen by --rows."
)
@spreadsheet_option
@json_option
def command(
    what: str,
    metrics: tuple[str, ...],
    rows: int | None,
    joined: bool,
    is_csv: bool,
    is_spreadsheet: bool,
    is_json: bool,
) -> int:
    """Show the rows logged by a run, or by all runs of a sweep: step, time and metrics.

    The table shows a selection of the rows; --csv and --json print all of them. For a run with
    several attempts, the rows of the attempts follow each other. TIME is relative to when the run
    was first handed out; with --csv it is a UTC timestamp, with --json seconds since the epoch.
    Exits with code 1 if there are no rows.
    """
    is_csv = is_csv or is_spreadsheet
    if is_csv and is_json:
        raise click.UsageError("use only one of --csv and --json")
    options = HistoryOptions(what, metrics, rows, joined)
    with connected(what) as client:
        if is_csv or is_json:
            write_csv = partial(write_csv_rows, for_spreadsheet=is_spreadsheet)
            n_rows = _write(client, options, write_csv if is_csv else write_json_rows)
        else:
            n_rows = _say_table(client, options)
    if not n_rows:
        note(f"{what} has no rows yet" if not metrics else f"{what} has no such rows yet")
    return 0 if n_rows else 1


@dataclass(frozen=True)
class HistoryOptions:
    """Which rows to show."""

    reference: str
    metrics: tuple[str, ...]
    samples: int | None
    is_joined: bool


def _write(client: Client, options: HistoryOptions, write: Callable[..., int]) -> int:
    """Print all matching rows as CSV or JSON; returns their number."""
    rows = find_rows(
        client,
        options.reference,
        options.metrics,
        options.samples,
        is_joined=options.is_joined,
        notice=note,
    )
    return write(sys.stdout, rows, options.metrics)


def _say_table(client: Client, options: HistoryOptions) -> int:
    """Print a table with a selection of the rows; returns their number."""
    is_one = is_run(options.reference)
    sweep = client.get_sweep(sweep_of(options.reference))
    runs = [client.get_run(options.reference)] if is_one else list(client.list_runs(sweep["id"]))
    samples = options.samples or (_ROWS_OF_A_RUN if is_one else _ROWS_OF_EACH_RUN)
    found = [
        sampled(client, run["id"], options.metrics, samples, is_joined=options.is_joined)
        for run in runs
    ]
    rows = [row for part in found for row in part.rows]
    if rows:
        metric = sweep["metric"]["name"] if sweep["metric"] else None
        began = {run["id"]: run["created_at"] for run in runs}
        _note_hidden_columns(print_columns(row_columns(rows, began, metric)))
        _note_hidden_rows(len(rows), sum(part.n_rows for part in found), options)
    unseen = set(options.metrics).difference(*rows)
    if unseen:
        note(nowhere_text(options.reference, unseen))
    return len(rows)


def _note_hidden_columns(n_columns: int) -> None:
    if n_columns:
        left_out = count_text(n_columns, "column")
        note(f"{left_out} did not fit: use a wider terminal, --metric, --csv or --json to see more")


def _note_hidden_rows(n_shown: int, n_rows: int, options: HistoryOptions) -> None:
    if n_shown < n_rows and options.samples is None and not options.is_joined:
        note(f"{n_shown:,} of {n_rows:,} rows are shown; use --rows N, --csv or --json to see more")
