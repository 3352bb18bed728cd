"""``sweep-sdk export``: a sweep in the file format of another tool."""

from __future__ import annotations

from pathlib import Path

import click

from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say

_EXAMPLES = examples("sweep-sdk export k3v9x2ab --optuna study.db")


@click.command(epilog=_EXAMPLES, short_help="Write a sweep as a study of Optuna.")
@click.argument("sweep")
@click.option(
    "--optuna",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="SQLite database to write, which must not exist yet.",
)
@click.option(
    "--rows",
    type=click.IntRange(1, 10_000),
    metavar="N",
    default=200,
    show_default=True,
    help="Write about N intermediate values of each run.",
)
def command(sweep: str, file: Path, rows: int) -> None:
    """Write SWEEP as a study of Optuna, for optuna-dashboard and optuna.load_study.

    The study has the sweep's id as its name, and a trial for each run, with its parameters and
    their distributions, its values of the sweep's metric, and what Optuna has no place for as user
    attributes. Runs that were stopped early are pruned trials; failed, crashed and killed ones, and
    those without a finite value, are failed trials. Needs Optuna (the extra 'optuna').
    """
    from sweep_sdk._results.optuna_study import write_study

    require_sweep(sweep, "export")
    with connected(sweep) as client:
        study, counts = write_study(client, sweep, file, rows)
    states = ", ".join(f"{number:,} {state.lower()}" for state, number in sorted(counts.items()))
    trials = count_text(sum(counts.values()), "trial")
    say(f"{file}: study {study} with {trials}" + (f" ({states})" if states else ""))
