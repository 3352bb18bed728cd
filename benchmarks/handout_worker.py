"""One process of the hand-out benchmark: simulated agents that ask and finish.

Prints ``ready``, waits for a line on standard input, then drives and prints one JSON object:
``indices`` (that this process was handed), ``started_at``, ``ended_at``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from sweep_sdk._backend.client import Client, new_key, open_client
from sweep_sdk._exceptions import SweepEnded
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, Wait


def drive(client: Client, sweep: str, name: str, deadline: float) -> list[int]:
    """Ask and finish, as an agent does, until the sweep has ended or the time is up."""
    indices = []
    key = new_key()
    while time.time() < deadline:
        try:
            answer = client.ask(sweep, key, name)
        except SweepEnded:
            break
        if isinstance(answer, Wait):
            time.sleep(0.05)
            continue
        client.finish(answer.id, Ending(answer.attempt, RunState.FINISHED))
        indices.append(answer.index)
        key = new_key()
    return indices


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sweep")
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--name", default="0")
    args = parser.parse_args()
    clients = [open_client() for _ in range(args.agents)]
    for client in clients:
        client.health()
    print("ready", flush=True)
    sys.stdin.readline()
    started_at = time.time()
    deadline = started_at + args.seconds
    with ThreadPoolExecutor(args.agents) as pool:
        names = [f"{args.name}.{n}" for n in range(args.agents)]
        driven = pool.map(
            lambda client, name: drive(client, args.sweep, name, deadline), clients, names
        )
        indices = [index for part in driven for index in part]
    result = {"indices": indices, "started_at": started_at, "ended_at": time.time()}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
