"""``sweep-sdk sweeps``: the list of sweeps."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._results.run_limit import run_limit
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import NOTHING, age_text, metric_text
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say_json
from sweep_sdk.cli.tables import Column, print_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Sweep = dict[str, Any]

STATES = ("pending", "running", "paused", "finished", "canceled")

_EXAMPLES = examples(
    "sweep-sdk sweeps --project digits --state running",
)


@click.command(epilog=_EXAMPLES, short_help="List sweeps, newest first.")
@click.option("--project", "-p", metavar="NAME", help="Only sweeps of this project.")
@click.option("--state", type=click.Choice(STATES), help="Only sweeps in this state.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    default=50,
    show_default=True,
    help="At most so many.",
)
@json_option
def command(project: str | None, state: str | None, limit: int, is_json: bool) -> None:
    """List sweeps, newest first."""
    with connected() as client:
        found = list(islice(client.list_sweeps(project, state), limit + 1))
    sweeps = found[:limit]
    if is_json:
        say_json(sweeps)
    elif sweeps:
        print_columns(sweep_columns(sweeps, time.time()))
    else:
        note("no sweeps here yet: 'sweep-sdk sweep FILE' registers one")
    if len(found) > limit:
        note(f"only the newest {limit} are shown: see --limit")


def sweep_columns(sweeps: Sequence[Sweep], now: float) -> list[Column]:
    """The columns of the list; a project or name that all share gives way first."""

    def column(title: str, rank: int, text: Callable[[Sweep], str]) -> Column:
        return Column(title, [text(sweep) for sweep in sweeps], rank)

    has_projects = len({sweep["project"] for sweep in sweeps}) > 1
    return [
        column("SWEEP", 0, lambda sweep: sweep["id"]),
        column("NAME", 2, lambda sweep: sweep["name"] or NOTHING),
        column("PROJECT", 3 if has_projects else 5, lambda sweep: sweep["project"]),
        column("STATE", 0, lambda sweep: sweep["state"]),
        column("METHOD", 4, lambda sweep: sweep["method"]),
        column("METRIC", 4, lambda sweep: metric_text(sweep["metric"])),
        column("RUNS", 1, progress_text),
        column("CREATED", 1, lambda sweep: age_text(sweep["created_at"], now)),
    ]


def progress_text(sweep: Sweep) -> str:
    """``12/24``: handed out, and of how many at most; ``12`` where there is no end."""
    limit = run_limit(sweep)
    return str(sweep["n_handed_out"]) if limit is None else f"{sweep['n_handed_out']}/{limit}"
