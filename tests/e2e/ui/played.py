"""Creates sweeps with a history, by calling the backend's handlers with a fake clock."""

from __future__ import annotations

import heapq
import json
import math
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.gateway import handle
from sweep_service.operations.services import Services
from sweep_service.storage.sqlite.store import SqliteStore

PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "optimizer": {"values": ["sgd", "adam", "adamw"]},
    "layers": {"distribution": "int_uniform", "min": 1, "max": 8},
    "dropout": {"min": 0.0, "max": 0.6},
    "batch_size": {"values": [16, 32, 64, 128, 256]},
    "weight_decay": {"distribution": "log_uniform_values", "min": 1e-6, "max": 1e-2},
}
HYPERBAND = {"type": "hyperband", "min_iter": 3, "eta": 3, "s": 2}


def loss(config: dict[str, Any], progress: float, chance: random.Random) -> float:
    """A loss that depends on the learning rate and the optimizer most, and falls with progress."""
    best_lr = {"sgd": -1.6, "adam": -3.0, "adamw": -2.7}[config["optimizer"]]
    away = math.log10(config["lr"]) - best_lr
    floor = 0.22 + 0.09 * away**2 + (0.06 if config["optimizer"] == "sgd" else 0.0)
    floor += 0.004 * (config["layers"] - 5) ** 2 + 0.12 * (config["dropout"] - 0.2) ** 2
    floor += 0.01 * abs(math.log2(config["batch_size"]) - 6)
    speed = 3.0 + max(-2.0, min(4.0, away * 2))
    return floor + 1.6 * math.exp(-speed * progress) + chance.gauss(0, 0.006)


@dataclass
class Past:
    """A backend whose clock is set by the events of a simulated cluster."""

    path: Path
    now: float
    chance: random.Random
    seed: int = 0
    n_keys: int = 0
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = Services(SqliteStore(self.path), lambda: self.now, random.Random(self.seed))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        self.n_keys += 1
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"idempotency-key": f"played-{self.seed}-{self.n_keys}"}
        answer = handle(self.services, method, path, {}, headers, raw, identity=LOCAL_ADMIN)
        assert answer.status < 300 or answer.status in (409, 410), answer
        return json.loads(answer.body) if answer.body else None

    def close(self) -> None:
        self.services.store.close()


def play(
    path: Path,
    n_runs: int,
    n_steps: int,
    *,
    method: str = "random",
    n_agents: int = 8,
    seed: int = 0,
    name: str | None = None,
    ends: bool = True,
    odd: bool = True,
    hours_ago: float = 2.0,
    **config: Any,
) -> str:
    """Play a sweep to its end, or leave its last runs running.

    Args:
        path: The database.
        n_runs: How many runs are handed out.
        n_steps: How many rows each logs.
        method: Of the search.
        n_agents: How many runs are worked on at once.
        seed: Of all chance.
        name: Of the sweep.
        ends: Whether it is over.
        odd: Whether some runs fail, diverge, are preempted, or lose their agents.
        hours_ago: When it ended.
        config: More of the sweep file.

    Returns:
        The sweep's id.
    """
    chance = random.Random(seed)
    minute = 60.0 * max(0.05, min(1.0, 300 / n_runs))
    length = n_runs / n_agents * minute * 4
    past = Past(path, time.time() - hours_ago * 3600 - length, chance, seed)
    sections = {
        "method": method,
        "metric": {"name": "loss", "goal": "minimize"},
        "program": "train.py",
    }
    document = {**sections, "parameters": PARAMETERS, "run_cap": n_runs, **config}
    sweep = past.call("POST", "/v1/sweeps", {"config": document, "name": name})["id"]
    queue = [(past.now + agent * minute / 4, agent) for agent in range(n_agents)]
    heapq.heapify(queue)
    n_asked = 0
    while queue:
        past.now, agent = heapq.heappop(queue)
        if not ends and n_asked >= n_runs - n_agents // 2 and agent >= n_agents // 2:
            continue
        body = {"agent": f"node-{agent // 4}:{agent % 4}", "host": f"node-{agent // 4}"}
        run = past.call("POST", f"/v1/sweeps/{sweep}/runs", body)
        if run is None or "config" not in run:
            if run is not None and "wait_seconds" in run and ends:
                heapq.heappush(queue, (past.now + 30, agent))
            continue
        n_asked += 1
        is_left = not ends and n_asked > n_runs - n_agents
        end = _work(past, sweep, run, n_steps, minute, odd, is_left)
        if end is not None:
            heapq.heappush(queue, (end, agent))
    past.close()
    return sweep


def _work(
    past: Past,
    sweep: str,
    run: dict[str, Any],
    n_steps: int,
    minute: float,
    odd: bool,
    is_left: bool,
) -> float | None:
    """One attempt; returns when its agent is free again, None if the agent is lost."""
    chance = past.chance
    place = f"/v1/sweeps/{sweep}/runs/{run['id']}"
    fate = chance.random() if odd else 1.0
    seconds = minute * chance.uniform(1.5, 6.0)
    begin = past.now
    n_rows = n_steps if fate > 0.09 else max(1, int(n_steps * chance.random()))
    if is_left:
        n_rows = max(1, int(n_steps * chance.uniform(0.2, 0.9)))
    done, offset = False, 0
    while offset < n_rows and not done:
        batch = min(n_rows - offset, max(1, n_steps // 6), 500)
        rows = []
        for step in range(offset, offset + batch):
            at = begin + seconds * (step + 1) / n_steps
            value = loss(run["config"], (step + 1) / n_steps, chance)
            metrics = {"loss": value, "accuracy": max(0.0, 1 - value / 2), "epoch": step // 10}
            if 0.06 < fate < 0.075 and step > n_rows // 2:
                metrics["loss"] = "NaN"
            rows.append({"step": step, "at": at, "metrics": metrics})
        offset += batch
        past.now = begin + seconds * offset / n_steps
        body = {"attempt": run["attempt"], "offset": offset - batch, "rows": rows}
        answer = past.call("POST", f"{place}/reports", body)
        done = answer["command"] == "stop"
    if is_left:
        return None
    state, more = "finished", {}
    if fate < 0.05:
        state = "failed"
        tail = 'Traceback:\n  File "train.py", line 41\nRuntimeError: CUDA out of memory'
        more = {"exit_code": 1, "stderr_tail": tail}
    elif 0.075 < fate < 0.09:
        state = "preempted"
    if 0.055 < fate < 0.06:
        return past.now + minute  # the agent is lost with its run, and another takes its place
    if state == "finished":
        more = {"exit_code": 0, "stopped_early": done}
    past.call("POST", f"{place}/finish", {"attempt": run["attempt"], "state": state, **more})
    return past.now + minute * 0.1


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "sweeps.db"
    began = time.time()
    print(play(database, 12, 20, method="bayes", name="twelve", seed=1, hours_ago=30, n_agents=2))
    print(
        play(
            database,
            120,
            60,
            method="bayes",
            name="live search",
            seed=2,
            ends=False,
            hours_ago=0,
            n_agents=16,
        )
    )
    print(
        play(
            database,
            400,
            81,
            method="random",
            name="hyperband",
            seed=3,
            early_terminate=HYPERBAND,
            n_agents=16,
        )
    )
    print(play(database, 1000, 60, name="thousand", seed=4, n_agents=16, hours_ago=80))
    print(time.time() - began)
    if len(sys.argv) > 2:
        print(play(database, 10_000, 4, name="ten thousand", seed=5, n_agents=32, hours_ago=200))
        print(time.time() - began)
