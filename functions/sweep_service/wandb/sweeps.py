"""Sweeps as ``wandb sweep`` registers and changes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import InvalidRequest
from sweep_service.handlers import sweeps
from sweep_service.wandb.names import parse_run_name

if TYPE_CHECKING:
    from sweep_service.handlers.http import Response
    from sweep_service.wandb.call import Call


def upsert_sweep(call: Call) -> dict[str, Any]:
    """Register a sweep, set its state or update its config."""
    sweep, state = call.text("id"), call.text("state")
    if call.text("controller", "scheduler", "launchScheduler") is not None:
        raise InvalidRequest(
            "this backend chooses the configs of its sweeps itself: leave out --controller, and"
            " schedulers and launch queues"
        )
    if sweep is None:
        answer = sweeps.create_sweep(*_as_handled(call, _new_sweep(call)))
    else:
        change = {"state": state.lower()} if state is not None else {"yaml": call.text("config")}
        answer = sweeps.change_sweep(*_as_handled(call, change, sweep=sweep))
    return _answer(call, answer)


def _new_sweep(call: Call) -> dict[str, Any]:
    return {
        "yaml": call.text("config") or "",
        "project": call.text("projectName"),
        "name": call.text("displayName"),
        "prior_runs": _prior_runs(call.text("priorRunsFilters")),
    }


def _prior_runs(text: str | None) -> list[str]:
    """The runs of a filter, ``{"$or": [{"name": RUN}, ...]}``."""
    try:
        names = [item["name"] for item in json.loads(text or '{"$or": []}')["$or"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidRequest("variable 'priorRunsFilters': needs names of runs") from None
    return [parse_run_name(name).run for name in names]


def _as_handled(call: Call, body: dict[str, Any], **params: str) -> tuple[Any, Any]:
    """The arguments of the handler that answers the same request of sweep-sdk."""
    request = replace(call.request, params=params, query={}, body=json.dumps(body).encode())
    return request, call.services


def _answer(call: Call, answer: Response) -> dict[str, Any]:
    call.deed = answer.deed
    body = answer.body
    warnings = [f"{item['path']}: {item['message']}" for item in body["warnings"]]
    sweep = {"id": body["id"], "name": body["id"], "project": call.project(body["project"])}
    return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": warnings}}
