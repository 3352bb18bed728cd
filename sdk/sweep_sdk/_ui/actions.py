"""Actions on sweeps and runs from the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_service.model.records.identifiers import run_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_sdk._backend.client import Client

    Action = Callable[[Client, str, Mapping[str, Any]], str]


def perform(client: Client, request: Mapping[str, Any]) -> str:
    """Perform an action that a page requests.

    Args:
        client: Client of the backend.
        request: ``action`` and ``sweep``, and arguments of the action: ``run`` (an index), ``cap``.

    Returns:
        A sentence about what was done.

    Raises:
        SweepError: The request is malformed, or the backend has refused it.
    """
    action, sweep = ACTIONS.get(str(request.get("action"))), request.get("sweep")
    if action is None or not isinstance(sweep, str):
        raise UsageError(f"unknown action {request.get('action')!r}")
    return action(client, sweep, request)


def _set_state(state: str, sentence: str) -> Action:
    def action(client: Client, sweep: str, _: Mapping[str, Any]) -> str:
        client.change_sweep(sweep, state=state)
        return sentence

    return action


def _set_cap(client: Client, sweep: str, request: Mapping[str, Any]) -> str:
    cap = request.get("cap")
    if cap is not None and (not isinstance(cap, int) or isinstance(cap, bool) or cap < 1):
        raise UsageError("the run cap must be a whole number of at least 1")
    client.change_sweep(sweep, run_cap=cap)
    return "The run cap was removed." if cap is None else f"The run cap is {cap:,} now."


def _stop_run(client: Client, sweep: str, request: Mapping[str, Any]) -> str:
    run = _run(sweep, request)
    client.stop_run(run)
    return f"Run {run} stops at its next report."


def _retry_run(client: Client, sweep: str, request: Mapping[str, Any]) -> str:
    run = _run(sweep, request)
    found = client.retry_run(run, request.get("attempt"))
    return f"Run {run} is handed out again." if found["changed"] else f"Run {run} waits already."


def _retry_failed(client: Client, sweep: str, _: Mapping[str, Any]) -> str:
    n_runs = sum(len(found["runs"]) for found in client.retry_failed(sweep))
    return f"{n_runs:,} {'run is' if n_runs == 1 else 'runs are'} handed out again."


def _delete_run(client: Client, sweep: str, request: Mapping[str, Any]) -> str:
    run = _run(sweep, request)
    client.delete_run(run, request.get("attempt"))
    return f"Run {run} was deleted."


def _add(client: Client, sweep: str, request: Mapping[str, Any]) -> str:
    config = request.get("config")
    if not isinstance(config, dict):
        raise UsageError("config: needs an object with the values of the parameters")
    found = client.add_points(sweep, [config], front=True)
    run = found["points"][0]["id"]
    if run is None:
        return "This configuration was handed out before, or waits already: nothing was added."
    return f"The next agent that asks gets this configuration, as run {run}."


def _label(client: Client, sweep: str, request: Mapping[str, Any]) -> str:
    """Change the labels of a run, or of the sweep if no run is given."""
    labels = request.get("labels")
    if not isinstance(labels, dict) or not labels.keys() <= {"name", "tags", "notes"}:
        raise UsageError("labels: needs an object with the fields name, tags and notes")
    if "run" in request:
        client.label_run(_run(sweep, request), labels)
    else:
        client.change_sweep(sweep, labels=labels)
    return "Name, tags and notes are saved."


def _run(sweep: str, request: Mapping[str, Any]) -> str:
    index = request.get("run")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise UsageError(f"run: found {index!r}; needs the index of a run")
    return run_id(sweep, index)


ACTIONS: dict[str, Action] = {
    "pause": _set_state("paused", "The sweep is paused: running programs go on."),
    "resume": _set_state("running", "The sweep is running: agents get runs again."),
    "stop": _set_state("finished", "The sweep is finished: no more runs are handed out."),
    "cancel": _set_state("canceled", "The sweep is canceled: its programs are being stopped."),
    "set-cap": _set_cap,
    "stop-run": _stop_run,
    "retry-run": _retry_run,
    "retry-failed": _retry_failed,
    "delete-run": _delete_run,
    "add": _add,
    "label": _label,
}
