"""The client with the real backend in this process, over a network that fails on command."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable
from sweep_sdk._process import notices as _notices
from sweep_sdk._settings import load_settings
from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.gateway import handle


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Network:
    """A transport to a backend.

    ``fail`` is asked before each request: an exception is raised instead of sending it;
    ``lose`` is asked after it was handled: an exception is raised instead of the answer.
    ``renew`` is called for another credential, and says whether there is one.
    """

    services: Any
    is_local: bool = True
    place: str = "the test's backend"
    requests: list[Request] = field(default_factory=list)
    fail: Callable[[Request], Exception | Response | None] = lambda _: None
    lose: Callable[[Request], Exception | None] = lambda _: None
    renew: Callable[[], bool] = lambda: False

    def request(self, method, path, query, headers, body, timeout_seconds):
        request = Request(method, path, dict(query), dict(headers), body)
        self.requests.append(request)
        failure = self.fail(request)
        if isinstance(failure, Response):
            return failure
        if failure is not None:
            raise failure
        answer = handle(self.services, method, path, query, headers, body, identity=LOCAL_ADMIN)
        failure = self.lose(request)
        if failure is not None:
            raise failure
        return Response(answer.status, answer.headers, answer.body)

    def renew_credential(self):
        return self.renew()

    def close(self):
        pass

    def sent(self, ending: str) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(ending)]

    def go_away(self):
        self.fail = lambda _: BackendUnavailable("no connection to the test's backend")

    def come_back(self):
        self.fail = lambda _: None


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    """What earlier tests have said counts for neither "once" nor "no more than this"."""
    monkeypatch.setattr(_notices.notify, "_said", set())


@pytest.fixture
def network(backend):
    return Network(backend.services)


@pytest.fixture
def client(network, clock):
    """A client whose sleeps move the fake clock, and whose jitter is the longest there is."""
    retrier = Retrier(RetryPolicy(), clock=clock, sleep=clock.advance, uniform=lambda _, most: most)
    return Client(network, retrier)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An environment without settings, but for a data folder of its own."""
    for name in [name for name in os.environ if name.startswith("SWEEP_")]:
        monkeypatch.delenv(name)
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SWEEP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def settings(home):
    return load_settings()


@pytest.fixture
def sweep(backend):
    """A grid of three points."""
    return backend.create(
        {
            "method": "grid",
            "metric": {"name": "loss"},
            "program": "train.py",
            "parameters": {"lr": {"values": [0.1, 0.2, 0.3]}},
        }
    )


@pytest.fixture
def notices():
    """Collects what it is called with."""

    class Notices(list):
        def __call__(self, message):
            self.append(message)

    return Notices()
