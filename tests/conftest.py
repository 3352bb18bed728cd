"""Fixtures shared by the whole test suite."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from slow import is_slow_name, is_slow_path
from sweep_service.access.identity import LOCAL_ADMIN, Identity
from sweep_service.gateway import handle
from sweep_service.operations.services import Services
from sweep_service.storage.sqlite.store import SqliteStore

# Before numpy is loaded: threads that share a small matrix wait for each other, and busily.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# A suite started in the background or by nohup inherits signals that are ignored, and so would
# its programs.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_name, signal.SIG_DFL)

# Every session of botocore parses the descriptions of all services again; here they share them.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

# No property is judged by the clock. `make test-fast` tries each with fewer examples.
_TOO_MUCH = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("untimed", deadline=None, suppress_health_check=_TOO_MUCH)
settings.register_profile("fast", settings.get_profile("untimed"), max_examples=10)
settings.register_profile("full", settings.get_profile("untimed"), max_examples=5000)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    """Servers keep their tokens in a folder of the test's, and the user has no W&B account."""
    folder = tempfile.TemporaryDirectory(prefix="sweep-sdk-config-")
    config.add_cleanup(folder.cleanup)
    os.environ["XDG_CONFIG_HOME"] = folder.name
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        del os.environ[name]
    os.environ["NETRC"] = os.path.join(folder.name, "netrc")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even read the files that `make test-fast` leaves out."""
    is_fast = config.getoption("markexpr") == "not slow"
    return True if is_fast and is_slow_path(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make test-fast` leaves out."""
    for item in items:
        if is_slow_path(item.path) or is_slow_name(item.name):
            item.add_marker(pytest.mark.slow)


@dataclass
class FakeClock:
    """A clock that moves only when it is advanced."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Answer:
    """A decoded response of the gateway."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Backend:
    """The backend as its clients see it, over a store of its own and a fake clock."""

    services: Services
    clock: FakeClock
    keys: Any = field(default_factory=lambda: iter(range(10**9)))
    identity: Identity | None = LOCAL_ADMIN

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        query: dict[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        headers = {} if key is None else {"idempotency-key": key}
        response = handle(
            self.services, method, path, query or {}, headers, raw, identity=self.identity
        )
        decoded = json.loads(response.body) if response.body else None
        return Answer(response.status, response.headers, decoded)

    def create(self, config: dict[str, Any] | str, **fields: Any) -> str:
        form = {"yaml": config} if isinstance(config, str) else {"config": config}
        answer = self.call("POST", "/v1/sweeps", {**form, **fields})
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    def ask(self, sweep: str, key: str | None = None, agent: str = "agent") -> Answer:
        key = key or f"ask-key-{next(self.keys)}"
        return self.call("POST", f"/v1/sweeps/{sweep}/runs", {"agent": agent, "host": "h"}, key=key)

    def report(self, run: str, attempt: int, offset: int, *metrics: dict[str, Any]) -> Answer:
        rows = [{"step": offset + n, "at": 1.5, "metrics": row} for n, row in enumerate(metrics)]
        body = {"attempt": attempt, "offset": offset, "rows": rows}
        return self.call("POST", f"{self._path(run)}/reports", body)

    def preempt(self, run: str, attempt: int) -> Answer:
        body = {"attempt": attempt, "offset": 0, "rows": [], "preempting": True}
        return self.call("POST", f"{self._path(run)}/reports", body)

    def finish(self, run: str, attempt: int = 1, state: str = "finished", **fields: Any) -> Answer:
        body = {"attempt": attempt, "state": state, **fields}
        return self.call("POST", f"{self._path(run)}/finish", body)

    def get(self, sweep: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/sweeps/{sweep}")
        assert answer.status == 200, answer.body
        return dict(answer.body)

    def run(self, run: str) -> dict[str, Any]:
        answer = self.call("GET", self._path(run))
        assert answer.status == 200, answer.body
        return dict(answer.body)

    def runs(self, sweep: str) -> list[dict[str, Any]]:
        items, query = [], {}
        while True:
            page = self.call("GET", f"/v1/sweeps/{sweep}/runs", query=query).body
            items += page["items"]
            if page["next"] is None:
                return items
            query = {"cursor": page["next"]}

    @staticmethod
    def _path(run: str) -> str:
        return f"/v1/sweeps/{run.split('-')[0]}/runs/{run}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend(tmp_path: Path, clock: FakeClock) -> Any:
    store = SqliteStore(tmp_path / "sweeps.db")
    yield Backend(Services(store=store, clock=clock, rng=random.Random(7)), clock)
    store.close()
