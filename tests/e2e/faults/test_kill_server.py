"""``sweep-sdk local`` is killed in the middle of requests, again and again."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from fleet import Fleet, config
from sizes import size

from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._backend.retry import RetryPolicy
from sweep_sdk._settings import load_settings
from sweep_service.storage.sqlite import SqliteStore

N_KILLS = size(4, 50)
N_AGENTS = 4
PATIENT = RetryPolicy(
    attempts=None,
    deadline_seconds=120.0,
    first_delay_seconds=0.02,
    longest_delay_seconds=0.2,
)


class Server:
    """The local server over the database of ``home``; on its first port for ever."""

    def __init__(self, home: Path) -> None:
        self._env = {**os.environ, "SWEEP_HOME": str(home)}
        self._env.pop("SWEEP_URL", None)
        self._port = "0"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "sweep_sdk.cli", "local", "--json", "--port", self._port]
        self.process = subprocess.Popen(command, env=self._env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        self._port = self.url.rpartition(":")[2]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def server_at(home: Path) -> Iterator[Server]:
    server = Server(home)
    try:
        yield server
    finally:
        server.kill()


def client_of(server: Server, home: Path) -> Client:
    settings = load_settings({"SWEEP_URL": server.url, "SWEEP_HOME": str(home)})
    return open_client(settings).with_retries(PATIENT)


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    rng = random.Random(4)
    with server_at(tmp_path) as server, ExitStack() as stack:
        clients = [stack.enter_context(client_of(server, tmp_path)) for _ in range(N_AGENTS)]
        sweep = clients[0].create_sweep(config("random", 10**6))["id"]
        fleets = [Fleet(client, sweep) for client in clients]
        is_over = threading.Event()
        with ThreadPoolExecutor(N_AGENTS) as pool:
            works = [
                pool.submit(fleet.work, random.Random(n), 1, is_over)
                for n, fleet in enumerate(fleets)
            ]
            try:
                for _ in range(N_KILLS):
                    time.sleep(rng.uniform(0.02, 0.2))
                    server.kill()
                    server.start()
            finally:
                is_over.set()
            for work in works:
                work.result()
        with SqliteStore(tmp_path / "sweeps.db") as store:
            n_runs = store.get_counter(sweep).next_index
        clients[0].change_sweep(sweep, run_cap=n_runs)
        fleets[0].work(rng, 1)  # fills the holes
        whole = sum(fleets, start=Fleet(clients[0], sweep))
        whole.check(n_runs)
    with closing(sqlite3.connect(tmp_path / "sweeps.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    n_rows = sum(map(len, whole.reported.values()))
    print(f"\nserver killed {N_KILLS} times: {n_runs} runs, {n_rows} acknowledged rows, all there")
