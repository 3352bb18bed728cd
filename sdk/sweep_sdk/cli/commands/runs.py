"""``sweep-sdk runs``: the runs of sweeps as a table, CSV or JSON, once or live."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from sweep_sdk._process.terminal import printable
from sweep_sdk._results.missing_metric import runs_without_metric
from sweep_sdk._results.selection import listed, selection
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.board import Board, RunQuery
from sweep_sdk.cli.formats import count_text, counts_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples, json_option, spreadsheet_option
from sweep_sdk.cli.output import note, say, say_json
from sweep_sdk.cli.run_columns import write_csv
from sweep_sdk.cli.space_view import best_text
from sweep_sdk.cli.tables import fitting, print_columns, table_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_sdk.cli.tables import Column

_INTERRUPTED = 130

_EXAMPLES = examples(
    "sweep-sdk runs k3v9x2ab --watch",
    "sweep-sdk runs k3v9x2ab --top 10",
    "sweep-sdk runs k3v9x2ab --state finished,failed --sort lr,-loss",
    'sweep-sdk runs k3v9x2ab --where "lr<0.01 and optimizer=adam" --columns id,lr,loss',
    "sweep-sdk runs k3v9x2ab m4w8y1cd --csv > runs.csv",
)


@click.command(epilog=_EXAMPLES, short_help="List the runs of sweeps.")
@click.argument("sweeps", metavar="SWEEP...", nargs=-1, required=True)
@click.option(
    "--where",
    metavar="CONDITION",
    multiple=True,
    help="Show only runs that match, such as lr<0.01; combine with 'and', or repeat the option.",
)
@click.option(
    "--sort",
    metavar="NAMES",
    multiple=True,
    help="Sort by these comma-separated values; -NAME sorts in descending order.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show only the first N runs; without --sort, the best N.",
)
@click.option(
    "--state", metavar="STATES", multiple=True, help="Show only runs in one of these states."
)
@click.option(
    "--tag", metavar="TAG", multiple=True, help="Show only runs with this tag, set by the program."
)
@click.option(
    "--name",
    metavar="NAME",
    help="Show only runs with this name, set by the program; * and ? are wildcards.",
)
@click.option(
    "--columns", metavar="NAMES", multiple=True, help="Show only these comma-separated values."
)
@click.option("--watch", is_flag=True, help="Update the table until the sweeps have ended.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    metavar="S",
    default=2.0,
    show_default=True,
    help="Seconds between two updates of --watch.",
)
@click.option(
    "--csv",
    "is_csv",
    is_flag=True,
    help="Print CSV with all columns, including config.* and summary.*.",
)
@spreadsheet_option
@json_option
def command(
    sweeps: tuple[str, ...],
    where: tuple[str, ...],
    sort: tuple[str, ...],
    top: int | None,
    state: tuple[str, ...],
    tag: tuple[str, ...],
    name: str | None,
    columns: tuple[str, ...],
    watch: bool,
    interval: float,
    is_csv: bool,
    is_spreadsheet: bool,
    is_json: bool,
) -> int:
    """List the runs of one or more sweeps with their state, metrics and varying parameters.

    A name in an option is that of a parameter, a metric, or a field such as state, host, attempt
    or time; config.lr, summary.loss and run.host are unambiguous. The name of the sweep's metric
    refers to a run's best value, summary.NAME to its last value.

    TIME is the duration of the latest attempt so far, or '-' while no agent is working on the
    run. Columns that do not fit the terminal are left out; --csv and --json include all of them.
    """
    is_csv = is_csv or is_spreadsheet
    if watch + is_csv + is_json > 1:
        raise click.UsageError("use only one of --watch, --csv and --json")
    for sweep in sweeps:
        require_sweep(sweep, "runs", "to show this run: sweep-sdk show {run}")
    query = RunQuery(selection(where, sort, top, state, tag, name), tuple(listed(columns)))
    with connected() as client:
        board = Board(client, sweeps)
        if watch:
            code = _watch(board, query, interval)
        else:
            code = 0
            board.refresh()
    if board.sweeps:
        csv = "spreadsheet" if is_spreadsheet else "csv"
        _say(board, query, csv if is_csv else "json" if is_json else "table")
    return code


def _watch(board: Board, query: RunQuery, interval: float) -> int:
    """Update a table in place until the sweeps have ended or Ctrl-C; a pipe gets only the end."""
    from rich.live import Live
    from rich.text import Text

    try:
        board.refresh()
        with Live(auto_refresh=False, transient=True) as live:
            while not board.is_over:
                if live.console.is_terminal:
                    size = live.console.size
                    screen = _screen(board, query, size.width, size.height)
                    live.update(Text(screen), refresh=True)
                time.sleep(interval)
                board.refresh()
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _screen(board: Board, query: RunQuery, width: int, height: int) -> str:
    """The table of as many runs as fit the window, followed by the lines about the sweeps.

    Shows the first runs of a sorted selection, and otherwise the latest ones.
    """
    runs = query.runs(board)
    lines = _footer(board, query, len(runs))
    room = max(height - 2 - len(lines), 1)
    shown = runs[:room] if query.selection.is_ordered else runs[-room:]
    columns = fitting(query.table(board, shown, time.time()), width)
    return "\n".join([*table_lines(columns), *lines])


def _say(board: Board, query: RunQuery, output_format: str) -> None:
    runs, columns = query.runs(board), query.columns(board)
    if output_format in ("csv", "spreadsheet"):
        is_spreadsheet = output_format == "spreadsheet"
        write_csv(sys.stdout, runs, columns, for_spreadsheet=is_spreadsheet)
    elif output_format == "json":
        say_json(runs if columns is None else [columns.record(run) for run in runs])
    elif runs:
        _say_table(query.table(board, runs, time.time()), _footer(board, query, len(runs)))
    elif board.runs:
        note(f"none of {count_text(len(board.runs), 'run')} matches")
    else:
        ids = " or ".join(f"'sweep-sdk agent {sweep['id']}'" for sweep in board.sweeps)
        note(f"no runs yet: start an agent with {ids}")


def _say_table(columns: Sequence[Column], footer: Sequence[str]) -> None:
    n_left_out = print_columns(columns)
    if n_left_out:
        left_out = count_text(n_left_out, "column")
        note(f"{left_out} did not fit: widen the terminal, or use --columns, --csv or --json")
    for line in footer:
        say(line)


def _footer(board: Board, query: RunQuery, n_chosen: int) -> list[str]:
    """Lines about the number of runs shown, and about the state of each sweep."""
    lines = []
    if not query.selection.is_everything:
        lines.append(f"{n_chosen:,} of {count_text(len(board.runs), 'run')} shown")
    for sweep in board.sweeps:
        lines.append(f"sweep {sweep['id']} is {sweep['state']}: {counts_text(sweep['counts'])}")
        if sweep["best"] is not None:
            lines.append(f"best: {best_text(sweep['best'], sweep)}")
        metric = sweep["metric"]["name"] if sweep["metric"] else None
        own = [run for run in board.runs if run["sweep"] == sweep["id"]]
        if missing := runs_without_metric(metric, own):
            lines.append(printable(missing))
    return lines
