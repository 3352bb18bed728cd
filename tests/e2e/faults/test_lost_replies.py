"""Replies lost after a write cause neither loss nor duplicates nor false errors."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fleet import Clock, Fleet, config
from lossy import GatewayTransport, LossyStore, LostReplies, lost_answers
from sizes import size
from store_kinds import KINDS, StoreKind

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_service.model.records.states import RunState
from sweep_service.operations.services import Services
from sweep_service.storage.sqlite.store import SqliteStore
from sweep_service.wire.runs import Ending

SHARE = 0.2
METHODS = {"grid": size(300, 1000), "random": size(300, 1000), "bayes": size(30, 1000)}
DYNAMODB = [kind for kind in KINDS if kind.name != "sqlite"]
N_RUNS_OF = {"moto": size(10, 50), "wire": size(10, 1000)}
PATIENT = RetryPolicy(attempts=50, deadline_seconds=1e9)


@pytest.mark.parametrize("method", METHODS)
def test_lost_replies_of_the_store_and_of_the_backend(tmp_path: Path, method: str) -> None:
    rng, clock, n_runs = random.Random(1), Clock(), METHODS[method]
    with SqliteStore(tmp_path / "sweeps.db") as sqlite:
        store = LossyStore(sqlite, rng, SHARE)
        services = Services(store=store, clock=clock, rng=rng)
        transport = GatewayTransport(services, lost_answers(rng, SHARE))
        retrier = Retrier(PATIENT, clock=clock, sleep=clock.sleep, uniform=rng.uniform)
        client = Client(transport, retrier)
        fleet = Fleet(client, client.create_sweep(config(method, n_runs))["id"])
        fleet.work(rng, n_agents=8)
        fleet.check(n_runs)
    print(
        f"\n{method}: {n_runs} runs, {store.n_lost} of {store.n_calls} replies of the store lost,"
        f" {transport.n_requests} requests; 0 holes, 0 duplicates, 0 false errors"
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", DYNAMODB, ids=lambda kind: kind.name)
def test_lost_replies_of_dynamodb(tmp_path: Path, kind: StoreKind, method: str) -> None:
    rng, clock, n_runs = random.Random(3), Clock(), N_RUNS_OF[kind.name]
    with kind.place(tmp_path) as address, kind.open(address) as store:
        lost = LostReplies(store, rng, SHARE)
        transport = GatewayTransport(Services(store, clock, rng), lost_answers(rng, SHARE))
        client = Client(
            transport, Retrier(PATIENT, clock=clock, sleep=clock.sleep, uniform=rng.uniform)
        )
        fleet = Fleet(client, client.create_sweep(config(method, n_runs))["id"])
        fleet.work(rng, n_agents=8)
        fleet.check(n_runs)
    print(
        f"\n{method} on DynamoDB ({kind.name}): {n_runs} runs, {lost.n_lost} of {lost.n_calls}"
        f" replies lost, {transport.n_requests} requests; 0 holes, 0 duplicates, 0 false errors"
    )


def test_holes_of_a_bayes_sweep_know_of_each_other(tmp_path: Path) -> None:
    """Filled at the same time, at the end, they would all be given the one best point."""
    rng, clock, n_holes = random.Random(1), Clock(), 5
    with SqliteStore(tmp_path / "sweeps.db") as store:
        client = Client(GatewayTransport(Services(store, clock, rng), lambda: lambda: None))
        sweep = client.create_sweep(config("bayes", 12 + n_holes))["id"]
        for _ in range(n_holes):
            store.claim_index(sweep)  # an ask that died after its first write
        for number in range(12):
            run = client.ask(sweep, f"ask-key-{number}", "agent")
            loss = run.config["x"]  # best at the edge, where the model is sure to look
            ending = Ending(1, RunState.FINISHED, summary={"loss": loss})
            client.finish(run.id, ending)
        filled = [client.ask(sweep, f"hole-key-{number}", "agent") for number in range(n_holes)]
        assert len({run.config["x"] for run in filled}) == n_holes
        assert all(lease.unit is not None for lease in store.list_leases(sweep))
