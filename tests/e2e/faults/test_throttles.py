"""A backend with throttling, outages, unexpected errors and slow answers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fleet import Clock, Fleet, config
from lossy import GatewayTransport, TroubledStore, trouble_in
from sizes import size

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_service.operations.services import Services
from sweep_service.storage.sqlite.store import SqliteStore

SHARE = 0.3
METHODS = {"grid": size(100, 1000), "random": size(100, 1000), "bayes": size(20, 200)}
#: As agents have it for the end of a run.
POLICY = RetryPolicy(attempts=None, deadline_seconds=900.0)


@pytest.mark.parametrize("method", METHODS)
def test_every_run_finishes_and_tries_are_bounded(tmp_path: Path, method: str) -> None:
    rng, clock, n_runs = random.Random(2), Clock(), METHODS[method]
    with SqliteStore(tmp_path / "sweeps.db") as sqlite:
        store = TroubledStore(sqlite)
        services = Services(store=store, clock=clock, rng=rng)
        transport = GatewayTransport(services, trouble_in(store, rng, SHARE, clock.sleep))
        retrier = Retrier(POLICY, clock=clock, sleep=clock.sleep, uniform=rng.uniform)
        client = Client(transport, retrier)
        fleet = Fleet(client, client.create_sweep(config(method, n_runs))["id"])
        fleet.work(rng, n_agents=4)
        n_requests, statuses = transport.n_requests, transport.statuses.copy()
        fleet.check(n_runs)
    failed = {status: n for status, n in statuses.items() if status >= 429}
    assert set(failed) == {429, 500, 503}
    assert sum(failed.values()) < SHARE * n_requests, (
        "retries have made more trouble than there was"
    )
    assert transport.longest_series <= 12
    print(
        f"\n{method}: {n_runs} runs, {n_requests} requests, failed {failed}, at most"
        f" {transport.longest_series} failures in a row, {clock.now - 1e6:.0f} s of waiting"
    )
