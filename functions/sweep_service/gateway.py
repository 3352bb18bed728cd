"""The gateway: answers plain requests; every error becomes a problem document.

Local mode, the local server and the tests call ``handle``; the Lambda entry points translate API
Gateway events into calls of it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sweep_service import __version__, errors
from sweep_service.access.events import Event
from sweep_service.access.identity import check_access
from sweep_service.handlers import http, views
from sweep_service.routes import find_route
from sweep_service.wire.headers import BACKEND_HEADER
from sweep_service.wire.problems import PROBLEM_TYPE, problem_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.access.identity import Identity
    from sweep_service.operations.services import Services
    from sweep_service.routes import Route

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def handle(
    services: Services,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    identity: Identity | None = None,
) -> Response:
    """Answer one request. Never raises.

    Args:
        services: The backend's services.
        method: HTTP method, upper case.
        path: Decoded path, such as ``/v1/sweeps``.
        query: Decoded query with one value per name.
        headers: Request headers; names are case-insensitive.
        body: Raw body.
        identity: Identity of the caller; None for an unknown caller, who may use public routes
            only.
    """
    try:
        route, params = find_route(method, path)
        _check_access(route, params.get("sweep"), identity, services.clock())
        answer = route.handler(http.Request(params, query, headers, body, identity), services)
        if answer.deed is not None and identity is not None:
            _keep(services, answer.deed, identity)
        return _encode(answer)
    except errors.ServiceError as error:
        if not isinstance(error, errors.StoreSignal):
            return problem_response(error)
        _logger.exception("a store signal left the operations: %s %s", method, path)
    except Exception:  # at the edge, every error is logged and answered
        _logger.exception("unexpected error: %s %s", method, path)
    return problem_response(
        errors.ServiceError("internal error; the backend's log has the details")
    )


def _check_access(route: Route, sweep: str | None, identity: Identity | None, now: float) -> None:
    if (route.is_about_caller or route.is_of_wandb) and identity is not None:
        sweep = identity.sweep
    check_access(identity, route.scope, sweep, now)


def _keep(services: Services, deed: http.Deed, identity: Identity) -> None:
    """Store who has changed a sweep. The change has been made, so a failure is only logged."""
    at = services.clock() if deed.at is None else deed.at
    event = Event(at, identity.name, identity.method.value, deed.action)
    try:
        services.store.add_event(deed.sweep, event)
    except errors.ServiceError:
        _logger.warning("sweep %s: an event was not kept: %s", deed.sweep, event, exc_info=True)


def _encode(answer: http.Response) -> Response:
    if answer.body is None:
        return Response(answer.status, {BACKEND_HEADER: __version__, **answer.headers})
    return _json(answer.status, answer.body, "application/json", answer.headers)


def problem_response(error: errors.ServiceError) -> Response:
    """The problem document of an error, as a response."""
    document = problem_document(error.status, error.title, str(error), error.code)
    if isinstance(error, errors.InvalidConfig):
        document["errors"] = views.problems(error.problems)
        document["warnings"] = views.problems(error.warnings)
    return _json(error.status, document, PROBLEM_TYPE, _headers(error))


def _headers(error: errors.ServiceError) -> dict[str, str]:
    if isinstance(error, errors.TryAgain):
        return {"Retry-After": f"{max(1, round(error.retry_after_seconds))}"}
    if isinstance(error, errors.Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    return {}


def _json(status: int, document: object, kind: str, headers: Mapping[str, str]) -> Response:
    body = json.dumps(document, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    own = {"Content-Type": kind, BACKEND_HEADER: __version__}
    return Response(status, {**own, **headers}, body.encode())
