"""Builds answers as from a backend, an API Gateway and other servers."""

from __future__ import annotations

import json

from sweep_sdk._backend.transport import Response
from sweep_service.wire.headers import BACKEND_HEADER

#: A sweep as the answer to its registration.
REGISTERED = {
    "id": "k3v9x2ab",
    "project": "p",
    "name": None,
    "state": "running",
    "method": "grid",
    "metric": None,
    "grid_points": 1,
    "run_cap": None,
    "n_handed_out": 0,
    "created_at": 0,
    "config_version": 1,
    "seed": 0,
    "config": {
        "method": "grid",
        "parameters": {"x": {"distribution": "constant", "value": 1}},
    },
    "warnings": [],
}


def answer(status, body=b"", **headers):
    """An answer of anybody; underscores in names of headers represent hyphens."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(
        status, {name.replace("_", "-"): text for name, text in headers.items()}, content
    )


def problem(status, code, detail="it is so", **more):
    """A problem document of a backend that is too old to name itself in a header."""
    document = {"status": status, "code": code, "detail": detail, **more}
    return answer(status, document, content_type="application/problem+json")


def of_api_gateway(status, message):
    """What API Gateway answers in the place of the backend behind it."""
    return answer(status, {"message": message}, Apigw_Requestid="JKJaXmPLvHcESHA=")


def marked(response, version="0.0.9"):
    """The same answer as a backend gives it that names itself."""
    headers = {**response.headers, BACKEND_HEADER: version}
    return Response(response.status, headers, response.body)
