"""Agents are killed while their programs run, again and again.

Half of them are neighbours, who find a dead agent's run at once; the other half have data folders
of their own, as if on other machines, so that their runs come back by their leases.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sizes import size

from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._settings import load_settings

AGENT = Path(__file__).parents[1] / "agent_process.py"
OPTIONS = {"row_interval_seconds": 0.02, "report_interval_seconds": 0.3}
N_KILLS = size(5, 200)
N_RUNS = size(8, 200)
N_AGENTS = 4
LEASE_SECONDS = 2
N_ROWS = 6
PATIENCE_SECONDS = 60
PROGRAM = """
    import fcntl, json, os, sys, time
    folder = os.environ["SWEEP_RUN_DIR"]
    alone = open(os.path.join(folder, "alone.lock"), "w")
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        open(os.path.join(folder, "two at once"), "w").close()
        sys.exit(1)
    for step in range(%d):
        with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
            file.write(json.dumps({"loss": step}) + "\\n")
        time.sleep(0.06)
"""


class Agent:
    """A running agent.

    Attributes:
        events: What it has told so far; shared by all agents.
    """

    def __init__(self, sweep: str, home: Path, events: list[dict[str, Any]]) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, str(AGENT), sweep, json.dumps(OPTIONS)],
            env={**os.environ, "SWEEP_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._events = events
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.await_end()

    def await_end(self) -> int:
        code = self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self._events.append(json.loads(line))


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The local database, and programs that are found in the working directory."""
    for name in [name for name in os.environ if name.startswith("SWEEP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SWEEP_LOCAL_DB", str(tmp_path / "sweeps.db"))
    monkeypatch.setenv("SWEEP_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(textwrap.dedent(PROGRAM) % N_ROWS)
    with open_client(load_settings()) as opened:
        yield opened


def register(client: Client) -> str:
    document = {
        "method": "grid",
        "program": "train.py",
        "command": ["${interpreter}", "-S", "${program}"],
        "metric": {"name": "loss"},
        "lease_seconds": LEASE_SECONDS,
        "parameters": {"n": {"min": 0, "max": N_RUNS - 1}},
    }
    return str(client.create_sweep(document)["id"])


def test_every_orphan_is_taken_over_once(client: Client, tmp_path: Path) -> None:
    rng, sweep = random.Random(6), register(client)
    events: list[dict[str, Any]] = []
    homes = home_names(tmp_path)
    agents = [Agent(sweep, next(homes), events) for _ in range(N_AGENTS)]
    everybody = list(agents)
    try:
        for _ in range(N_KILLS):
            n_events = len(events) + rng.randrange(1, 5)
            await_true(lambda: len(events) >= n_events)  # noqa: B023  called at once
            place = rng.randrange(N_AGENTS)
            agents[place].kill()
            agents[place] = Agent(sweep, next(homes), events)
            everybody.append(agents[place])
        codes = [agent.await_end() for agent in agents]
    finally:
        for agent in agents:
            agent.process.kill()
    assert codes == [0] * N_AGENTS
    runs = [client.get_run(run["id"]) for run in client.list_runs(sweep)]
    assert len(runs) == N_RUNS
    started = Counter((e["run"], e["attempt"]) for e in events if e["event"] == "RunStarted")
    assert max(started.values()) == 1, started.most_common(3)
    for run in runs:
        judge_attempts(run, {attempt for name, attempt in started if name == run["id"]})
        judge_rows(client, run)
    n_confirmed = sum(judge_confirmed(client, agent.home) for agent in everybody)
    assert not list((tmp_path / "runs").rglob("two at once")), "two programs of one run"
    with closing(sqlite3.connect(tmp_path / "sweeps.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    told = Counter(attempt["state"] for run in runs for attempt in run["attempts"])
    print(
        f"\nagents killed {N_KILLS} times: {N_RUNS} runs ended, attempts before the last"
        f" {dict(told)}, {n_confirmed} confirmed rows of dead agents, all there"
    )


def home_names(folder: Path) -> Iterator[Path]:
    """Every second agent is a neighbour of the others, every second is alone in the world."""
    for number in itertools.count():
        yield folder / ("home" if number % 2 else f"home-{number}")


def judge_attempts(run: dict[str, Any], started: set[int]) -> None:
    """Every attempt that an agent began was the last, or its end is on record; in order."""
    earlier = [attempt["attempt"] for attempt in run["attempts"]]
    assert earlier == sorted(set(earlier))
    assert started <= {*earlier, run["attempt"]}
    lost = [attempt for attempt in run["attempts"] if attempt["state"] == "crashed"]
    assert run["state"] == "finished" or (run["state"] == "crashed" and len(lost) >= 4), run


def judge_rows(client: Client, run: dict[str, Any]) -> None:
    """Each attempt's rows stand once and in order, and those of a finished one are all there."""
    rows: dict[int, list[float]] = {}
    for row in client.history(run["id"]):
        rows.setdefault(row["attempt"], []).append(row["metrics"]["loss"])
    for attempt, values in rows.items():
        assert values == list(range(len(values))), (run["id"], attempt)
    assert run["state"] == "crashed" or len(rows[run["attempt"]]) == N_ROWS


def judge_confirmed(client: Client, home: Path) -> int:
    """What a dead agent knew to be delivered is there; how many rows that are."""
    n_confirmed = 0
    for path in (home / "pending").glob("*.json"):
        debt = json.loads(path.read_text())
        confirmed = Path(debt["metrics_file"]).read_bytes()[: debt["start"]].count(b"\n")
        history = client.history(debt["run"])
        assert sum(row["attempt"] == debt["attempt"] for row in history) >= confirmed
        n_confirmed += confirmed
    return n_confirmed


def await_true(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
