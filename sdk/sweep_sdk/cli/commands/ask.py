"""``sweep-sdk ask``: request a configuration without an agent."""

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


@click.command(epilog=_EXAMPLES, short_help="Request a configuration without an agent.")
@click.argument("sweep")
@json_option
def command(sweep: str, is_json: bool) -> int:
    """Request the next configuration of SWEEP and reserve its run; report the result with 'tell'.

    The run is reserved for the sweep's lease_seconds (300 by default). If no result has been
    reported by then, the run may be handed out again. Waits while the sweep is paused, or while
    all remaining runs are reserved by others. When the sweep has ended, exits with code 1 and
    prints null with --json.
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
    note("waiting: the sweep is paused, or all remaining runs are reserved by others")
    time.sleep(seconds)
