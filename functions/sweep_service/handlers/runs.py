"""Handlers of ``/v1/sweeps/{sweep}/runs``."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from sweep_service.errors import Forbidden, InvalidRequest, NotFound, TooLarge
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
from sweep_service.model.records.identifiers import run_id, split_run_id
from sweep_service.model.records.numbers import decode_number, encode_number
from sweep_service.model.records.records import MetricValue, Row, RowBatch
from sweep_service.model.records.states import RunState
from sweep_service.operations import amendments, labels, runs
from sweep_service.operations.amendments import RunWanted
from sweep_service.operations.ask import ask
from sweep_service.operations.finish import finish
from sweep_service.operations.report import report
from sweep_service.operations.rows import RowPosition
from sweep_service.protocol.leases import Requester
from sweep_service.wire import documents
from sweep_service.wire.headers import FEATURES_HEADER, SDK_HEADER
from sweep_service.wire.runs import DETAILS, ENDING_FIELDS, Ending, HandOut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.operations.amendments import Amended
    from sweep_service.operations.services import Services

MAX_ROW_BYTES = 256_000
_MAX_ROWS = 10_000
_MAX_KEY_LENGTH = 128
_RUNS_A_PAGE, _MOST_RUNS_A_PAGE = 200, 2_000
_INDICES_A_REQUEST = 100
_RETRIES_A_REQUEST = 50
_MAX_THINNED = 10_000
_MAX_TAIL = 20_000
_MAX_ATTRIBUTE_BYTES = 20_000
_ATTRIBUTES = ("name", "tags", "group", "notes", "job_type", "config", "summary")
_ENDINGS = (RunState.FINISHED, RunState.FAILED, RunState.KILLED, RunState.PREEMPTED)


def ask_run(request: Request, services: Services) -> Response:
    """``POST /v1/sweeps/{sweep}/runs``."""
    document = request.json()
    reject_unknown(document, ("agent", "slot", "host"))
    requester = Requester(
        key=request.idempotency_key(is_required=True) or "",
        agent=text_field(document, "agent", 128, is_required=True) or "",
        host=text_field(document, "host", 255) or "",
        slot=text_field(document, "slot", 64) or "",
        sdk=request.header(SDK_HEADER),
        features=frozenset((request.header(FEATURES_HEADER) or "").split(",")),
    )
    answer = ask(services, request.params["sweep"], requester)
    return Response(201 if isinstance(answer, HandOut) else 200, answer.to_json())


def list_runs(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}/runs``."""
    cursor = decode_cursor(request.query.get("cursor"), (int,))
    since = _since(request) if cursor is None else cursor[0]
    count = request.query_count("count", _RUNS_A_PAGE, _MOST_RUNS_A_PAGE)
    others = request.query_indices("index", _INDICES_A_REQUEST) if cursor is None else ()
    page, following = runs.list_runs(services, request.params["sweep"], since, count, others)
    last = None if following is None else (following,)
    items = [views.run(view) for view in page if not view.run.is_deleted]
    return Response(200, {"items": items, "next": encode_cursor(last)})


def get_run(request: Request, services: Services) -> Response:
    """``GET .../runs/{run}``."""
    sweep, index = _run_of(request)
    return Response(200, views.run_in_full(runs.get_run_story(services, sweep, index)))


def run_history(request: Request, services: Services) -> Response:
    """``GET .../runs/{run}/history``."""
    sweep, index = _run_of(request)
    keys = _keys(request)
    if "rows" in request.query:
        n_rows = request.query_count("rows", _MAX_THINNED, _MAX_THINNED)
        thinned = runs.thin_rows(services, sweep, index, n_rows, keys)
        items = [views.history_row(*row) for row in thinned.rows]
        return Response(200, {"items": items, "next": None, "n_rows": thinned.n_rows})
    cursor = decode_cursor(request.query.get("cursor"), (int, int, int))
    after = None if cursor is None else RowPosition(*cursor)
    page = runs.list_rows(services, sweep, index, after, keys)
    items = [views.history_row(*row) for row in page.rows]
    return Response(200, {"items": items, "next": encode_cursor(page.last)})


