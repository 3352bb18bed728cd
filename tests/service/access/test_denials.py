"""The gateway refuses every request that must be refused, also behind an API Gateway."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from denials import Answer, Denial, House, denials
from emulated_gateway import EmulatedGateway
from sweep_service import gateway
from sweep_service.access.authenticator import Authenticator
from sweep_service.access.tokens import sha256_of
from sweep_service.errors import Unauthorized
from sweep_service.operations.services import Services
from sweep_service.storage.sqlite.store import SqliteStore

FIRST = "the first admin's token"


class Clock:
    """The time of day, which can be moved on."""

    def __init__(self) -> None:
        import time

        self.ahead, self.time = 0.0, time.time

    def __call__(self) -> float:
        return self.time() + self.ahead


@contextmanager
def by_call(services: Services) -> Iterator[Any]:
    authenticator = Authenticator(sha256_of(FIRST), lambda: services.store, services.clock)

    def send(method: str, path: str, header: str | None, body: Any, key: str) -> Answer:
        try:
            identity = authenticator.identify(header)
        except Unauthorized:
            identity = None
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"Idempotency-Key": key}
        answer = gateway.handle(services, method, path, {}, headers, raw, identity=identity)
        return answer.status, json.loads(answer.body) if answer.body else None

    yield send


@contextmanager
def by_gateway(services: Services) -> Iterator[Any]:
    with EmulatedGateway(services, FIRST) as running, requests.Session() as session:
        session.trust_env = False

        def send(
            method: str, path: str, header: str | None, body: Any, key: str
        ) -> tuple[int, Any]:
            headers = {"Idempotency-Key": key}
            headers |= {} if header is None else {"Authorization": header}
            answer = session.request(method, running.url + path, headers=headers, json=body)
            return answer.status_code, answer.json() if answer.content else None

        yield send


@pytest.fixture(scope="module", params=[by_call, by_gateway], ids=["by call", "API Gateway"])
def house(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("denials")
    clock = Clock()
    with SqliteStore(folder / "sweeps.db") as store:
        services = Services(store=store, clock=clock, rng=random.Random(7))
        with request.param(services) as send:
            house = House(send, FIRST)
            clock.ahead = 2.0  # what was to expire has
            yield house
            assert house.is_intact()


@pytest.mark.parametrize("denial", denials(), ids=str)
def test_it_is_refused(house: House, denial: Denial) -> None:
    house.check(denial)


def test_health_alone_is_public(house: House) -> None:
    for header in (None, "Bearer nonsense"):
        assert house.send("GET", "/v1/health", header, None, "a key")[0] == 200


def test_nothing_was_changed_by_all_of_them(house: House) -> None:
    for denial in denials():
        house.check(denial)
    assert house.is_intact()
