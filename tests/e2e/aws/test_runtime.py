"""A handler in Lambda's real runtime loop: SAM CLI's runtime emulator, and awslambdaric."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from deployment import ARCHITECTURE, BUILD, Deployed
from run import await_listener, free_port

from sweep_service.access.identity import FIRST_ADMIN, to_authorizer_context


@pytest.fixture
def invocations(deployed: Deployed) -> Iterator[str]:
    """The URL that invokes the api function as it was built."""
    port = free_port()
    sam = Path(os.environ["SWEEP_TEST_SAM"])
    names = f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{ARCHITECTURE}"
    (emulator,) = sam.parents[1].glob(names)
    process = subprocess.Popen(
        [
            emulator,
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{free_port()}"),
            *(os.environ["SWEEP_TEST_RUNTIME"], "-m", "awslambdaric"),
            "sweep_service.lambdas.api.handler",
        ],
        cwd=BUILD / "ApiFunction",
        env={**os.environ, "SWEEP_TABLE": deployed.outputs["TableName"]},
    )
    try:
        await_listener(port, process)
        yield f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    finally:
        process.terminate()
        process.wait()


def invoke(url: str, event: dict[str, object]) -> dict[str, Any]:
    answer = requests.post(url, json=event, timeout=60)
    return dict(answer.json())


def test_the_handler_answers_in_the_runtime_loop(invocations: str) -> None:
    event = {
        "version": "2.0",
        "routeKey": "GET /v1/sweeps",
        "rawPath": "/v1/sweeps",
        "rawQueryString": "project=nobody%27s",
        "headers": {"accept": "application/json"},
        "requestContext": {
            "http": {"method": "GET", "path": "/v1/sweeps"},
            "stage": "$default",
            "authorizer": {"lambda": to_authorizer_context(FIRST_ADMIN)},
        },
        "isBase64Encoded": False,
    }
    for _ in range(2):  # cold, then warm
        answer = invoke(invocations, event)
        assert answer["statusCode"] == 200
        assert json.loads(answer["body"]) == {"items": [], "next": None}
