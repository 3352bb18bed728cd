"""``sweep-sdk delete``: delete a sweep with its runs, or one run."""

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


@click.command(epilog=_EXAMPLES, short_help="Delete a sweep with its runs, or one run.")
@click.argument("sweep_or_run", metavar="SWEEP-OR-RUN")
@click.option("--again", is_flag=True, help="Hand out the configuration of RUN again.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
def command(sweep_or_run: str, again: bool, yes: bool) -> int:
    """Delete a sweep with its runs and everything they logged, or one run that has ended.

    The configuration of a deleted run is not handed out to another run, and the run still counts
    towards run_cap. With --again, the configuration is handed out once more.

    Log files and run folders on the agents' machines are kept. If a deletion is interrupted
    (Ctrl-C, a lost connection), the same command completes it.
    """
    with connected(sweep_or_run) as client:
        if is_run(sweep_or_run):
            return _delete_run(client, sweep_or_run, is_again=again, is_sure=yes)
        if again:
            raise click.UsageError("--again applies to a run, such as k3v9x2ab-17")
        return _delete_sweep(client, sweep_or_run, is_sure=yes)


def _delete_sweep(client: Client, sweep: str, *, is_sure: bool) -> int:
    what = _description(client, sweep)
    if not is_sure and what is not None and not _confirmed(f"delete {what}?"):
        say("nothing was deleted")
        return 1
    client.delete_sweep(sweep)
    rest = f"the remainder of sweep {parse_sweep(sweep)}, whose deletion was interrupted,"
    say(f"{what or rest} was deleted")
    return 0


def _description(client: Client, sweep: str) -> str | None:
    """What will be deleted; None if the sweep is unknown, as after an interrupted deletion."""
    try:
        found = client.get_sweep(sweep)
    except NotFound:
        return None
    return f"sweep {found['id']} with {count_text(found['n_handed_out'], 'run')}"


def _delete_run(client: Client, reference: str, *, is_again: bool, is_sure: bool) -> int:
    from sweep_sdk._backend.changes import amended_text, held_back_text

    seen = client.get_run(reference)
    after = " and hand out its configuration again" if is_again else ""
    question = f"delete run {seen['id']} ({seen['state']}) with everything it logged{after}?"
    if not is_sure and not _confirmed(question):
        say("nothing was deleted")
        return 1
    answer = client.delete_run(reference, seen["attempt"], again=is_again)
    if text := amended_text(answer, seen, is_deletion=True):
        note(text)
        return 0
    say(f"run {seen['id']} was deleted{_next_step(seen, is_again)}")
    if is_again:
        note(
            f"its run folder on host {seen['host'] or 'unknown'} is kept, with any checkpoint;"
            " remove the folder if the run must start from scratch"
        )
    if is_again and (text := held_back_text(seen["sweep"], answer["sweep_state"])):
        note(f"{text}: sweep-sdk sweep --resume {seen['sweep']}")
    return 0


def _next_step(run: dict[str, Any], is_again: bool) -> str:
    if is_again:
        return f"; its configuration will be handed out again: sweep-sdk agent {run['sweep']}"
    return f"; to hand out its configuration again: sweep-sdk delete {run['id']} --again"


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask on: use --yes to confirm")
    return click.confirm(question, default=False, err=True)
