"""``sweep-sdk show``: the details of one sweep, or of one run."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import NotFound
from sweep_sdk._process.terminal import printable
from sweep_sdk._results.missing_metric import runs_without_metric
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import age_text
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json
from sweep_sdk.cli.run_view import run_lines
from sweep_sdk.cli.sweep_view import first_run_to_explain, sweep_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._backend.client import Client

_HISTORY_ROWS = 6

_EXAMPLES = examples(
    "sweep-sdk show k3v9x2ab",
    "sweep-sdk show k3v9x2ab-17",
    "sweep-sdk show k3v9x2ab --events",
)


@click.command(epilog=_EXAMPLES, short_help="Show the details of a sweep or a run.")
@click.argument("what", metavar="SWEEP-OR-RUN")
@click.option(
    "--events", "is_events", is_flag=True, help="Show who changed the sweep, when, and how."
)
@json_option
def command(what: str, is_events: bool, is_json: bool) -> None:
    """Show the details of a sweep (config, state, best run) or of a run (attempts, metrics)."""
    from sweep_sdk._backend.references import is_run, sweep_of

    if is_events:
        _show_events(sweep_of(what), is_json=is_json)
    elif is_run(what):
        _show_run(what, is_json=is_json)
    else:
        _show_sweep(what, is_json=is_json)


def _show_events(sweep: str, *, is_json: bool) -> None:
    with connected(sweep) as client:
        events = client.list_events(sweep)
    if is_json:
        say_json(events)
        return
    now = time.time()
    for event in events:
        who = printable(f"{event['who']} ({event['method']})")
        say(f"{age_text(event['at'], now)}  {who}: {printable(event['action'])}")


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
    for line in run_lines(run, history, log_file, time.time()):
        say(line)
    if missing := runs_without_metric(metric["name"] if metric else None, [run]):
        note(printable(missing))


def _show_sweep(reference: str, *, is_json: bool) -> None:
    with connected(reference) as client:
        sweep = client.get_sweep(reference)
        if is_json:
            say_json(sweep)
            return
        newest = list(client.list_runs(reference, first_run_to_explain(sweep)))
        has_values = sweep["best"] is not None or sweep["metric"] is None
        runs = () if has_values else client.list_runs(reference)
        importance = _importance(client, sweep)
        missing = runs_without_metric(None if has_values else sweep["metric"]["name"], runs)
    for line in sweep_lines(sweep, newest, importance, time.time()):
        say(line)
    if missing:
        note(printable(missing))


def _importance(client: Client, sweep: Mapping[str, Any]) -> dict[str, Any] | None:
    """The importance of the parameters; None without values, or from an older backend."""
    if sweep["best"] is None or sweep["metric"] is None:
        return None
    with suppress(NotFound):
        return client.importance(sweep["id"])
    return None
