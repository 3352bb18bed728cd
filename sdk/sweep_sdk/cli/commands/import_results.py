"""``sweep-sdk import``: add results obtained elsewhere to a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import assignments, count_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Result = Mapping[str, Any]

_N_SHOWN = 5
_ADVICE = "use --metric {metric}={name} if it is the metric, or --ignore {name} to leave it out"
_FIRST_ROW = 2  # line 1 holds the column names

_EXAMPLES = examples(
    "sweep-sdk import k3v9x2ab results.csv --dry-run",
    "sweep-sdk import k3v9x2ab results.csv --metric loss=val_loss --ignore date",
)


@click.command("import", epilog=_EXAMPLES, short_help="Add results obtained elsewhere to a sweep.")
@click.argument("sweep")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option(
    "--metric",
    "metrics",
    metavar="NAME=COLUMN",
    multiple=True,
    help="Column that holds the sweep's metric, if its name differs.",
)
@click.option(
    "--ignore",
    "ignored",
    metavar="COLUMN",
    multiple=True,
    help="Column to ignore. Can be repeated.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show what would be imported, without storing anything."
)
@json_option
def command(
    sweep: str,
    file: str,
    metrics: tuple[str, ...],
    ignored: tuple[str, ...],
    dry_run: bool,
    is_json: bool,
) -> int:
    """Add the results in FILE to SWEEP. FILE is a CSV file of parameters and the sweep's metric.

    Nested parameters are columns with dotted names. For bayes, each row is an observation. In a
    finite search space, including a grid, the point of each row counts as done. Importing the
    same file again changes nothing.
    """
    from sweep_sdk._results.importing import Columns, outcome_text, read_table, results_of

    require_sweep(sweep, "import", "results are imported into a sweep")
    columns = Columns(dict(map(_pair, metrics)), ignored, _ADVICE)
    rows = read_table(file)
    with connected(sweep) as client:
        found = client.get_sweep(sweep)
        results = results_of(rows, found, columns)
        imported = client.import_results(sweep, results, dry_run=dry_run)
    for entry in imported["left_out"]:
        line = entry["place"] + _FIRST_ROW
        note(f"warning: {file}: row {line} is left out: {printable(entry['reason'])}")
    if is_json:
        say_json(imported)
        return 0
    if dry_run:
        _say_preview(found, results)
    knows = "would know" if dry_run else "knows"
    n_results = count_text(len(results), "result")
    say(f"sweep {found['id']} {knows} {n_results}: {outcome_text(imported)}")
    if dry_run:
        say("this was a dry run: nothing was stored")
    return 0


def _say_preview(sweep: Mapping[str, Any], results: Sequence[Result]) -> None:
    from sweep_sdk._results.records import flattened

    metric = sweep["metric"]["name"] if sweep["metric"] else ""
    for result in results[:_N_SHOWN]:
        value = "" if result["value"] is None else f" -> {assignments({metric: result['value']})}"
        say(f"  {assignments(flattened(result['config']))}{value}")
    if len(results) > _N_SHOWN:
        say(f"  and {len(results) - _N_SHOWN:,} more")


def _pair(text: str) -> tuple[str, str]:
    name, sign, column = text.partition("=")
    if not sign or not name or not column:
        raise UsageError(f"--metric: found '{text}'; expected NAME=COLUMN, such as loss=val_loss")
    return name, column
