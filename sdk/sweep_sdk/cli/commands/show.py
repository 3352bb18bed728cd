"""``sweep-sdk show``: everything about one sweep, or about one run."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import NotFound
from sweep_sdk._results.missing_metric import runs_without_metric
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import printable
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json
from sweep_sdk.cli.run_story import run_story
from sweep_sdk.cli.sweep_story import last_runs_from, sweep_story

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._backend.client import Client

_HISTORY_ROWS = 6

_EXAMPLES = examples(
    "sweep-sdk show k3v9x2ab",
    "sweep-sdk show k3v9x2ab-17",
)


@click.command(epilog=_EXAMPLES, short_help="Show all about a sweep or a run.")
@click.argument("what", metavar="SWEEP-OR-RUN")
@json_option
def command(what: str, is_json: bool) -> None:
    """Show one sweep: config, state, best run; or one run: what happened to it."""
    from sweep_sdk._backend.references import is_run

    if is_run(what):
        _show_run(what, is_json=is_json)
    else:
        _show_sweep(what, is_json=is_json)


def _show_run(reference: str, *, is_json: bool) -> None:
    from sweep_sdk._agent.process.launcher import run_files
    from sweep_sdk._settings import load_settings

    settings = load_settings()
    with connected(reference, settings) as client:
        run = client.get_run(reference)
        if is_json:
            say_json(run)
            return
        history = client.thinned_history(reference, _HISTORY_ROWS).rows
        metric = client.get_sweep(run["sweep"])["metric"]
    log_file = run_files(settings.runs_dir, run["sweep"], run["id"], run["attempt"]).log
    for line in run_story(run, history, log_file, time.time()):
        say(line)
    if missing := runs_without_metric(metric["name"] if metric else None, [run]):
        note(printable(missing))


def _show_sweep(reference: str, *, is_json: bool) -> None:
    with connected(reference) as client:
        sweep = client.get_sweep(reference)
        if is_json:
            say_json(sweep)
            return
        newest = list(client.list_runs(reference, last_runs_from(sweep)))
        has_values = sweep["best"] is not None or sweep["metric"] is None
        runs = () if has_values else client.list_runs(reference)
        importance = _importance(client, sweep)
        missing = runs_without_metric(None if has_values else sweep["metric"]["name"], runs)
    for line in sweep_story(sweep, newest, importance, time.time()):
        say(line)
    if missing:
        note(printable(missing))


def _importance(client: Client, sweep: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of the parameters, once there is a value; None also from a backend that does not tell it."""
    if sweep["best"] is None or sweep["metric"] is None:
        return None
    with suppress(NotFound):
        return client.importance(sweep["id"])
    return None
