"""``sweep-sdk delete``: remove a sweep with its runs, or one run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._backend.references import is_run, parse_sweep
from sweep_sdk._exceptions import NotFound, UsageError
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note, say

if TYPE_CHECKING:
    from sweep_sdk._backend.client import Client

_EXAMPLES = examples(
    "sweep-sdk delete k3v9x2ab --yes",
    "sweep-sdk delete k3v9x2ab-17",
    "sweep-sdk delete k3v9x2ab-17 --again",
)


@click.command(epilog=_EXAMPLES, short_help="Remove a sweep with its runs, or one run.")
@click.argument("sweep_or_run", metavar="SWEEP-OR-RUN")
@click.option("--again", is_flag=True, help="Hand the configuration of RUN out again.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(sweep_or_run: str, again: bool, yes: bool) -> int:
    """Remove a sweep, its runs and all that they logged; or one run that has ended.

    The configuration of a run that is removed stays taken: no other run gets it, and run_cap counts
    the run as before. With --again it is handed out once more.

    Log files and run folders on the agents' machines stay. After a deletion that was cut short
    (Ctrl-C, a lost connection) the same command removes what is left.
    """
    with connected(sweep_or_run) as client:
        if is_run(sweep_or_run):
            return _delete_run(client, sweep_or_run, is_again=again, is_sure=yes)
        if again:
            raise click.UsageError("--again takes a run, such as k3v9x2ab-17")
        return _delete_sweep(client, sweep_or_run, is_sure=yes)


def _delete_sweep(client: Client, sweep: str, *, is_sure: bool) -> int:
    what = _description(client, sweep)
    if not is_sure and what is not None and not _confirmed(f"delete {what}?"):
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


def _delete_run(client: Client, reference: str, *, is_again: bool, is_sure: bool) -> int:
    from sweep_sdk._backend.changes import amended_text, held_back_text

    seen = client.get_run(reference)
    after = " and hand its configuration out again" if is_again else ""
    question = f"delete run {seen['id']} ({seen['state']}) with all that it logged{after}?"
    if not is_sure and not _confirmed(question):
        say("nothing was deleted")
        return 1
    answer = client.delete_run(reference, seen["attempt"], again=is_again)
    if text := amended_text(answer, seen, is_deletion=True):
        note(text)
        return 0
    say(f"run {seen['id']} is deleted{_outlook(seen, is_again)}")
    if is_again:
        note(
            f"its run folder on host {seen['host'] or 'unknown'} stays, with any checkpoint:"
            " remove it there if the run shall begin from nothing"
        )
    if is_again and (text := held_back_text(seen["sweep"], answer["sweep_state"])):
        note(f"{text}: sweep-sdk sweep --resume {seen['sweep']}")
    return 0


def _outlook(run: dict[str, Any], is_again: bool) -> str:
    if is_again:
        return f"; its configuration is handed out again: sweep-sdk agent {run['sweep']}"
    return f"; to hand its configuration out again: sweep-sdk delete {run['id']} --again"


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} say so with --yes (there is no terminal to ask)")
    return click.confirm(question, default=False, err=True)
