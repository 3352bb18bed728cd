"""Agents are killed repeatedly while their programs run.

Half of them are neighbours, who find a dead agent's run at once; the other half have data folders
of their own, as if on other machines, so that their runs come back by their leases.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from agents import PATIENCE_SECONDS, Agent, await_true, register
from sizes import size

from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._settings import load_settings
from sweep_service.protocol.leases import MAX_ATTEMPTS
from sweep_service.storage.sqlite.store import SqliteStore

N_KILLS = size(8, 200)
N_AGENTS = 4
LEASE_SECONDS = GRACE_SECONDS = 2
N_ROWS = 6
#: Left alone by its agent it would go on for long, as trainings do.
PROGRAM = f"""
    import fcntl
    agent = os.getppid()
    folder = os.environ["SWEEP_RUN_DIR"]
    alone = open(os.path.join(folder, "alone.lock"), "w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        open(os.path.join(folder, "two at once"), "w").close()
        sys.exit(1)
    for step in range({N_ROWS}):
        log(loss=step)
        time.sleep(0.06 if os.getppid() == agent else 60)
"""


@pytest.fixture
def client(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """One database and one folder of runs, for agents with several homes."""
    monkeypatch.setenv("SWEEP_LOCAL_DB", str(place / "sweeps.db"))
    monkeypatch.setenv("SWEEP_RUNS_DIR", str(place / "runs"))
    with open_client() as opened:
        yield opened


def test_every_orphan_is_taken_over_once(client: Client, place: Path) -> None:
    rng = random.Random(6)
    sweep = register(client, PROGRAM, 10**6, lease_seconds=LEASE_SECONDS)
    events: list[dict[str, Any]] = []
    homes = home_names(place)
    agents = [Agent(sweep, events, {"SWEEP_HOME": next(homes)}) for _ in range(N_AGENTS)]
    killed: list[tuple[str, float]] = []
    try:
        for _ in range(N_KILLS):
            at = rng.randrange(N_AGENTS)
            await_true(lambda: agents[at].open_run is not None)  # noqa: B023  called at once
            time.sleep(rng.uniform(0.0, 0.3))  # anywhere in a run
            agents[at].kill()
            orphan = agents[at].open_run
            if orphan is not None:
                killed.append((orphan, time.monotonic()))
            agents[at] = Agent(sweep, events, {"SWEEP_HOME": next(homes)})
        let_it_end(client, sweep)
        codes = [agent.await_end() for agent in agents]
    finally:
        for agent in agents:
            agent.process.kill()
    assert codes == [0] * N_AGENTS
    runs = [client.get_run(run["id"]) for run in client.list_runs(sweep)]
    assert [run["index"] for run in runs] == list(range(len(runs)))
    started = Counter((e["run"], e["attempt"]) for e in events if e["event"] == "RunStarted")
    assert max(started.values()) == 1, started.most_common(3)
    for run in runs:
        judge_attempts(run, {attempt for name, attempt in started if name == run["id"]})
        judge_rows(client, run)
    n_acknowledged = judge_acknowledged(client, events)
    assert not list((place / "runs").rglob("two at once")), "two programs of one run"
    with closing(sqlite3.connect(place / "sweeps.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    waits = [wait for run, at in killed if (wait := seconds_until_start(run, at, events))]
    assert waits, "no orphan was taken over"
    assert max(waits) < LEASE_SECONDS + GRACE_SECONDS + PATIENCE_SECONDS
    states = Counter(attempt["state"] for run in runs for attempt in run["attempts"])
    print(
        f"\nagents killed {N_KILLS} times, {len(killed)} times in a run: {len(runs)} runs ended,"
        f" attempts before the last {dict(states)}, {n_acknowledged} acknowledged rows, all there;"
        f" {len(waits)} orphans waited {sorted(waits)[len(waits) // 2]:.1f} s (median),"
        f" {max(waits):.1f} s (longest) with leases and grace of {LEASE_SECONDS} s"
    )


def home_names(folder: Path) -> Iterator[str]:
    """Every second agent is a neighbour of the others, every second is alone in the world."""
    for number in itertools.count():
        yield str(folder / ("home" if number % 2 else f"home-{number}"))


def let_it_end(client: Client, sweep: str) -> None:
    """No more runs than were handed out, and one more for each agent."""
    client.change_sweep(sweep, state="paused")  # so that nobody asks between a look and the change
    with SqliteStore(load_settings().local_db) as store:
        n_runs = store.get_status(sweep).next_index
    client.change_sweep(sweep, run_cap=n_runs + N_AGENTS)
    client.change_sweep(sweep, state="running")


def judge_attempts(run: dict[str, Any], started: set[int]) -> None:
    """Every attempt that an agent began was the last, or its end is on record; in order."""
    earlier = [attempt["attempt"] for attempt in run["attempts"]]
    assert earlier == sorted(set(earlier))
    assert started <= {*earlier, run["attempt"]}
    n_lost = sum(attempt["state"] == "crashed" for attempt in run["attempts"])
    assert run["state"] == "finished" or (
        run["state"] == "crashed" and n_lost == MAX_ATTEMPTS - 1
    ), run


def judge_rows(client: Client, run: dict[str, Any]) -> None:
    """Each attempt's rows are there once and in order, and all those of a finished one."""
    rows = rows_by_attempt(client, run["id"])
    for attempt, values in rows.items():
        assert values == list(range(len(values))), (run["id"], attempt)
    assert run["state"] == "crashed" or len(rows[run["attempt"]]) == N_ROWS


def judge_acknowledged(client: Client, events: list[dict[str, Any]]) -> int:
    """What the backend has acknowledged to anybody is there; how many rows that are."""
    acknowledged: dict[tuple[str, int], int] = {}
    for event in events:
        if event["event"] == "Acknowledged":
            attempt = event["run"], event["attempt"]
            acknowledged[attempt] = max(acknowledged.get(attempt, 0), event["n_rows"])
    for (run, attempt), n_rows in acknowledged.items():
        assert len(rows_by_attempt(client, run)[attempt]) >= n_rows, (run, attempt)
    return sum(acknowledged.values())


def rows_by_attempt(client: Client, run: str) -> dict[int, list[float]]:
    rows: dict[int, list[float]] = {}
    for row in client.history(run):
        rows.setdefault(row["attempt"], []).append(row["metrics"]["loss"])
    return rows


def seconds_until_start(run: str, since: float, events: list[dict[str, Any]]) -> float | None:
    """Until a run whose agent was killed began again; None if it had ended after all."""
    starts = [e["seen_at"] for e in events if e["event"] == "RunStarted" and e["run"] == run]
    return next((at - since for at in starts if at > since), None)
