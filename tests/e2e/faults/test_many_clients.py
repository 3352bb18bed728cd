"""Many concurrent clients of one ``sweep-sdk local``."""

from __future__ import annotations

import http.client
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from servers import Server, server_at
from sizes import size

from sweep_sdk._backend.client import Client, new_key, open_client
from sweep_sdk._backend.retry import RetryPolicy
from sweep_sdk._exceptions import SweepEnded
from sweep_sdk._settings import load_settings
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, Wait

N_AGENTS, N_POINTS = size(40, 500), size(200, 5000)
N_IDLE, IDLE_SECONDS = size(100, 1000), size(0, 60)
PATIENT = RetryPolicy(attempts=None, deadline_seconds=600.0)


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Each connection is an open file."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if most == resource.RLIM_INFINITY else min(4096, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(usual, wanted), most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with server_at(tmp_path) as running:
        yield running


def work(client: Client, sweep: str) -> list[int]:
    """The indices of the runs that an agent got until the sweep ended."""
    indices: list[int] = []
    key = new_key()
    while True:
        try:
            answer = client.ask(sweep, key, "agent")
        except SweepEnded:
            return indices
        if isinstance(answer, Wait):
            time.sleep(answer.wait_seconds)
            continue
        client.finish(answer.id, Ending(answer.attempt, RunState.FINISHED))
        indices.append(answer.index)
        key = new_key()


def test_every_point_is_handed_out_once(server: Server, tmp_path: Path) -> None:
    settings = load_settings({"SWEEP_URL": server.url, "SWEEP_HOME": str(tmp_path / "client")})
    axis = {"min": 0, "max": 99}
    document = {"method": "grid", "run_cap": N_POINTS, "parameters": {"a": axis, "b": axis}}
    with ExitStack() as stack, ThreadPoolExecutor(N_AGENTS) as pool:
        opened = [stack.enter_context(open_client(settings)) for _ in range(N_AGENTS)]
        clients = [client.with_retries(PATIENT) for client in opened]
        sweep = clients[0].create_sweep(document)["id"]
        shares = list(pool.map(lambda client: work(client, sweep), clients))
    assert sorted(index for share in shares for index in share) == list(range(N_POINTS))


def test_idle_connections_stay_usable(server: Server, tmp_path: Path) -> None:
    settings = load_settings({"SWEEP_URL": server.url, "SWEEP_HOME": str(tmp_path / "client")})
    headers = {"Authorization": f"Bearer {settings.token}"}
    place = urlsplit(server.url)
    assert place.hostname is not None

    def status(connection: http.client.HTTPConnection) -> int:
        connection.request("GET", "/v1/sweeps", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    connections = [http.client.HTTPConnection(place.hostname, place.port) for _ in range(N_IDLE)]
    assert {status(connection) for connection in connections} == {200}
    held = [connection.sock for connection in connections]
    time.sleep(IDLE_SECONDS)
    assert {status(connection) for connection in connections} == {200}
    assert [connection.sock for connection in connections] == held
    for connection in connections:
        connection.close()
