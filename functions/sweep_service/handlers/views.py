"""How sweeps and runs look in JSON; ``infra/openapi.yaml`` documents the same shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.model.language.command import command_sha256
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.numbers import encode_number, tagged
from sweep_service.operations.sweeps import describe_metric
from sweep_service.wire.runs import DETAILS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.access.events import Event
    from sweep_service.model.language.problems import Problem
    from sweep_service.model.records.records import AttemptRecord, EarlyStop, Row
    from sweep_service.operations.amendments import Amended
    from sweep_service.operations.imports import Imported
    from sweep_service.operations.runs import RunStory, RunView
    from sweep_service.operations.services import LoadedConfig
    from sweep_service.operations.sweeps import SweepView
    from sweep_service.search.importance import Importance

_MOST_LEFT_OUT = 20


def sweep_head(view: SweepView) -> dict[str, Any]:
    """A line of a listing."""
    meta = view.loaded.meta
    return {
        "id": view.sweep,
        "project": meta.project,
        "name": meta.name,
        "state": view.state.value,
        "method": view.loaded.config.method,
        "metric": describe_metric(view),
        "grid_points": view.grid_points,
        "run_cap": view.counter.run_cap,
        "limit": view.counter.limit,
        "n_handed_out": view.counter.next_index,
        "created_at": meta.created_at,
    }


def sweep_with_config(view: SweepView) -> dict[str, Any]:
    """A sweep with its normalised config."""
    return {
        **sweep_head(view),
        "config": tagged(view.loaded.config.document),
        "config_version": view.counter.version,
        "seed": view.counter.seed,
        **_command(view.loaded),
    }


def _command(loaded: LoadedConfig) -> dict[str, Any]:
    """What identifies the command of a sweep, and who is responsible for it."""
    meta = loaded.meta
    is_first = meta.command_at is None and meta.version == 1
    return {
        "command_sha256": command_sha256(loaded.config.document),
        "command_changed_at": meta.created_at if is_first else meta.command_at,
        "command_changed_by": meta.command_by,
    }


def created_sweep(view: SweepView) -> dict[str, Any]:
    """A sweep as registered or changed, with the warnings of its config."""
    return {**sweep_with_config(view), "warnings": problems(view.warnings)}


def importance(n_runs: int, found: Sequence[Importance]) -> dict[str, Any]:
    """How much each parameter explains, the most important first."""
    parameters = [
        {"name": entry.parameter, "share": entry.share, "clear": entry.is_clear} for entry in found
    ]
    return {"n_runs": n_runs, "parameters": parameters}


def imported(result: Imported) -> dict[str, Any]:
    """What became of results from elsewhere; the first of those that were left out."""
    return {
        "observed": result.n_observed,
        "done": result.n_done,
        "known": result.n_known,
        "n_left_out": len(result.left_out),
        "left_out": [
            {"place": entry.place, "reason": entry.reason}
            for entry in result.left_out[:_MOST_LEFT_OUT]
        ],
    }


def problems(items: Sequence[Problem]) -> list[dict[str, Any]]:
    """Errors or warnings about a config."""
    return [
        {"path": item.path, "message": item.message}
        | ({"line": item.line} if item.line is not None else {})
        for item in items
    ]


def run(view: RunView) -> dict[str, Any]:
    """A run with its state."""
    stored, outcome = view.run, view.run.outcome
    return {
        "id": run_id(view.sweep, stored.index),
        "sweep": view.sweep,
        "index": stored.index,
        "state": view.state.value,
        "config": tagged(stored.config),
        "config_version": stored.config_version,
        "attempt": stored.attempt,
        "summary": view.summary,
        "best": None if view.best is None else encode_number(view.best),
        "exit_code": outcome.exit_code if outcome else None,
        "signal": outcome.signal if outcome else None,
        "agent": stored.agent,
        "host": stored.host,
        "created_at": stored.created_at,
        "started_at": stored.started_at,
        "ended_at": outcome.ended_at if outcome else None,
        "stopped_early": outcome.is_stopped_early if outcome else False,
        "early_stop": _early_stop(outcome.early_stop) if outcome and outcome.early_stop else None,
        "attributes": tagged(outcome.attributes if outcome else stored.attributes),
        "suggestion": stored.suggestion,
        **{name: outcome.details.get(name) if outcome else None for name in DETAILS},
    }


def event(found: Event) -> dict[str, Any]:
    """A change that somebody has made."""
    return {"at": found.at, "who": found.who, "method": found.method, "action": found.action}


def _early_stop(stop: EarlyStop) -> dict[str, Any]:
    return {"band": stop.band, "value": stop.value, "threshold": stop.threshold}


def run_in_full(story: RunStory) -> dict[str, Any]:
    """A run with all that is kept of what happened to it."""
    lease = story.view.lease
    return {
        **run(story.view),
        "attempts": [attempt(record) for record in story.attempts],
        "error_tail": story.error_tail,
        "lease_end": lease.lease_end if lease and not lease.is_released else None,
    }


def amended(found: Amended) -> dict[str, Any]:
    """What became of a request to amend a run."""
    return {
        "run": run(found.run),
        "changed": found.is_changed,
        "sweep_state": found.sweep_state.value,
    }


def attempt(record: AttemptRecord) -> dict[str, Any]:
    """An attempt that was not the last."""
    return {
        "attempt": record.attempt,
        "agent": record.agent,
        "host": record.host,
        "state": record.state.value,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "exit_code": record.exit_code,
        "signal": record.signal,
    }


def history_row(attempt_number: int, row: Row) -> dict[str, Any]:
    """One logged row."""
    return {"attempt": attempt_number, "step": row.step, "at": row.at, "metrics": row.metrics}
