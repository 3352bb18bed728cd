"""Handler of ``/v1/health``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service import __version__
from sweep_service.handlers.http import Request, Response
from sweep_service.model.language.features import known_features
from sweep_service.wire import documents

if TYPE_CHECKING:
    from sweep_service.operations.services import Services


def health(request: Request, services: Services) -> Response:
    """``GET /v1/health``: the backend's time, version and sweep language features."""
    del request
    return Response(
        200,
        documents.Health(
            status="ok",
            version=__version__,
            now=services.clock(),
            features=sorted(known_features()),
        ),
    )
