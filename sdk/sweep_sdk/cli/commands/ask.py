"""``sweep-sdk ask``: the next configuration, for programs that run it themselves."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import assignments
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json

_EXAMPLES = examples("sweep-sdk ask k3v9x2ab --json")


@click.command(epilog=_EXAMPLES, short_help="Take the next configuration, without an agent.")
@click.argument("sweep")
@json_option
def command(sweep: str, is_json: bool) -> int:
    """Take the next configuration of SWEEP; give its result with 'tell'.

    The run is reserved for the sweep's lease_seconds (300 unless its file says otherwise);
    when its result is not told by then it may be handed out again. Waits while the sweep is
    paused, or all that is left is with others. Exit code 1, and null with --json, when the
    sweep has ended.
    """
    from sweep_sdk._sweeps.asked_run import ask_run

    require_sweep(sweep, "ask")
    with connected(sweep) as client:
        run = ask_run(client, sweep, _wait)
    if is_json:
        say_json(None if run is None else asdict(run))
    elif run is not None:
        say(f"{run.id}: {assignments(run.config)}")
        say(f"  sweep-sdk tell {run.id} --attempt {run.attempt} NAME=VALUE")
    if run is None:
        note("the sweep has ended: there are no more runs")
        return 1
    return 0


def _wait(seconds: float) -> None:
    note("waiting: the sweep is paused, or all remaining runs are with others")
    time.sleep(seconds)
