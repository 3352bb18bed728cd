"""``sweep-sdk runs``: the runs of sweeps, as table, CSV or JSON, once or live."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from sweep_sdk._results.missing_metric import runs_without_metric
from sweep_sdk._results.selection import listed, selection
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.board import Board, Wanted
from sweep_sdk.cli.formats import count_text, counts_text, printable
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples, json_option
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


@click.command(epilog=_EXAMPLES, short_help="Show the runs of sweeps.")
@click.argument("sweeps", metavar="SWEEP...", nargs=-1, required=True)
@click.option(
    "--where",
    metavar="CONDITION",
    multiple=True,
    help="Only runs for which it holds, such as lr<0.01; join several with 'and', or repeat it.",
)
@click.option(
    "--sort",
    metavar="NAMES",
    multiple=True,
    help="Sort by these values, separated by commas; -NAME puts the largest first.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the first N; without --sort the best N.",
)
@click.option("--state", metavar="STATES", multiple=True, help="Only runs in one of these states.")
@click.option("--tag", metavar="TAG", multiple=True, help="Only runs whose program noted the tag.")
@click.option("--name", metavar="NAME", help="Only runs called so by their program; * and ? match.")
@click.option(
    "--columns", metavar="NAMES", multiple=True, help="Show these values, and nothing else."
)
@click.option("--watch", is_flag=True, help="Follow the sweeps until they have ended.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    metavar="S",
    default=2.0,
    show_default=True,
    help="Seconds between two looks of --watch.",
)
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV with config.*, summary.* and more.")
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
    is_json: bool,
) -> int:
    """Show the runs of one or several sweeps: the metric, the parameters that vary, the state.

    Names are those of parameters, metrics and fields such as state, host, attempt or time.
    config.lr, summary.loss and run.host say which is meant. The name of the sweep's metric stands
    for a run's best value, summary.NAME for its last one.

    TIME is how long the newest attempt took, or has been running; '-' while no agent works on the
    run. In a narrow terminal some columns are left out; --csv and --json have all.
    """
    if watch + is_csv + is_json > 1:
        raise click.UsageError("give one of --watch, --csv, --json")
    for sweep in sweeps:
        require_sweep(sweep, "runs", "to show this run: sweep-sdk show {run}")
    wanted = Wanted(selection(where, sort, top, state, tag, name), tuple(listed(columns)))
    with connected() as client:
        board = Board(client, sweeps)
        if watch:
            code = _watch(board, wanted, interval)
        else:
            code = 0
            board.refresh()
    if board.sweeps:
        _say(board, wanted, "csv" if is_csv else "json" if is_json else "table")
    return code


def _watch(board: Board, wanted: Wanted, interval: float) -> int:
    """Show runs in place until the sweeps are over or Ctrl-C; a pipe gets only the end."""
    from rich.live import Live
    from rich.text import Text

    try:
        board.refresh()
        with Live(auto_refresh=False, transient=True) as live:
            while not board.is_over:
                if live.console.is_terminal:
                    size = live.console.size
                    screen = _screen(board, wanted, size.width, size.height)
                    live.update(Text(screen), refresh=True)
                time.sleep(interval)
                board.refresh()
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _screen(board: Board, wanted: Wanted, width: int, height: int) -> str:
    """As many runs as a window holds, the newest or the first ones, with the sweeps below."""
    runs = wanted.runs(board)
    lines = _below(board, wanted, len(runs))
    room = max(height - 2 - len(lines), 1)
    shown = runs[:room] if wanted.selection.is_ordered else runs[-room:]
    columns = fitting(wanted.table(board, shown, time.time()), width)
    return "\n".join([*table_lines(columns), *lines])


def _say(board: Board, wanted: Wanted, form: str) -> None:
    runs, picked = wanted.runs(board), wanted.picked(board)
    if form == "csv":
        write_csv(sys.stdout, runs, picked)
    elif form == "json":
        say_json(runs if picked is None else [picked.record(run) for run in runs])
    elif runs:
        _say_table(wanted.table(board, runs, time.time()), _below(board, wanted, len(runs)))
    elif board.runs:
        note(f"none of {count_text(len(board.runs), 'run')} matches")
    else:
        ids = " or ".join(f"'sweep-sdk agent {sweep['id']}'" for sweep in board.sweeps)
        note(f"no runs yet: {ids} makes them")


def _say_table(columns: Sequence[Column], below: Sequence[str]) -> None:
    n_left_out = print_columns(columns)
    if n_left_out:
        left_out = count_text(n_left_out, "column")
        note(f"{left_out} found no room: a wider terminal, --columns, --csv or --json has them")
    for line in below:
        say(line)


def _below(board: Board, wanted: Wanted, n_chosen: int) -> list[str]:
    """How many runs were chosen, and how the sweeps stand."""
    lines = []
    if not wanted.selection.is_everything:
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
