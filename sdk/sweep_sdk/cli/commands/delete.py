"""``sweep-sdk delete``: remove a sweep with its runs."""

from __future__ import annotations

import sys

import click

from sweep_sdk._exceptions import UsageError
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say

_EXAMPLES = examples(
    "sweep-sdk delete k3v9x2ab --yes",
)


@click.command(epilog=_EXAMPLES, short_help="Remove a sweep with its runs.")
@click.argument("sweep")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(sweep: str, yes: bool) -> int:
    """Remove SWEEP, its runs and all that they logged.

    Log files and run folders on the agents' machines stay.
    """
    require_sweep(sweep, "delete", "a single run cannot be deleted")
    with connected(sweep) as client:
        found = client.get_sweep(sweep)
        n_runs = count_text(found["n_handed_out"], "run")
        if not yes and not _confirmed(f"delete sweep {found['id']} with {n_runs}?"):
            say("nothing was deleted")
            return 1
        client.delete_sweep(sweep)
    say(f"sweep {found['id']} with {n_runs} is deleted")
    return 0


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} say so with --yes (there is no terminal to ask)")
    return click.confirm(question, default=False, err=True)
