"""``sweep-sdk history``: the rows that runs have logged, as table, CSV or JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from sweep_sdk._backend.references import is_run, sweep_of
from sweep_sdk._results.queries import find_rows, nowhere_text
from sweep_sdk._results.rows import sampled
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note
from sweep_sdk.cli.row_views import row_columns, write_csv_rows, write_json_rows
from sweep_sdk.cli.tables import print_columns

if TYPE_CHECKING:
    from sweep_sdk._backend.client import Client

#: How many rows of a run a table shows, unless somebody asks for another number.
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
    help="Only rows that have it, with it alone; may be repeated.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="About N rows of each run, evenly spaced.",
)
@click.option(
    "--joined",
    is_flag=True,
    help="Make one curve of several attempts: leave out what a later one logged again.",
)
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV, all rows unless --rows is given.")
@json_option
def command(
    what: str, metrics: tuple[str, ...], rows: int | None, joined: bool, is_csv: bool, is_json: bool
) -> int:
    """Show what a run has logged, or all runs of a sweep: step, time and metrics of each row.

    A table shows some rows, --csv and --json print all of them. A run that was handed out several
    times has the rows of all its attempts, one after the other. TIME counts from when the run was
    first handed out; --csv has it in UTC, --json in seconds since the epoch. Exit code 1 when
    there are no rows.
    """
    if is_csv and is_json:
        raise click.UsageError("give one of --csv, --json")
    wanted = Wanted(what, metrics, rows, joined)
    with connected(what) as client:
        if is_csv or is_json:
            n_rows = _write(client, wanted, is_csv=is_csv)
        else:
            n_rows = _say_table(client, wanted)
    if not n_rows:
        note(f"no rows of {what} yet" if not metrics else f"no such rows of {what} yet")
    return 0 if n_rows else 1


@dataclass(frozen=True)
class Wanted:
    """What the options say."""

    reference: str
    metrics: tuple[str, ...]
    samples: int | None
    is_joined: bool


def _write(client: Client, wanted: Wanted, *, is_csv: bool) -> int:
    """Print rows for a program; how many."""
    rows = find_rows(
        client,
        wanted.reference,
        wanted.metrics,
        wanted.samples,
        is_joined=wanted.is_joined,
        notice=note,
    )
    write = write_csv_rows if is_csv else write_json_rows
    return write(sys.stdout, rows, wanted.metrics)


def _say_table(client: Client, wanted: Wanted) -> int:
    """Print a table of some rows; how many."""
    is_one = is_run(wanted.reference)
    sweep = client.get_sweep(sweep_of(wanted.reference))
    runs = [client.get_run(wanted.reference)] if is_one else list(client.list_runs(sweep["id"]))
    samples = wanted.samples or (_ROWS_OF_A_RUN if is_one else _ROWS_OF_EACH_RUN)
    found = [
        sampled(client, run["id"], wanted.metrics, samples, is_joined=wanted.is_joined)
        for run in runs
    ]
    rows = [row for part in found for row in part.rows]
    if rows:
        metric = sweep["metric"]["name"] if sweep["metric"] else None
        began = {run["id"]: run["created_at"] for run in runs}
        _tell_left_out(print_columns(row_columns(rows, began, metric)))
        _tell_thinned(len(rows), sum(part.n_rows for part in found), wanted)
    unseen = set(wanted.metrics).difference(*rows)
    if unseen:
        note(nowhere_text(wanted.reference, unseen))
    return len(rows)


def _tell_left_out(n_columns: int) -> None:
    if n_columns:
        left_out = count_text(n_columns, "column")
        note(f"{left_out} found no room: a wider terminal, --metric, --csv or --json has them")


def _tell_thinned(n_shown: int, n_rows: int, wanted: Wanted) -> None:
    if n_shown < n_rows and wanted.samples is None and not wanted.is_joined:
        note(f"{n_shown:,} of {n_rows:,} rows are shown: --rows N, --csv and --json give more")
