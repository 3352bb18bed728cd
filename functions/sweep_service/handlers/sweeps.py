"""Handlers of ``/v1/sweeps``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_service.errors import InvalidRequest, NotFound, TooLarge
from sweep_service.handlers import views
from sweep_service.handlers.http import (
    Deed,
    Request,
    Response,
    decode_cursor,
    encode_cursor,
    int_field,
    reject_unknown,
    text_field,
    typed_field,
)
from sweep_service.handlers.labels import LABEL_FIELDS, label_change
from sweep_service.model.language.command import command_sha256
from sweep_service.model.language.keys import WANDB_MODES
from sweep_service.model.language.sweep_config import (
    ParsedSweep,
    parse_object,
    parse_text,
    with_program,
    with_wandb,
)
from sweep_service.model.records.numbers import decode_number, tagged
from sweep_service.model.records.states import SweepState
from sweep_service.operations import adding, imports, labels, runs, sweeps
from sweep_service.operations.final import survey_of, with_final
from sweep_service.operations.importance import importance_of
from sweep_service.operations.imports import Result
from sweep_service.operations.sweeps import NewSweep
from sweep_service.operations.update import update_config

if TYPE_CHECKING:
    from sweep_service.operations.services import Services
    from sweep_service.wire import documents

_SWEEPS_A_PAGE = 50
_EVENTS_A_PAGE = 500
MAX_CONFIG_BYTES = 100_000
_MAX_DOCUMENT_BYTES = 350_000  #: Of a config with all defaults; an item is limited to 400 KB.
_MOST_PRIOR_RUNS = 200
_MOST_RESULTS = 5_000
_MOST_POINTS = 1_000
_MAX_PROJECT = 128
_MAX_NAME = 256
_MAX_PROGRAM = 4096
_N_SAMPLES = 3
_SETTABLE = (
    SweepState.RUNNING,
    SweepState.PAUSED,
    SweepState.FINISHED,
    SweepState.CANCELED,
)


def create_sweep(request: Request, services: Services) -> Response:
    """``POST /v1/sweeps``."""
    document = request.json()
    fields = ("config", "yaml", "project", "name", "program", "prior_runs", "wandb")
    reject_unknown(document, fields)
    is_dry_run = request.flag("dry_run")
    program = text_field(document, "program", _MAX_PROGRAM)
    new = NewSweep(
        parsed=with_wandb(with_program(_parse_config(document), program), _wandb_mode(document)),
        prior_runs=_prior_runs(document),
        project=text_field(document, "project", _MAX_PROJECT),
        name=text_field(document, "name", _MAX_NAME),
        key=request.idempotency_key(),
        author=request.caller,
    )
    view = sweeps.create_sweep(services, new, is_dry_run=is_dry_run)
    body = views.checked_sweep(view)
    if not is_dry_run:
        action = f"registered the sweep, command {command_sha256(view.loaded.config.document)[:12]}"
        deed = Deed(view.sweep or "", action, view.loaded.meta.created_at)
        return Response(201, body, deed=deed)
    return Response(200, {**body, "samples": tagged(sweeps.first_configs(view, _N_SAMPLES))})


def list_sweeps(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps``."""
    state = request.query.get("state")
    known = [known_state.value for known_state in SweepState]
    if state is not None and state not in known:
        raise InvalidRequest(f"query 'state': found '{state}'; one of {', '.join(known)}")
    page, last = sweeps.list_sweeps(
        services,
        project=request.query.get("project"),
        state=SweepState(state) if state is not None else None,
        after=decode_cursor(request.query.get("cursor"), (float, str)),
        count=request.query_count("count", _SWEEPS_A_PAGE, _SWEEPS_A_PAGE),
    )
    items = [views.listed_sweep(view) for view in with_final(services, page)]
    return Response(200, {"items": items, "next": encode_cursor(last)})


def get_sweep(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}``; without the survey no run is read."""
    sweep = request.params["sweep"]
    found = sweeps.get_sweep(services, sweep)
    view = views.sweep_with_config(found)
    if not request.flag("survey", "true"):
        return Response(200, {"id": sweep, **view})
    survey = survey_of(services, found)
    body: documents.Sweep = {
        "id": sweep,
        **view,
        "counts": dict(survey.counts),
        "best": None if survey.best is None else views.run(survey.best),
    }
    return Response(200, body)


def change_sweep(request: Request, services: Services) -> Response:
    """``PATCH /v1/sweeps/{sweep}``: one change at a time, or several labels."""
    document = request.json()
    fields = ("state", "run_cap", "config", "yaml")
    reject_unknown(document, (*fields, *LABEL_FIELDS))
    is_labelling = document and all(field in LABEL_FIELDS for field in document)
    if len(document) != 1 and not is_labelling:
        raise InvalidRequest(
            f"give exactly one of the fields: {', '.join(fields)}; or some of:"
            f" {', '.join(LABEL_FIELDS)}"
        )
    sweep = request.params["sweep"]
    if is_labelling:
        view = labels.label_sweep(services, sweep, label_change(document))
        action = f"changed {', '.join(document)}"
    elif "config" in document or "yaml" in document:
        view = update_config(services, sweep, _parse_config(document), request.caller)
        command = command_sha256(view.loaded.config.document)
        action = f"changed the config to version {view.counter.version}, command {command[:12]}"
    elif "run_cap" in document:
        view = sweeps.set_run_cap(services, sweep, int_field(document, "run_cap", least=1))
        action = f"set run_cap to {view.counter.run_cap}"
    else:
        target = _target_state(document)
        view = sweeps.set_state(services, sweep, target)
        action = f"set the state to {target.value}"
    deed = Deed(sweep, action) if view.is_changed else None
    return Response(200, {**views.checked_sweep(view), "changed": view.is_changed}, deed=deed)


def delete_sweep(request: Request, services: Services) -> Response:
    """``DELETE /v1/sweeps/{sweep}``."""
    sweeps.delete_sweep(services, request.params["sweep"], request.caller)
    return Response(204)


def list_events(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}/events``: the changes to a sweep, newest first."""
    sweep = request.params["sweep"]
    services.store.get_status(sweep)  # raises NotFound for an unknown sweep
    count = request.query_count("count", _EVENTS_A_PAGE, _EVENTS_A_PAGE)
    items = [views.event(event) for event in services.store.list_events(sweep, count)]
    return Response(200, {"items": items})


