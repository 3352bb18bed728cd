"""``sweep-sdk local`` is killed repeatedly while it handles requests."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from agents import await_true
from fleet import Fleet, config
from servers import Server, server_at
from sizes import size

from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._backend.retry import RetryPolicy
from sweep_sdk._backend.transport import Response, Transport
from sweep_sdk._settings import load_settings
from sweep_service.storage.sqlite.store import SqliteStore

N_KILLS = size(5, 50)
N_AGENTS = 4
PATIENT = RetryPolicy(
    attempts=None,
    deadline_seconds=600.0,
    first_delay_seconds=0.02,
    longest_delay_seconds=0.2,
)


class CountingTransport:
    """A transport that counts.

    Attributes:
        n_answered: Requests that were answered.
        is_waiting: Whether a request is on its way.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.is_local, self.place = transport.is_local, transport.place
        self.n_answered = 0
        self.is_waiting = False

    def request(self, *request: object) -> Response:
        self.is_waiting = True
        try:
            answer = self._transport.request(*request)  # type: ignore[arg-type]
        finally:
            self.is_waiting = False
        self.n_answered += 1
        return answer

    def renew_credential(self) -> bool:
        """A server that starts again has another token."""
        return self._transport.renew_credential()

    def close(self) -> None:
        self._transport.close()


def counting_client(server: Server, home: Path) -> tuple[Client, CountingTransport]:
    settings = load_settings({"SWEEP_URL": server.url, "SWEEP_HOME": str(home)})
    client = open_client(settings).with_retries(PATIENT)
    counting = CountingTransport(client.transport)
    return replace(client, transport=counting), counting


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    with server_at(tmp_path) as server, ExitStack() as stack:
        pairs = [counting_client(server, tmp_path) for _ in range(N_AGENTS)]
        clients = [stack.enter_context(client) for client, _ in pairs]
        sweep = clients[0].create_sweep(config("random", 10**6))["id"]
        fleets = [Fleet(client, sweep) for client in clients]
        is_over = threading.Event()
        with ThreadPoolExecutor(N_AGENTS) as pool:
            works = [
                pool.submit(fleet.work, random.Random(n), 1, is_over)
                for n, fleet in enumerate(fleets)
            ]
            try:
                n_cut = kill_again_and_again(server, [counting for _, counting in pairs])
            finally:
                is_over.set()
            for work in works:
                work.result()
        with SqliteStore(tmp_path / "sweeps.db") as store:
            n_runs = store.get_status(sweep).next_index
        clients[0].change_sweep(sweep, run_cap=n_runs)
        fleets[0].work(random.Random(0), 1)  # fills the holes
        whole = sum(fleets, start=Fleet(clients[0], sweep))
        whole.check(n_runs)
    with closing(sqlite3.connect(tmp_path / "sweeps.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    n_rows = sum(map(len, whole.reported.values()))
    print(
        f"\nserver killed {N_KILLS} times, with {n_cut} requests on their way: {n_runs} runs,"
        f" {n_rows} acknowledged rows, all there"
    )


def kill_again_and_again(server: Server, transports: list[CountingTransport]) -> int:
    """How many requests were on their way when the server died."""
    rng, n_cut = random.Random(4), 0

    def n_answered() -> int:
        return sum(transport.n_answered for transport in transports)

    for _ in range(N_KILLS):
        wanted = n_answered() + rng.randrange(1, 40)
        await_true(lambda: n_answered() >= wanted)  # noqa: B023  called at once
        time.sleep(rng.uniform(0.0, 0.01))
        n_cut += sum(transport.is_waiting for transport in transports)
        server.kill()
        server.start()
    return n_cut
