"""Requests before they reach the adapter: credentials, telemetry and bodies AWS rejects."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from wandb_client import GRID, WandbClient

from emulated_gateway import EmulatedGateway
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_service.access.tokens import token_text
from sweep_service.gateway import handle

TOKEN = token_text(bytes(32))
BASIC = f"Basic {base64.b64encode(f'api:{TOKEN}'.encode()).decode()}"
STREAM = "/files/sweeps/p/{run}/file_stream"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = BASIC
        yield session


@pytest.fixture
def local(tmp_path: Any) -> Iterator[str]:
    transport = InProcessTransport(tmp_path / "local.db")
    with LocalServer(transport, token=TOKEN) as server:
        yield server.url


@pytest.fixture
def deployed(backend: Any) -> Iterator[str]:
    with EmulatedGateway(backend.services, TOKEN) as running:
        yield running.url


@pytest.fixture(params=["local", "deployed"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def ask(session: requests.Session, url: str, operation: str, **variables: Any) -> Any:
    body = {"query": f"query {operation} {{x}}", "variables": variables}
    answer = session.post(f"{url}/graphql", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def begin(session: requests.Session, url: str) -> str:
    sweep = ask(session, url, "UpsertSweep", config=json.dumps(GRID))["upsertSweep"]["sweep"]
    agent = ask(session, url, "CreateAgent", sweep=sweep["name"])["createAgent"]["agent"]
    heartbeat = ask(session, url, "Heartbeat", id=agent["id"], runState="{}")["agentHeartbeat"]
    run: str = json.loads(heartbeat["commands"])[0]["run_id"]
    ask(session, url, "UpsertBucket", name=run)
    return run


def stream_of(n_bytes: int) -> str:
    """The body of a stream of about this size, of rows with many metrics."""
    row = {f"metric-{n:04}": 0.125 for n in range(5_000)}
    line = json.dumps({**row, "loss": 1.0, "_step": 0})
    lines = [line] * (n_bytes // len(json.dumps(line)) + 1)
    return json.dumps({"files": {"wandb-history.jsonl": {"offset": 0, "content": lines}}})


def test_an_api_key_is_a_token(session: requests.Session, url: str) -> None:
    assert begin(session, url).endswith("-0")
    session.headers["Authorization"] = BASIC[:-4]
    assert session.post(f"{url}/graphql", json={"query": "{viewer{id}}"}).status_code in (401, 403)


def test_telemetry_comes_without_a_credential_and_is_not_found(url: str) -> None:
    """Any other answer has the client print a warning."""
    for path in ("/sdk/otel/v1/metrics", "/sdk/otel/v1/traces"):
        assert requests.post(f"{url}{path}", data=b"x").status_code == 404


def test_the_gateway_itself_does_not_ask_for_a_credential_there(wandb: WandbClient) -> None:
    services = wandb.backend.services
    assert handle(services, "POST", "/sdk/otel/v1/metrics", {}, {}, b"x").status == 404


def test_lambda_takes_six_megabytes(session: requests.Session, deployed: str) -> None:
    path = deployed + STREAM.format(run=begin(session, deployed))
    assert session.post(path, data=stream_of(2_000_000)).json() == {}
    assert session.post(path, data=stream_of(6_500_000)).status_code == 413


def test_the_local_server_takes_the_largest_body_of_a_client(
    session: requests.Session, local: str
) -> None:
    path = local + STREAM.format(run=begin(session, local))
    assert session.post(path, data=stream_of(11_000_000)).json() == {}
