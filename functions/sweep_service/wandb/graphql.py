"""``POST /graphql``: the operations of wandb's clients, each with its required scope.

An answer has all fields that any client requests; clients ignore the others.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sweep_service.access.identity import check_access
from sweep_service.access.scopes import Scope
from sweep_service.errors import (
    FixRequest,
    Forbidden,
    GiveUp,
    InvalidRequest,
    TooLarge,
    Unauthorized,
)
from sweep_service.handlers.http import Request, Response
from sweep_service.wandb import agents, reading, streaming, sweeps
from sweep_service.wandb.call import Call, no_sweep, run_by, sweep_by
from sweep_service.wandb.operations import decode_operation
from sweep_service.wandb.streams import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_service.access.identity import Identity
    from sweep_service.operations.services import Services


class Operation(NamedTuple):
    """The function that answers an operation, and the scope it requires.

    Attributes:
        answer: Returns the data of the answer; may raise any error of the backend.
        scope: As for a route.
        sweep_of: Returns the sweep that the variables refer to; None for no particular sweep.
        is_about_caller: As for a route.
    """

    answer: Callable[[Call], Any]
    scope: Scope
    sweep_of: Callable[[Mapping[str, Any]], str | None] = no_sweep
    is_about_caller: bool = False


def _about_caller(answer: Callable[[Call], Any]) -> Operation:
    return Operation(answer, Scope.READER, is_about_caller=True)


MAX_ANSWER_BYTES = 1_000_000
#: Other operations are answered with an error, which clients expect from older servers.
OPERATIONS: dict[str, Operation] = {
    "UpsertSweep": Operation(sweeps.upsert_sweep, Scope.ADMIN, sweep_by("id")),
    "StopRun": Operation(streaming.stop_run, Scope.ADMIN, run_by("id", "runId")),
    "CreateAgent": Operation(agents.create_agent, Scope.AGENT, sweep_by("sweep")),
    "Heartbeat": Operation(agents.heartbeat, Scope.AGENT, agents.sweep_of),
    "UpsertBucket": Operation(streaming.upsert_bucket, Scope.AGENT, streaming.sweep_of_bucket),
    "SweepWithRuns": Operation(reading.sweep_with_runs, Scope.READER, sweep_by("sweep")),
    "GetSweepState": Operation(reading.sweep, Scope.READER, sweep_by("sweep")),
    **{
        name: Operation(reading.sweep, Scope.READER, sweep_by("name"))
        for name in ("GetSweep", "GetSweepLegacy", "Sweep")
    },
    "GetSweeps": Operation(reading.sweeps, Scope.READER),
    "Runs": Operation(reading.runs, Scope.READER, reading.sweep_of_filters),
    **{
        name: Operation(reading.run, Scope.READER, run_by("name", "runId", "run"))
        for name in ("Run", "RunState", "RunHistoryKeys", "RunStoppedStatus", "RunResumeStatus")
    },
    **{
        name: Operation(reading.run_history, Scope.READER, run_by("name", "run"))
        for name in ("RunFullHistory", "RunSampledHistory", "HistoryPage", "SampledHistoryPage")
    },
    "RunParquetHistory": Operation(reading.no_parquet, Scope.READER, run_by("runName")),
    **{
        name: _about_caller(reading.viewer)
        for name in ("Viewer", "GetViewer", "GetDefaultEntity", "viewer")
    },
    "ServerFeaturesQuery": _about_caller(reading.server_features),
    **{
        name: _about_caller(reading.probed)
        for name in (
            *("ProbeServerCapabilities", "ProbeServerSettings", "ProbeServerArtifact"),
            *("ProbeServerProjectInfo", "ProbeProjectInput", "ProbeRunInput"),
            *("InputFields", "TypeInfo"),
        )
    },
}


def answer(request: Request, services: Services) -> Response:
    """Answer one operation."""
    try:
        asked = decode_operation(request.body)
    except Malformed as error:
        raise InvalidRequest(str(error)) from None
    operation = OPERATIONS.get(asked.name)
    if operation is None:
        return _refusal(200, f"'{asked.name}' is not supported by this backend")
    call = Call(request, services, asked.variables)
    try:
        _check(operation, request.identity, call)
        data = operation.answer(call)
        _check_size(data)
    except Unauthorized:
        raise
    except (FixRequest, GiveUp) as error:
        # Clients repeat requests that are answered with 409, and show the message of a 422 at once.
        return _refusal(error.status if error.status in (403, 404) else 422, str(error))
    return Response(200, {"data": data}, deed=call.deed)


def _check(operation: Operation, identity: Identity | None, call: Call) -> None:
    """Check that the caller may request an operation.

    Raises:
        Unauthorized: The caller is unknown, or the credential has expired.
        Forbidden: The credential does not allow it. Permission by IAM for the route is not enough,
            because all operations share it.
    """
    if identity is not None and identity.scope is None:
        raise Forbidden("clients of W&B need a token; AWS credentials are not enough")
    sweep = operation.sweep_of(call.variables)
    if operation.is_about_caller and identity is not None:
        sweep = identity.sweep
    check_access(identity, operation.scope, sweep, call.services.clock())


def _check_size(data: Any) -> None:
    """Check that an answer does not exceed the size assumed in the cost estimate of a deployment.

    Raises:
        TooLarge: It does.
    """
    n_bytes = len(json.dumps(data))
    if n_bytes > MAX_ANSWER_BYTES:
        raise TooLarge(
            f"the answer has {n_bytes:,} bytes; at most {MAX_ANSWER_BYTES:,}: ask for fewer runs at"
            " a time with per_page, or use 'sweep-sdk export'"
        )


def _refusal(status: int, message: str) -> Response:
    return Response(status, {"data": None, "errors": [{"message": message}]})