def report_rows(request: Request, services: Services) -> Response:
    """``POST .../runs/{run}/reports``."""
    sweep, index = _run_of(request)
    document = request.json()
    reject_unknown(document, ("attempt", "key", "offset", "rows", "preempting", "attributes"))
    batch = RowBatch(
        attempt=int_field(document, "attempt", least=0, is_required=True) or 0,
        offset=int_field(document, "offset", least=0, is_required=True) or 0,
        rows=_rows(typed_field(document, "rows", list, default=[])),
    )
    is_preempting = typed_field(document, "preempting", bool, default=False)
    key = _lease_key(request, document)
    noted = typed_field(document, "attributes", dict, default=None)
    command = report(
        services,
        sweep,
        index,
        batch,
        is_preempting=is_preempting,
        key=key,
        must_prove=request.identity is not None and request.identity.must_name_lease,
        attributes=None if noted is None else _attributes(noted),
    )
    return Response(200, command.to_json())


def finish_run(request: Request, services: Services) -> Response:
    """``POST .../runs/{run}/finish``."""
    sweep, index = _run_of(request)
    finished = finish(services, sweep, index, _ending(request))
    return Response(200, finished.to_json())


def stop_run(request: Request, services: Services) -> Response:
    """``POST .../runs/{run}/stop``."""
    sweep, index = _run_of(request)
    stopped = views.run(runs.stop_run(services, sweep, index))
    return Response(202, stopped, deed=Deed(sweep, f"stopped run {stopped['id']}"))


def retry_run(request: Request, services: Services) -> Response:
    """``POST .../runs/{run}/retry``."""
    document = request.json()
    reject_unknown(document, ("attempt",))
    wanted = RunWanted(*_run_of(request), int_field(document, "attempt", least=0))
    return _amended(amendments.retry_run(services, wanted), "had run {} run again")


def change_run(request: Request, services: Services) -> Response:
    """``PATCH .../runs/{run}``: what people have written on it."""
    document = request.json()
    reject_unknown(document, LABEL_FIELDS)
    sweep, index = _run_of(request)
    view, is_changed = labels.label_run(services, sweep, index, label_change(document))
    deed = Deed(sweep, f"changed {', '.join(document)} of run {run_id(sweep, index)}")
    return Response(200, views.run(view), deed=deed if is_changed else None)


def delete_run(request: Request, services: Services) -> Response:
    """``DELETE .../runs/{run}``."""
    attempt = request.query.get("attempt")
    wanted = RunWanted(*_run_of(request), None if attempt is None else _whole("attempt", attempt))
    amended = amendments.delete_run(services, wanted, is_again=request.flag("again"))
    return _amended(amended, "deleted run {}")


def _amended(amended: Amended, action: str) -> Response:
    run = amended.run
    deed = Deed(run.sweep, action.format(run_id(run.sweep, run.run.index)))
    return Response(200, views.amended(amended), deed=deed if amended.is_changed else None)


def retry_failed(request: Request, services: Services) -> Response:
    """``POST /v1/sweeps/{sweep}/retries``."""
    document = request.json()
    reject_unknown(document, ("since",))
    sweep, since = request.params["sweep"], int_field(document, "since", least=0) or 0
    retried = amendments.retry_failed(services, sweep, since, _RETRIES_A_REQUEST)
    n_retried = len(retried.indices)
    deed = Deed(sweep, f"had {n_retried} failed runs run again") if n_retried else None
    body = documents.Retry(
        runs=[run_id(sweep, index) for index in retried.indices],
        next=retried.following,
        sweep_state=retried.sweep_state.value,
    )
    return Response(200, body, deed=deed)


def _run_of(request: Request) -> tuple[str, int]:
    sweep, index = split_run_id(request.params["run"])
    if sweep != request.params["sweep"]:
        raise NotFound(f"run '{request.params['run']}' is not of sweep {request.params['sweep']}")
    return sweep, index


def _since(request: Request) -> int:
    return _whole("since", request.query.get("since", "0"))


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise InvalidRequest(f"query '{name}': found '{text}'; needs a whole number")
    return int(text)


def _keys(request: Request) -> tuple[str, ...]:
    """Names of metrics from the query: a JSON list, since names may contain any character."""
    text = request.query.get("keys", "[]")
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidRequest(
            f"query 'keys': found '{text[:60]}'; needs a JSON list of names of metrics, "
            'such as ["loss"]'
        )
    return tuple(names)


def _rows(items: list[Any]) -> tuple[Row, ...]:
    if len(items) > _MAX_ROWS:
        raise TooLarge(f"{len(items):,} rows in one report; at most {_MAX_ROWS:,}")
    return tuple(_row(number, item) for number, item in enumerate(items))


