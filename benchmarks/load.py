"""Load: many agents on one sweep through ``sweep-sdk local``, and long histories.

    python benchmarks/load.py [--agents 500] [--points 5000] [--bayes-runs 1000]

1. 500 simulated agents drain a grid of 5,000 points: every point exactly once, none lost (the run
   fails otherwise).
2. 64 simulated agents work through 1,000 runs of a bayes sweep.
3. 100,000 rows in one run, read page by page; 10,000 runs in one sweep, looked at from the
   command line.

Figures are those of the machine at that hour: server and agents share its processors.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from handout import check_exactly_once, drive
from sweep_sdk._backend.client import Client, new_key, open_client
from sweep_sdk._backend.retry import RetryPolicy
from sweep_sdk._exceptions import SweepEnded
from sweep_sdk._settings import load_settings
from sweep_service.model.records.records import Outcome, Run
from sweep_service.model.records.states import RunState
from sweep_service.storage.sqlite.store import SqliteStore
from sweep_service.wire.runs import Ending, Wait

N_PROCESSES = 4
N_BAYES_AGENTS = 64
N_ROWS, ROWS_A_REPORT = 100_000, 1_000
N_RUNS = 10_000
LIMIT_SECONDS = 2.0
PATIENT = RetryPolicy(attempts=None, deadline_seconds=900.0)  # as agents are


@dataclass(frozen=True)
class Server:
    """``sweep-sdk local`` and the environment of its clients."""

    process: subprocess.Popen[str]
    env: dict[str, str]

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def local_server(env: dict[str, str]) -> Iterator[Server]:
    command = [sys.executable, "-m", "sweep_sdk.cli", "local", "--port", "0", "--json"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        yield Server(process, {**env, "SWEEP_URL": url})
    finally:
        process.terminate()
        process.wait()


def be_agents(sweep: str, n_agents: int, name: str) -> None:
    """One process of simulated agents, as ``handout.drive`` starts them."""
    clients = [open_client().with_retries(PATIENT) for _ in range(n_agents)]
    for client in clients:
        client.health()
    print("ready", flush=True)
    sys.stdin.readline()
    started_at = time.time()
    with ThreadPoolExecutor(n_agents) as pool:
        parts = list(
            pool.map(lambda n: be_agent(clients[n], sweep, f"{name}.{n}"), range(n_agents))
        )
    result = {
        "indices": [index for indices, _ in parts for index in indices],
        "seconds": [seconds for _, part in parts for seconds in part],
        "started_at": started_at,
        "ended_at": time.time(),
    }
    print(json.dumps(result), flush=True)


class Stopwatch:
    """How long each of some calls took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def time(self, call: Callable[..., Any], *values: object) -> Any:
        begun_at = time.monotonic()
        try:
            return call(*values)
        finally:
            self.seconds.append(time.monotonic() - begun_at)


def be_agent(client: Client, sweep: str, name: str) -> tuple[list[int], list[float]]:
    """Ask and finish until the sweep has ended; the indices, and how long each request took."""
    indices: list[int] = []
    watch, key = Stopwatch(), new_key()
    while True:
        try:
            answer = watch.time(client.ask, sweep, key, name)
        except SweepEnded:
            return indices, watch.seconds
        if isinstance(answer, Wait):
            time.sleep(answer.wait_seconds)
            continue
        loss = sum((value - 0.3) ** 2 for value in answer.config.values())
        ending = Ending(answer.attempt, RunState.FINISHED, summary={"loss": loss}, key=answer.key)
        watch.time(client.finish, answer.id, ending)
        indices.append(answer.index)
        key = new_key()


def measure_agents(server: Server, document: dict[str, Any], n_agents: int, n_runs: int) -> None:
    with open_client(load_settings(server.env)) as client:
        sweep = client.create_sweep({**document, "run_cap": n_runs})["id"]
    shares = [len(range(n, n_agents, N_PROCESSES)) for n in range(N_PROCESSES)]
    command = [sys.executable, __file__, "--be-agents", sweep]
    cpu_before = server.cpu_seconds()
    results = drive([[*command, str(share), str(n)] for n, share in enumerate(shares)], server.env)
    cpu = server.cpu_seconds() - cpu_before
    check_exactly_once(results, n_runs)
    seconds = sorted(s for result in results for s in result["seconds"])
    started_at = min(result["started_at"] for result in results)
    wall = max(result["ended_at"] for result in results) - started_at
    centiles = statistics.quantiles(seconds, n=100)
    print(
        f"{document['method']}: {n_agents} agents, {n_runs} runs, each once, none lost:"
        f" {wall:.0f} s, {len(seconds) / wall:.0f} requests/s, p50 {centiles[49] * 1e3:.0f} ms,"
        f" p99 {centiles[98] * 1e3:.0f} ms, server CPU {cpu:.1f} s"
        f" ({1e3 * cpu / len(seconds):.1f} ms a request)",
        flush=True,
    )


