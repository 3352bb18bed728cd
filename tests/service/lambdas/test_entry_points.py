"""Entry points loaded as by Lambda: a fresh interpreter and the template's environment."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweep_service.access.identity import (
    FIRST_ADMIN,
    from_gateway_event,
    to_authorizer_context,
)
from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import Token, sha256_of, token_text
from sweep_service.storage.sqlite.store import SqliteStore

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


def reported(done: subprocess.CompletedProcess[str]) -> Any:
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
    assert reported(load("sweep_service.lambdas.api", code)) == [200, False]


def test_a_function_without_its_table_says_so() -> None:
    done = load("sweep_service.lambdas.api", SWEEP_TABLE=None)
    assert done.returncode != 0
    assert "SWEEP_TABLE is not set" in done.stderr


@pytest.fixture
def authorizer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The handler, over an SQLite store in the place of the table."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "sweep_service.lambdas.authorizer", raising=False)
    from sweep_service.lambdas import authorizer as module

    with SqliteStore(tmp_path / "sweeps.db") as store:
        monkeypatch.setattr(module._AUTHENTICATOR, "_open_store", lambda: store)
        yield module.handler, store


BASIC = f"Basic {base64.b64encode(f'api:{TOKEN}'.encode()).decode()}"


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer  {TOKEN} ", BASIC])
def test_the_authorizer_accepts_the_first_admins_token(authorizer: Any, header: str) -> None:
    handler, _ = authorizer
    assert handler({"headers": {"authorization": header}}, None) == {
        "isAuthorized": True,
        "context": to_authorizer_context(FIRST_ADMIN),
    }


@pytest.mark.parametrize(
    "header",
    [f"Bearer {TOKEN}x", "Bearer ", "Bearer", TOKEN, f"Basic {TOKEN}", "Bearer é\ud800", None],
)
def test_the_authorizer_refuses_all_else(authorizer: Any, header: str | None) -> None:
    handler, _ = authorizer
    headers = {} if header is None else {"authorization": header}
    assert handler({"headers": headers}, None) == {"isAuthorized": False}


def test_the_authorizer_says_what_a_stored_token_allows(authorizer: Any) -> None:
    handler, store = authorizer
    text = token_text(b"0" * 32)
    event = {"headers": {"authorization": f"Bearer {text}"}}
    assert handler(event, None) == {"isAuthorized": False}
    token = Token(sha256_of(text), "slurm", Scope.AGENT, "k3v9x2ab", 1.0, "ann")
    stored = store.save("", None, token)
    found = handler(event, None)
    assert found["isAuthorized"] is True
    assert from_gateway_event({"lambda": found["context"]}) == token.identity
    used = store.get_token(token.sha256)
    store.save("", used, replace(used, revoked_at=2.0))
    assert stored.last_used_at is None
    assert used.last_used_at is not None
    assert handler(event, None) == {"isAuthorized": False}


def test_the_authorizer_starts_with_the_standard_library_alone() -> None:
    code = f"""
before = set(sys.modules)
event = {{"headers": {{"authorization": "Bearer {TOKEN}"}}}}
assert handler(event, None)["isAuthorized"]
refused = {{"headers": {{"authorization": "Bearer another"}}}}
assert not handler(refused, None)["isAuthorized"]
ours = sorted(n for n in sys.modules if n.split(".")[0] == "sweep_service")
others = {{n.split(".")[0] for n in sys.modules}} - sys.stdlib_module_names - {{"sweep_service"}}
print(json.dumps([ours, sorted(others)]))
"""
    ours, others = reported(load("sweep_service.lambdas.authorizer", code))
    plain = reported(load_nothing())
    assert set(others) <= set(plain)
    assert set(ours) == {
        "sweep_service",
        "sweep_service.access",
        "sweep_service.access.authenticator",
        "sweep_service.access.identity",
        "sweep_service.access.scopes",
        "sweep_service.access.tokens",
        "sweep_service.errors",
        "sweep_service.lambdas",
        "sweep_service.lambdas.authorizer",
        "sweep_service.settings",
    }


def load_nothing() -> subprocess.CompletedProcess[str]:
    """The modules beside the standard library that this environment's interpreter starts with."""
    code = "import json, sys; names = {n.split('.')[0] for n in sys.modules}"
    code += "; print(json.dumps(sorted(names - sys.stdlib_module_names)))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("found", [None, "", "0" * 63, "G" * 64, "A" * 64, EMPTY])
def test_the_authorizer_needs_a_hash(found: str | None) -> None:
    done = load("sweep_service.lambdas.authorizer", SWEEP_TOKEN_SHA256=found)
    assert done.returncode != 0
    assert "environment variable SWEEP_TOKEN_SHA256" in done.stderr
