"""The entry points as Lambda loads them: a fresh interpreter and the template's environment."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import pytest

TOKEN = "the token"
ENVIRON = {
    "SWEEP_TABLE": "sweeps",
    "SWEEP_TOKEN_SHA256": hashlib.sha256(TOKEN.encode()).hexdigest(),
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def load(module: str, code: str = "", **changes: str | None) -> subprocess.CompletedProcess[str]:
    given = {**ENVIRON, **changes}
    return subprocess.run(
        [sys.executable, "-c", f"import json, sys\nfrom {module} import handler\n{code}"],
        env={"PATH": os.environ["PATH"], **{k: v for k, v in given.items() if v is not None}},
        capture_output=True,
        text=True,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_backend_answers_and_leaves_numpy_alone() -> None:
    code = """
event = {"rawPath": "/v1/health", "headers": {},
         "requestContext": {"stage": "$default", "http": {"method": "GET"}}}
class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"
answer = handler(event, Context())
print(json.dumps([answer["statusCode"], "numpy" in sys.modules]))
"""
    assert told(load("sweep_service.lambdas.api", code)) == [200, False]


def test_a_function_without_its_table_says_so() -> None:
    done = load("sweep_service.lambdas.api", SWEEP_TABLE=None)
    assert done.returncode != 0
    assert "SWEEP_TABLE is not set" in done.stderr


@pytest.mark.parametrize(
    ("header", "is_authorized"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN} ", True),
        (f"Bearer {TOKEN}x", False),
        ("Bearer ", False),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        ("Bearer é\ud800", False),
        (None, False),
    ],
)
def test_the_authorizer_accepts_one_token(
    monkeypatch: pytest.MonkeyPatch, header: str | None, is_authorized: bool
) -> None:
    monkeypatch.setenv("SWEEP_TOKEN_SHA256", ENVIRON["SWEEP_TOKEN_SHA256"])
    monkeypatch.delitem(sys.modules, "sweep_service.lambdas.authorizer", raising=False)
    from sweep_service.lambdas.authorizer import handler

    headers = {} if header is None else {"authorization": header}
    assert handler({"headers": headers}, None) == {"isAuthorized": is_authorized}


def test_the_authorizer_loads_the_standard_library_alone() -> None:
    code = "print(json.dumps(sorted(name.split('.')[0] for name in sys.modules)))"
    loaded = set(told(load("sweep_service.lambdas.authorizer", code)))
    assert loaded.isdisjoint({"aws_lambda_powertools", "botocore", "numpy", "pynamodb", "yaml"})


@pytest.mark.parametrize("found", [None, "", "0" * 63, "G" * 64, "A" * 64])
def test_the_authorizer_needs_a_hash(found: str | None) -> None:
    done = load("sweep_service.lambdas.authorizer", SWEEP_TOKEN_SHA256=found)
    assert done.returncode != 0
    assert "environment variable SWEEP_TOKEN_SHA256" in done.stderr