def measure_history(env: dict[str, str]) -> None:
    with open_client(load_settings(env)) as client:
        config = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
        sweep = client.create_sweep(config)["id"]
        run = client.ask(sweep, new_key(), "load")
        assert not isinstance(run, Wait)
        begun_at = time.monotonic()
        for offset in range(0, N_ROWS, ROWS_A_REPORT):
            rows = [row(step) for step in range(offset, offset + ROWS_A_REPORT)]
            client.report(run.id, 1, offset, rows)
        written = time.monotonic() - begun_at
        memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun_at = time.monotonic()
        n_read = sum(1 for _ in client.history(run.id))
        read = time.monotonic() - begun_at
        begun_at = time.monotonic()
        n_thinned = len(client.thinned_history(run.id, 500).rows)
        thinned = time.monotonic() - begun_at
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before) / 1024
    if n_read != N_ROWS:
        raise SystemExit(f"{n_read} of {N_ROWS} rows were read")
    print(
        f"history: {N_ROWS:,} rows written in {written:.1f} s, read in {read:.1f} s, thinned to"
        f" {n_thinned} in {thinned:.1f} s; memory grew by {grown:.0f} MB",
        flush=True,
    )


def row(step: int) -> dict[str, Any]:
    return {"step": step, "at": 1.7e9 + step, "metrics": {"loss": 1.0 / (1 + step), "acc": 0.5}}


def measure_many_runs(env: dict[str, str]) -> bool:
    """Whether the command line answers in time on a sweep of 10,000 runs.

    Judged by the CPU seconds that it takes: a busy machine has no part in those.
    """
    settings = load_settings(env)
    with open_client(settings) as client:
        axes = {name: {"min": 0.0, "max": 1.0} for name in "abcdefgh"}
        config = {"method": "random", "metric": {"name": "loss"}, "parameters": axes}
        sweep = str(client.create_sweep(config)["id"])
    rng = random.Random(1)
    with SqliteStore(settings.local_db) as store:
        for index in range(N_RUNS):
            add_run(store, sweep, index, rng)
    is_quick = True
    for words in (["runs", sweep], ["show", sweep], ["best", sweep], ["show", f"{sweep}-777"]):
        begun_at, cpu_before = time.monotonic(), children_cpu_seconds()
        command = [sys.executable, "-m", "sweep_sdk.cli", *words]
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
        seconds, cpu = time.monotonic() - begun_at, children_cpu_seconds() - cpu_before
        is_quick = is_quick and cpu < LIMIT_SECONDS
        what = f"{words[0]} {'RUN' if '-' in words[1] else 'SWEEP'}"
        print(f"{N_RUNS:,} runs: {what:10} CPU {cpu:.2f} s, wall {seconds:.2f} s", flush=True)
    return is_quick


def children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def add_run(store: SqliteStore, sweep: str, index: int, rng: random.Random) -> None:
    store.claim_index(sweep)
    config = {name: rng.random() for name in "abcdefgh"}
    now = 1.7e9 + index
    run = Run(index, config, 1, 1, f"key-{index}", "load", "here", now, now)
    loss = rng.random()
    outcome = Outcome(RunState.FINISHED, now + 60, 0, summary={"loss": loss}, best=loss)
    store.save(sweep, None, replace(run, outcome=outcome))


def main() -> int:
    if sys.argv[1:2] == ["--be-agents"]:
        sweep, n_agents, name = sys.argv[2:]
        be_agents(sweep, int(n_agents), name)
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--agents", type=int, default=500)
    parser.add_argument("--points", type=int, default=5000)
    parser.add_argument("--bayes-runs", type=int, default=1000)
    args = parser.parse_args()
    axes = {"a": {"min": 0, "max": 9999}, "b": {"min": 0, "max": 9999}}
    ranges = {name: {"min": 0.0, "max": 1.0} for name in "abcdefgh"}
    bayes = {"method": "bayes", "metric": {"name": "loss"}, "parameters": ranges}
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "SWEEP_HOME": folder}
        env.pop("SWEEP_URL", None)
        with local_server(env) as server:
            grid = {"method": "grid", "parameters": axes}
            measure_agents(server, grid, args.agents, args.points)
            measure_agents(server, bayes, N_BAYES_AGENTS, args.bayes_runs)
        measure_history(env)
        is_quick = measure_many_runs(env)
    return 0 if is_quick else 1


if __name__ == "__main__":
    sys.exit(main())
