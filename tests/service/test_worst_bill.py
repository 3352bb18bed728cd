"""What an attack can cost in an hour: the table in docs/security.md, worked out from the template.

Every figure is a bound, not an expectation: all routes are taken to their bounds for an hour, and
AWS is taken to charge for refused requests too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iam_policies import read_template
from sweep_service.access.scopes import Scope
from sweep_service.handlers.sweeps import _MAX_DOCUMENT_BYTES
from sweep_service.lambdas.edge import _MAX_ANSWER_BYTES
from sweep_service.routes import ROUTES
from sweep_service.wandb.graphql import MAX_ANSWER_BYTES

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
HOUR = 3600
# US dollars in us-east-1, as in infra/README.md
PER_REQUEST, PER_CALL, PER_GB_SECOND = 1.00e-6, 0.20e-6, 0.0000133334
PER_WRITE_UNIT, PER_READ_UNIT = 0.625e-6, 0.125e-6
PER_LOGGED_GB, PER_SENT_GB = 0.50, 0.09
#: Lambda's default for an account and region.
CONCURRENCY = 1000
#: Of a warm authorizer that reads the table, and of the health check.
AUTHORIZER_SECONDS, HEALTH_SECONDS = 0.02, 0.03
#: Of a line in the access log.
LINE_BYTES = 450
LISTS = 10


def rates(api: str) -> dict[str, float]:
    """Requests a second that each route of an API takes."""
    template = read_template()
    parameters = template["Parameters"]
    stage = next(
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::ApiGatewayV2::Stage"
        and resource["Properties"]["ApiId"] == {"Ref": api}
    )

    def rate(key: str) -> float:
        bound = stage["RouteSettings"].get(key, stage["DefaultRouteSettings"])
        found = bound["ThrottlingRateLimit"]
        return float(parameters[found["Ref"]]["Default"] if isinstance(found, dict) else found)

    keys = [
        f"{method} {path}"
        for (method, path), route in ROUTES.items()
        if not (api == "IamApi" and route.is_of_wandb)
    ]
    return {key: rate(key) for key in keys}


def gigabytes_of(function: str) -> float:
    properties = read_template()["Resources"][f"{function}Function"]["Properties"]
    return float(properties["MemorySize"]) / 1024


def parameter(name: str) -> float:
    return float(read_template()["Parameters"][name]["Default"])


def anonymous() -> dict[str, float]:
    """A caller without a credential, who makes up a new token for each request."""
    of_tokens, of_iam = sum(rates("HttpApi").values()), sum(rates("IamApi").values())
    n_health = HOUR * 2 * rates("HttpApi")["GET /v1/health"]
    n_tokens, n_all = HOUR * of_tokens, HOUR * (of_tokens + of_iam)
    n_reads = min(n_tokens, HOUR * parameter("MaxReadUnits"))
    return {
        "HTTP APIs": n_all * PER_REQUEST,
        "Lambda": n_tokens
        * (PER_CALL + gigabytes_of("Authorizer") * AUTHORIZER_SECONDS * PER_GB_SECOND)
        + n_health * (PER_CALL + gigabytes_of("Api") * HEALTH_SECONDS * PER_GB_SECOND),
        "DynamoDB": n_reads * PER_READ_UNIT,
        "access log": n_all * LINE_BYTES / 1e9 * PER_LOGGED_GB,
        "data transfer": 0.0,
    }


def leaked_agent() -> dict[str, float]:
    """Somebody with the token of an agent, for all sweeps."""
    every = rates("HttpApi")
    allowed = {
        f"{method} {path}": every[f"{method} {path}"]
        for (method, path), route in ROUTES.items()
        if route.scope is None or Scope.AGENT.includes(route.scope)
    }
    n_all, n_calls = HOUR * sum(every.values()), HOUR * sum(allowed.values())
    n_bytes = sum(
        rate * (_MAX_ANSWER_BYTES if rate <= LISTS else _MAX_DOCUMENT_BYTES)
        for key, rate in allowed.items()
        if key.startswith("GET") and "{sweep}" in key
    )
    n_bytes += allowed["POST /graphql"] * MAX_ANSWER_BYTES
    return {
        "HTTP APIs": n_all * PER_REQUEST,
        "Lambda": n_calls * PER_CALL + HOUR * CONCURRENCY * gigabytes_of("Suggest") * PER_GB_SECOND,
        "DynamoDB": HOUR
        * (parameter("MaxWriteUnits") * PER_WRITE_UNIT + parameter("MaxReadUnits") * PER_READ_UNIT),
        "access log": n_all * LINE_BYTES / 1e9 * PER_LOGGED_GB,
        "data transfer": HOUR * n_bytes / 1e9 * PER_SENT_GB,
    }


def rows() -> Iterator[tuple[str, str, str]]:
    """The rows of the table."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("## What an attack can cost")[2].partition("\n## ")[0]
    for line in section.splitlines():
        found = re.fullmatch(r"\| ([^|]+) \| (\d+) \| (\d+) \|", line)
        if found:
            yield found[1], found[2], found[3]


@pytest.mark.parametrize(("column", "work_out"), [(1, anonymous), (2, leaked_agent)])
def test_the_document_says_what_the_template_allows(column: int, work_out: Any) -> None:
    bill = work_out()
    wanted = {name: f"{dollars:.0f}" for name, dollars in bill.items()}
    wanted["together"] = f"{sum(bill.values()):.0f}"
    assert {row[0]: row[column] for row in rows()} == wanted
