"""Handlers of analyses of a sweep's runs, for charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.errors import InvalidRequest
from sweep_service.handlers.http import Request, Response
from sweep_service.operations.bands import bands_of
from sweep_service.operations.curves import curves_of
from sweep_service.operations.model import model_of

if TYPE_CHECKING:
    from sweep_service.operations.services import Services

_CURVES_A_REQUEST = 100
_POINTS_A_CURVE = 200
_MOST_POINTS = 100_000  #: Per answer, to stay within the limit of a Lambda function's answer.


def curves(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}/curves``."""
    indices = request.query_indices("index", _CURVES_A_REQUEST)
    if not indices:
        raise InvalidRequest("query 'index': needs indices of runs separated by commas")
    n_points = request.query_count("points", _POINTS_A_CURVE, _MOST_POINTS // len(indices) // 2)
    found = curves_of(
        services,
        request.params["sweep"],
        request.query.get("metric"),
        indices,
        n_points,
        request.query_whole("after"),
    )
    return Response(200, found.to_json())


def model(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}/model``: it computes, and changes nothing."""
    x, y = request.query.get("x"), request.query.get("y")
    return Response(200, model_of(services, request.params["sweep"], x, y).to_json())


def bands(request: Request, services: Services) -> Response:
    """``GET /v1/sweeps/{sweep}/bands``."""
    return Response(200, bands_of(services, request.params["sweep"]).to_json())
