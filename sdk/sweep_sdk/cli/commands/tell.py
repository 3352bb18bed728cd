"""``sweep-sdk tell``: the result of a run that was taken with ``ask``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import UsageError
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import age_text
from sweep_sdk.cli.kinds import require_run
from sweep_sdk.cli.metric_arguments import parse_metrics
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = ("finished", "failed", "killed", "preempted")

_EXAMPLES = examples(
    "sweep-sdk tell k3v9x2ab-17 --attempt 1 loss=0.31 accuracy=0.9",
    "sweep-sdk tell k3v9x2ab-18 --attempt 2 --state failed",
)


@click.command(
    epilog=_EXAMPLES,
    short_help="Give the result of a run taken with 'ask'.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("run")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    help="The attempt that 'ask' printed: a run may have been handed out again since.",
)
@click.option(
    "--state",
    type=click.Choice(STATES),
    default="finished",
    show_default=True,
    help="How it ended; preempted: it is to be handed out again.",
)
def command(run: str, values: tuple[str, ...], attempt: int | None, state: str) -> None:
    """End RUN with these metric values, which make its last row."""
    from sweep_sdk._sweeps.asked_run import clean_result, ended_before_text, tell_result

    require_run(run, "tell", "to take a run of it: sweep-sdk ask {sweep}")
    metrics = clean_result(parse_metrics(values), state)
    with connected(run) as client:
        found = client.get_run(run)
        if found["ended_at"] is not None:
            retry = f"to run it again: sweep-sdk sweep --retry-run {found['id']}"
            raise UsageError(ended_before_text(found["id"], found["state"], retry))
        if attempt is None or attempt != found["attempt"]:
            raise UsageError(_not_the_attempt(found, attempt))
        next_row = client.report(run, attempt, 0, ()).next_row
        told = tell_result(client, run, attempt, metrics, state, next_row)
    say(f"run {found['id']} is {told}")


def _not_the_attempt(found: Mapping[str, Any], attempt: int | None) -> str:
    """Why a result is not taken for the run's present attempt."""
    run, current = found["id"], found["attempt"]
    holder = f"'{found['agent']}' {age_text(found['started_at'], time.time())}"
    if attempt is not None:
        return (
            f"attempt {attempt} of run {run} no longer counts: attempt {current} was handed to"
            f" {holder}"
        )
    return (
        f"tell needs '--attempt N', the attempt that 'sweep-sdk ask' printed; attempt {current} of"
        f" run {run} was handed to {holder}: if that was you, add '--attempt {current}'"
    )