def _row(number: int, item: object) -> Row:
    if not isinstance(item, dict):
        raise InvalidRequest(f"rows[{number}]: needs an object")
    inside = f"rows[{number}]."
    reject_unknown(item, ("step", "at", "metrics"), inside)
    row = Row(
        step=int_field(item, "step", least=1 - 2**53, inside=inside),
        at=_time(f"rows[{number}].at", item.get("at")),
        metrics=_metrics(f"rows[{number}].metrics", item.get("metrics")),
    )
    n_bytes = len(json.dumps(item))
    if n_bytes > MAX_ROW_BYTES:
        raise TooLarge(f"rows[{number}] has {n_bytes:,} bytes; at most {MAX_ROW_BYTES:,}")
    return row


def _time(path: str, found: object) -> float | None:
    if found is None:
        return None
    at = None if isinstance(found, (bool, str)) else decode_number(found)
    if at is None or not math.isfinite(at):
        raise InvalidRequest(
            f"{path}: found {json.dumps(found)[:60]}; needs seconds since the epoch"
        )
    return at


def _metrics(path: str, found: object) -> dict[str, MetricValue]:
    if not isinstance(found, dict):
        raise InvalidRequest(f"{path}: needs an object of metric values")
    return {name: _metric_value(f"{path}.{name}", value) for name, value in found.items()}


def _metric_value(path: str, value: object) -> MetricValue:
    if isinstance(value, (bool, int)):
        return value
    number = decode_number(value)
    if number is None:
        raise InvalidRequest(f"{path}: found {json.dumps(value)[:60]}; needs a number or a boolean")
    return encode_number(number)


def _lease_key(request: Request, document: Mapping[str, Any]) -> str | None:
    """The idempotency key of the ask that holds the lease; None to identify it by attempt only.

    Raises:
        Forbidden: The key is missing, and this caller must prove that it holds the lease.
    """
    key = text_field(document, "key", _MAX_KEY_LENGTH)
    if key is None and request.identity is not None and request.identity.must_name_lease:
        raise Forbidden(
            "field 'key' is missing: agents report on the runs that they hold alone, and name the"
            " Idempotency-Key with which they asked for them"
        )
    return key


def _ending(request: Request) -> Ending:
    document = request.json()
    reject_unknown(document, (*ENDING_FIELDS, *DETAILS))
    state = next((state for state in _ENDINGS if state.value == document.get("state")), None)
    if state is None:
        options = ", ".join(state.value for state in _ENDINGS)
        raise InvalidRequest(
            f"field 'state': found {json.dumps(document.get('state'))[:60]}; one of {options}"
        )
    summary = _metrics("summary", typed_field(document, "summary", dict, default={}))
    if len(json.dumps(summary)) > MAX_ROW_BYTES:
        raise TooLarge(f"the summary is over {MAX_ROW_BYTES:,} bytes")
    return Ending(
        attempt=int_field(document, "attempt", least=0, is_required=True) or 0,
        key=_lease_key(request, document),
        state=state,
        exit_code=int_field(document, "exit_code", least=1 - 2**53),
        signal=int_field(document, "signal", least=0),
        summary=summary,
        error_tail=typed_field(document, "stderr_tail", str, default="")[-_MAX_TAIL:] or None,
        is_stopped_early=typed_field(document, "stopped_early", bool, default=None),
        result=_metric_value("result", document["result"]) if "result" in document else None,
        attributes=_attributes(typed_field(document, "attributes", dict, default={})),
        details=_details(document),
    )


def _details(document: Mapping[str, Any]) -> dict[str, Any]:
    """Fields reported by the agent that are only stored and shown."""
    found = {name: typed_field(document, name, kind, None) for name, kind in DETAILS.items()}
    return {name: value for name, value in found.items() if value is not None}


def _attributes(found: dict[str, Any]) -> dict[str, Any]:
    """Attributes that a program set on its run; see ``Outcome``."""
    reject_unknown(found, _ATTRIBUTES, "attributes.")
    for name in ("config", "summary"):
        typed_field(found, name, dict, default={})
    if len(json.dumps(found)) > _MAX_ATTRIBUTE_BYTES:
        raise TooLarge(f"the attributes have more than {_MAX_ATTRIBUTE_BYTES:,} bytes")
    return found
