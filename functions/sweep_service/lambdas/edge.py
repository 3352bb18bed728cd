"""Translates events of API Gateway's HTTP API (payload format 2.0) for the gateway.

Only this module uses Powertools' Logger and Metrics. Successful answers are not logged: agents send
heartbeats day and night, and logs are billed by size.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from sweep_service import gateway
from sweep_service.access.identity import from_gateway_event
from sweep_service.errors import TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from sweep_service.operations.services import Services

    Event = Mapping[str, Any]
    LambdaHandler = Callable[[Event, LambdaContext], dict[str, Any]]

# The parent of every logger of the backend, so that all of them share its format.
_LOG = Logger(service="sweep_service")
_NAMESPACE = "SweepService"
_MAX_ANSWER_BYTES = 5_500_000  # Lambda's limit is 6 MB, including the envelope


def make_handler(services: Services) -> LambdaHandler:
    """Make a Lambda handler that uses these services."""

    @_LOG.inject_lambda_context
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        del context
        http = event["requestContext"]["http"]
        response = gateway.handle(
            services,
            method=http["method"],
            path=_path(event),
            query=dict(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True)),
            headers=event.get("headers", {}),
            body=_body(event),
            identity=from_gateway_event(event["requestContext"].get("authorizer")),
        )
        if len(response.body) > _MAX_ANSWER_BYTES:
            response = _too_large(len(response.body))
        _log_and_count(event, response.status)
        return {
            "statusCode": response.status,
            "headers": response.headers,
            "body": response.body.decode(),
            "isBase64Encoded": False,
        }

    return handler


def _path(event: Event) -> str:
    """The decoded path below the stage."""
    path, stage = event["rawPath"], event["requestContext"]["stage"]
    return unquote(path.removeprefix(f"/{stage}"))


def _body(event: Event) -> bytes:
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def _too_large(n_bytes: int) -> gateway.Response:
    return gateway.problem_response(
        TooLarge(
            f"the answer has {n_bytes:,} bytes, more than one response can hold: ask for fewer"
            " items or rows"
        )
    )


def _log_and_count(event: Event, status: int) -> None:
    """Log and count the answers that an operator should know about."""
    if status != 429 and status < 500:
        return
    name = "Throttled" if status in (429, 503) else "Failed"
    _LOG.warning(name, route=event.get("routeKey"), path=event["rawPath"], status=status)
    with single_metric(name=name, unit=MetricUnit.Count, value=1, namespace=_NAMESPACE) as metric:
        metric.add_dimension("service", "sweep_service")
