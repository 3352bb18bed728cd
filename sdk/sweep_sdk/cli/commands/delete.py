"""``sweep-sdk delete``: remove a sweep with its runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from sweep_sdk._backend.references import parse_sweep
from sweep_sdk._exceptions import NotFound, UsageError
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say

if TYPE_CHECKING:
    from sweep_sdk._backend.client import Client

_EXAMPLES = examples(
    "sweep-sdk delete k3v9x2ab --yes",
)


@click.command(epilog=_EXAMPLES, short_help="Remove a sweep with its runs.")
@click.argument("sweep")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(sweep: str, yes: bool) -> int:
    """Remove SWEEP, its runs and all that they logged.

    Log files and run folders on the agents' machines stay. After a deletion that was cut short
    (Ctrl-C, a lost connection) the same command removes what is left.
    """
    require_sweep(sweep, "delete", "a single run cannot be deleted")
    with connected(sweep) as client:
        what = _description(client, sweep)
        if not yes and what is not None and not _confirmed(f"delete {what}?"):
            say("nothing was deleted")
            return 1
        client.delete_sweep(sweep)
    rest = f"what an earlier deletion had left of sweep {parse_sweep(sweep)}"
    say(f"{what or rest} is deleted")
    return 0


def _description(client: Client, sweep: str) -> str | None:
    """What is to be deleted; None where there may be the rest of a deletion that was cut short."""
    try:
        found = client.get_sweep(sweep)
    except NotFound:
        return None
    return f"sweep {found['id']} with {count_text(found['n_handed_out'], 'run')}"


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} say so with --yes (there is no terminal to ask)")
    return click.confirm(question, default=False, err=True)