def best_run(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}/best``."""
    sweep = request.params["sweep"]
    best = runs.best_run(services, sweep)
    if best is None:
        raise NotFound(f"no run of sweep {sweep} has a value of its metric yet")
    return Response(200, views.run(best))


def importance(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}/importance``."""
    n_runs, found = importance_of(services, request.params["sweep"])
    return Response(200, views.importance(n_runs, found))


def add_points(request: Request, services: Services) -> Response:
    """``POST /v1/sweeps/{sweep}/points``: configurations that are handed out next."""
    document = request.json()
    reject_unknown(document, ("configs", "front"))
    configs = typed_field(document, "configs", list, default=[])
    if not configs:
        raise InvalidRequest("field 'configs': needs a list of at least one config")
    if len(configs) > _MOST_POINTS:
        raise TooLarge(f"{len(configs):,} points in one request; at most {_MOST_POINTS:,}")
    _check_size("the list of points", len(json.dumps(configs)), MAX_CONFIG_BYTES)
    sweep, is_front = request.params["sweep"], typed_field(document, "front", bool, default=False)
    added = adding.add_points(services, sweep, configs, is_front=is_front)
    n_added = added.n_added
    deed = Deed(sweep, f"added {n_added} points") if n_added else None
    return Response(201, views.added(sweep, added), deed=deed)


def import_results(request: Request, services: Services) -> Response:
    """``POST /v1/sweeps/{sweep}/results``."""
    document = request.json()
    reject_unknown(document, ("results",))
    items = typed_field(document, "results", list, default=[])
    if len(items) > _MOST_RESULTS:
        raise TooLarge(f"{len(items):,} results in one request; at most {_MOST_RESULTS:,}")
    results = [_result(item, f"results[{number}]") for number, item in enumerate(items)]
    is_dry_run = request.flag("dry_run")
    imported = imports.import_results(
        services, request.params["sweep"], results, is_dry_run=is_dry_run
    )
    n_new = imported.n_observed + imported.n_done
    is_deed = n_new and not is_dry_run
    deed = Deed(request.params["sweep"], f"imported {n_new} results") if is_deed else None
    return Response(200, views.imported(imported), deed=deed)


def _result(item: object, place: str) -> Result:
    if not isinstance(item, dict):
        raise InvalidRequest(f"{place}: needs an object with the fields config and value")
    reject_unknown(item, ("config", "value"), f"{place}.")
    config, value = item.get("config"), item.get("value")
    if not isinstance(config, dict):
        raise InvalidRequest(f"field '{place}.config': needs an object")
    number = decode_number(value)
    if value is not None and (number is None or isinstance(value, bool)):
        raise InvalidRequest(f"field '{place}.value': needs a number")
    return Result(config, number)


def _parse_config(document: dict[str, Any]) -> ParsedSweep:
    if ("config" in document) == ("yaml" in document):
        raise InvalidRequest("give exactly one of the fields: config (an object), yaml (a text)")
    if "config" in document:
        config = typed_field(document, "config", dict, default=None)
        _check_size("the sweep config", len(json.dumps(config)), MAX_CONFIG_BYTES)
        parsed = parse_object(config)
    else:
        text = typed_field(document, "yaml", str, default="")
        n_bytes = len(text.encode(errors="surrogatepass"))
        _check_size("the sweep config", n_bytes, MAX_CONFIG_BYTES)
        parsed = parse_text(text)
    text_field(parsed.config.document, "project", _MAX_PROJECT)
    text_field(parsed.config.document, "name", _MAX_NAME)
    n_bytes = len(json.dumps(parsed.config.document))
    _check_size("the sweep config with its defaults filled in", n_bytes, _MAX_DOCUMENT_BYTES)
    return parsed


def _wandb_mode(document: dict[str, Any]) -> str | None:
    mode = text_field(document, "wandb", _MAX_NAME)
    if mode not in (None, *WANDB_MODES):
        raise InvalidRequest(f"wandb: found '{mode}'; needs one of {', '.join(WANDB_MODES)}")
    return mode


def _prior_runs(document: dict[str, Any]) -> tuple[str, ...]:
    names = typed_field(document, "prior_runs", list, default=[])
    if len(names) > _MOST_PRIOR_RUNS or not all(isinstance(name, str) for name in names):
        raise InvalidRequest(
            f"field 'prior_runs': needs a list of at most {_MOST_PRIOR_RUNS} ids of runs"
        )
    return tuple(names)


def _check_size(what: str, n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise TooLarge(f"{what} has {n_bytes:,} bytes; at most {most:,}")


def _target_state(document: dict[str, Any]) -> SweepState:
    found = document.get("state")
    for state in _SETTABLE:
        if state.value == found:
            return state
    options = ", ".join(state.value for state in _SETTABLE)
    raise InvalidRequest(f"field 'state': found {json.dumps(found)}; one of {options}")
