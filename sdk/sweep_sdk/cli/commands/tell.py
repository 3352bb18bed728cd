"""``sweep-sdk tell``: the result of a run that was taken with ``ask``."""

from __future__ import annotations

import click

from sweep_sdk._exceptions import UsageError
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.kinds import require_run
from sweep_sdk.cli.metric_arguments import parse_metrics
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say

STATES = ("finished", "failed", "killed", "preempted")

_EXAMPLES = examples(
    "sweep-sdk tell k3v9x2ab-17 loss=0.31 accuracy=0.9",
    "sweep-sdk tell k3v9x2ab-18 --state failed",
)


@click.command(
    epilog=_EXAMPLES,
    short_help="Give the result of a run taken with 'ask'.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("run")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--state",
    type=click.Choice(STATES),
    default="finished",
    show_default=True,
    help="How it ended; preempted: it is to be handed out again.",
)
def command(run: str, values: tuple[str, ...], state: str) -> None:
    """End RUN with these metric values."""
    from sweep_sdk._ask import ended_before_text, tell_result

    require_run(run, "tell", "to take a run of it: sweep-sdk ask {sweep}")
    metrics = parse_metrics(values)
    with connected(run) as client:
        found = client.get_run(run)
        if found["ended_at"] is not None:
            raise UsageError(ended_before_text(found["id"], found["state"]))
        told = tell_result(client, run, found["attempt"], metrics, state)
    say(f"run {found['id']} is {told}")
