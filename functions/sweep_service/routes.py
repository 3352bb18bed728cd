"""The table of routes: (method, path) -> handler and scope.

The policies in ``template.yaml`` and the scopes in ``infra/openapi.yaml`` follow this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sweep_service.access.scopes import Scope
from sweep_service.errors import MethodNotAllowed, NotFound
from sweep_service.handlers import analysis, health, runs, sweeps, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.handlers.http import Request, Response
    from sweep_service.operations.services import Services

    Handler = Callable[[Request, Services], Response]


class Route(NamedTuple):
    """The handler of a request, and the scope it requires.

    Attributes:
        scope: The minimum scope of the caller; None for a public route.
        is_about_caller: Whether the route concerns no sweep, so that a token for any one sweep is
            enough.
        is_of_wandb: Whether W&B's clients alone use it. They have tokens and no AWS credentials.
            The path does not say what they ask for: what answers checks that its sender may do
            that, with that sweep.
    """

    handler: Handler
    scope: Scope | None
    is_about_caller: bool = False
    is_of_wandb: bool = False


def graphql(request: Request, services: Services) -> Response:
    """``POST /graphql``; loaded with the first request."""
    from sweep_service.wandb.graphql import answer

    return answer(request, services)


def file_stream(request: Request, services: Services) -> Response:
    """``POST /files/{entity}/{project}/{run}/file_stream``; loaded with the first request."""
    from sweep_service.wandb.streaming import file_stream

    return file_stream(request, services)


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/v1/health"): Route(health.health, None),
    ("GET", "/v1/identity"): Route(tokens.identity, Scope.READER, is_about_caller=True),
    ("POST", "/v1/tokens"): Route(tokens.create_token, Scope.ADMIN),
    ("GET", "/v1/tokens"): Route(tokens.list_tokens, Scope.ADMIN),
    ("DELETE", "/v1/tokens/{token}"): Route(tokens.revoke_token, Scope.ADMIN),
    ("POST", "/v1/sweeps"): Route(sweeps.create_sweep, Scope.ADMIN),
    ("GET", "/v1/sweeps"): Route(sweeps.list_sweeps, Scope.READER),
    ("GET", "/v1/sweeps/{sweep}"): Route(sweeps.get_sweep, Scope.READER),
    ("PATCH", "/v1/sweeps/{sweep}"): Route(sweeps.change_sweep, Scope.ADMIN),
    ("DELETE", "/v1/sweeps/{sweep}"): Route(sweeps.delete_sweep, Scope.ADMIN),
    ("GET", "/v1/sweeps/{sweep}/events"): Route(sweeps.list_events, Scope.READER),
    ("GET", "/v1/sweeps/{sweep}/best"): Route(sweeps.best_run, Scope.READER),
    ("GET", "/v1/sweeps/{sweep}/importance"): Route(sweeps.importance, Scope.READER),
    ("GET", "/v1/sweeps/{sweep}/curves"): Route(analysis.curves, Scope.READER),
    ("GET", "/v1/sweeps/{sweep}/model"): Route(analysis.model, Scope.READER),
    ("GET", "/v1/sweeps/{sweep}/bands"): Route(analysis.bands, Scope.READER),
    ("POST", "/v1/sweeps/{sweep}/points"): Route(sweeps.add_points, Scope.ADMIN),
    ("POST", "/v1/sweeps/{sweep}/results"): Route(sweeps.import_results, Scope.ADMIN),
    ("POST", "/v1/sweeps/{sweep}/runs"): Route(runs.ask_run, Scope.AGENT),
    ("GET", "/v1/sweeps/{sweep}/runs"): Route(runs.list_runs, Scope.READER),
    ("GET", "/v1/sweeps/{sweep}/runs/{run}"): Route(runs.get_run, Scope.READER),
    ("PATCH", "/v1/sweeps/{sweep}/runs/{run}"): Route(runs.change_run, Scope.ADMIN),
    ("GET", "/v1/sweeps/{sweep}/runs/{run}/history"): Route(runs.run_history, Scope.READER),
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/reports"): Route(runs.report_rows, Scope.AGENT),
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/finish"): Route(runs.finish_run, Scope.AGENT),
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/stop"): Route(runs.stop_run, Scope.ADMIN),
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/retry"): Route(runs.retry_run, Scope.ADMIN),
    ("DELETE", "/v1/sweeps/{sweep}/runs/{run}"): Route(runs.delete_run, Scope.ADMIN),
    ("POST", "/v1/sweeps/{sweep}/retries"): Route(runs.retry_failed, Scope.ADMIN),
    ("POST", "/graphql"): Route(graphql, Scope.READER, is_of_wandb=True),
    ("POST", "/files/{entity}/{project}/{run}/file_stream"): Route(
        file_stream, Scope.AGENT, is_of_wandb=True
    ),
}

_SEGMENTS = {route: tuple(route[1].strip("/").split("/")) for route in ROUTES}


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Find the route of a request and the values of its path's placeholders.

    Raises:
        NotFound: No route has this path.
        MethodNotAllowed: The path has routes, but none with this method.
    """
    segments = path.strip("/").split("/")
    methods = []
    for route, pattern in _SEGMENTS.items():
        params = _match(pattern, segments)
        if params is None:
            continue
        if route[0] == method:
            return ROUTES[route], params
        methods.append(route[0])
    if methods:
        raise MethodNotAllowed(f"{path} takes {', '.join(methods)}, not {method}", methods)
    raise NotFound(f"no route {path}")


def _match(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    params = {}
    for expected, found in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            params[expected[1:-1]] = found
        elif expected != found:
            return None
    return params
