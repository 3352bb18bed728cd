"""Reports of programs that use wandb about their runs: ``UpsertBucket`` and ``file_stream``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_service.access.identity import check_access
from sweep_service.access.scopes import Scope
from sweep_service.errors import Forbidden, InvalidRequest, LeaseLost, NotFound
from sweep_service.handlers import runs as handlers
from sweep_service.handlers.http import Request, Response
from sweep_service.handlers.runs import MAX_ROW_BYTES
from sweep_service.model.records.numbers import encode_number
from sweep_service.model.records.records import Row, RowBatch
from sweep_service.operations.finish import finish
from sweep_service.operations.report import report
from sweep_service.operations.saving import update
from sweep_service.protocol.leases import begin
from sweep_service.wandb.attempts import ending_of, has_ended_itself, holds, proven_key
from sweep_service.wandb.names import parse_run_name
from sweep_service.wandb.streams import (
    Malformed,
    decode_bucket,
    decode_output,
    decode_stream,
    encode_config,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sweep_service.model.records.records import MetricValue
    from sweep_service.operations.services import Services
    from sweep_service.wandb.call import Call
    from sweep_service.wandb.names import RunName
    from sweep_service.wandb.streams import Bucket, Stream

_MAX_ROWS = 10_000
_MAX_ATTRIBUTE_BYTES = 20_000
_MAX_TAIL = 20_000


def upsert_bucket(call: Call) -> dict[str, Any]:
    """Record that the program of a run has started, and its attributes.

    Raises:
        LeaseLost: The run was handed out again.
        InvalidRequest: It is not a run of a sweep.
    """
    name, services = _run_of_sweep(call.variables), call.services
    if call.text("id") is not None:  # of ``wandb.Api().run(...).update()``; programs name their run
        return _change_labels(call, name)
    key = proven_key(services, name, call.request.identity)
    lease = services.store.get_lease(name.sweep, name.index)
    run = services.store.get_run(name.sweep, name.index)
    n_rows = 0
    if run is not None and lease is not None and holds(lease, name):
        lease = update(services.store, name.sweep, lease, lambda held: begin(held, name.attempt))
        n_rows = lease.live.next_row or 0
        bucket = decode_bucket({**call.variables, "name": str(name)})
        attributes = _attributes(bucket, run.attributes, run.config)
        if attributes != run.attributes:
            nothing = RowBatch(name.attempt, 0, ())
            report(services, name.sweep, name.index, nothing, key=key, attributes=attributes)
    elif run is None or not has_ended_itself(services, name):
        raise LeaseLost(f"run {name} was handed out again: this attempt no longer holds it")
    meta = services.load_config(name.sweep, run.config_version).meta
    answer = {
        "id": str(name),
        "name": str(name),
        "displayName": call.text("displayName") or str(name),
        "description": None,
        "config": encode_config(run.config),
        "sweepName": name.sweep,
        "historyLineCount": n_rows,
        "project": call.project(meta.project),
    }
    return {"upsertBucket": {"bucket": answer, "inserted": n_rows == 0}}


def _change_labels(call: Call, name: RunName) -> dict[str, Any]:
    """Change the labels of a run, which requires the scope ``admin``.

    Raises:
        Forbidden: The caller is not an admin.
    """
    check_access(call.request.identity, Scope.ADMIN, name.sweep, call.services.clock())
    sent = {"name": "display_name", "tags": "tags", "notes": "notes"}
    given = {
        field: call.variables[variable]
        for field, variable in sent.items()
        if variable in call.variables and call.variables[variable] != str(name)
    }
    if given:
        params = {"sweep": name.sweep, "run": name.run}
        request = Request(params, {}, {}, json.dumps(given).encode(), call.request.identity)
        call.deed = handlers.change_run(request, call.services).deed
    return {"upsertBucket": {"bucket": {"id": str(name), "name": str(name)}, "inserted": False}}


def sweep_of_bucket(variables: Mapping[str, Any]) -> str:
    """The sweep of the run that a program has started.

    Raises:
        InvalidRequest: The run belongs to no sweep.
    """
    return _run_of_sweep(variables).sweep


def _run_of_sweep(variables: Mapping[str, Any]) -> RunName:
    text = variables.get("name") or variables.get("id")
    try:
        return parse_run_name(text)
    except NotFound:
        raise InvalidRequest(
            f"run '{text}' is of no sweep: this backend keeps the runs of sweeps alone; start the"
            " program with 'wandb agent', or unset WANDB_BASE_URL"
        ) from None


def _attributes(
    bucket: Bucket, noted: Mapping[str, Any], handed_out: Mapping[str, Any]
) -> dict[str, Any]:
    """The attributes of a run set by its program, without the values of the search."""
    own = {name: value for name, value in (bucket.config or {}).items() if name not in handed_out}
    said = {
        "name": bucket.display_name,
        "tags": list(bucket.tags),
        "group": bucket.group,
        "notes": bucket.notes,
        "job_type": bucket.job_type,
        "config": own,
    }
    attributes = {**noted, **{name: value for name, value in said.items() if value}}
    for name in ("config", "notes", "tags"):
        if len(json.dumps(attributes)) > _MAX_ATTRIBUTE_BYTES:
            attributes.pop(name, None)
    return attributes


def file_stream(request: Request, services: Services) -> Response:
    """``POST /files/{entity}/{project}/{run}/file_stream``: rows, a heartbeat, or the end."""
    name = parse_run_name(request.params["run"])
    if request.identity is not None and request.identity.scope is None:
        raise Forbidden("clients of W&B need a token; AWS credentials are not enough")
    check_access(request.identity, Scope.AGENT, name.sweep, services.clock())
    try:
        stream = decode_stream(request.body)
        printed = decode_output(request.body) if stream.is_complete else ""
    except Malformed as error:
        raise InvalidRequest(str(error)) from None
    key = proven_key(services, name, request.identity)
    try:
        is_stopped = _report(services, name, key, stream)
        if stream.is_complete:
            _finish(services, name, stream, printed)
    except LeaseLost:
        is_stopped = not has_ended_itself(services, name)
    return Response(200, {"stopped": True} if is_stopped else {})


def _report(services: Services, name: RunName, key: str | None, stream: Stream) -> bool:
    """Report the content of a stream; returns whether the program must stop."""
    is_stopped = False
    for batch in _batches(name.attempt, stream):
        command = report(
            services,
            name.sweep,
            name.index,
            batch,
            is_preempting=stream.is_preempting,
            key=key,
            must_prove=True,
        )
        is_stopped = is_stopped or command.is_stop
    return is_stopped


def _batches(attempt: int, stream: Stream) -> Iterator[RowBatch]:
    """The rows in batches of a size that can be stored; an empty batch if there are none."""
    rows = tuple(map(_row, stream.rows))
    for start in range(0, max(len(rows), 1), _MAX_ROWS):
        yield RowBatch(attempt, stream.offset + start, rows[start : start + _MAX_ROWS])


def _row(row: Any) -> Row:
    """A row to store. A row that is too large is replaced by an empty one with the same number.

    Rejecting it would end the stream, since clients then drop all later rows of the run.
    """
    metrics = _encoded(row.metrics)
    is_small = len(metrics) < 1000 or len(json.dumps(metrics)) <= MAX_ROW_BYTES
    return Row(row.step, row.at, metrics if is_small else {})


def _encoded(numbers: Mapping[str, float]) -> dict[str, MetricValue]:
    return {
        name: encode_number(value) if isinstance(value, float) else value
        for name, value in numbers.items()
    }


def _finish(services: Services, name: RunName, stream: Stream, printed: str) -> None:
    """End the attempt as its program reports, unless it has ended already."""
    lease = services.store.get_lease(name.sweep, name.index)
    if lease is None or not holds(lease, name):
        return
    state = services.store.get_status(name.sweep).state
    summary = _encoded(stream.summary or {})
    if len(json.dumps(summary)) > MAX_ROW_BYTES:
        summary = {}
    ending = ending_of(
        lease, state, stream.exit_code or 0, summary=summary, error_tail=printed[-_MAX_TAIL:]
    )
    finish(services, name.sweep, name.index, ending)


def stop_run(call: Call) -> dict[str, Any]:
    """Ask the agent of a run to stop it."""
    name = parse_run_name(call.text("id", "runId"))
    params = {"sweep": name.sweep, "run": name.run}
    request = Request(params, {}, {}, b"", call.request.identity)
    call.deed = handlers.stop_run(request, call.services).deed
    return {"stopRun": {"success": True, "clientMutationId": None}}
