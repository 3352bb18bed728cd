"""The one table of routes: (method, path) -> handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.errors import MethodNotAllowed, NotFound
from sweep_service.handlers import health, runs, sweeps

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.handlers.http import Request, Response
    from sweep_service.operations.services import Services

    Handler = Callable[[Request, Services], Response]

ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/v1/health"): health.health,
    ("POST", "/v1/sweeps"): sweeps.create_sweep,
    ("GET", "/v1/sweeps"): sweeps.list_sweeps,
    ("GET", "/v1/sweeps/{sweep}"): sweeps.get_sweep,
    ("PATCH", "/v1/sweeps/{sweep}"): sweeps.change_sweep,
    ("DELETE", "/v1/sweeps/{sweep}"): sweeps.delete_sweep,
    ("GET", "/v1/sweeps/{sweep}/best"): sweeps.best_run,
    ("GET", "/v1/sweeps/{sweep}/importance"): sweeps.importance,
    ("POST", "/v1/sweeps/{sweep}/results"): sweeps.import_results,
    ("POST", "/v1/sweeps/{sweep}/runs"): runs.ask_run,
    ("GET", "/v1/sweeps/{sweep}/runs"): runs.list_runs,
    ("GET", "/v1/sweeps/{sweep}/runs/{run}"): runs.get_run,
    ("GET", "/v1/sweeps/{sweep}/runs/{run}/history"): runs.run_history,
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/reports"): runs.report_rows,
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/finish"): runs.finish_run,
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/stop"): runs.stop_run,
    ("POST", "/v1/sweeps/{sweep}/runs/{run}/retry"): runs.retry_run,
    ("DELETE", "/v1/sweeps/{sweep}/runs/{run}"): runs.delete_run,
    ("POST", "/v1/sweeps/{sweep}/retries"): runs.retry_failed,
}

_SEGMENTS = {route: tuple(route[1].strip("/").split("/")) for route in ROUTES}


def find_route(method: str, path: str) -> tuple[Handler, dict[str, str]]:
    """The handler of a request and the placeholders of its path.

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
