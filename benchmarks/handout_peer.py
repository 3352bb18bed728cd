"""One process of the hand-out benchmark's peer: Optuna's ask and tell on a shared storage.

Runs in an environment of its own; speaks the protocol of ``handout_worker``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend


def open_storage(kind: str, path: str) -> object:
    if kind == "journal":
        return JournalStorage(JournalFileBackend(path))
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["sqlite", "journal"])
    parser.add_argument("path")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--create", action="store_true")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=open_storage(args.kind, args.path),
        study_name="peer",
        sampler=optuna.samplers.RandomSampler(),
        load_if_exists=True,
    )
    if args.create:
        return
    space = {f"x{n}": optuna.distributions.FloatDistribution(0, 1) for n in range(2)}
    print("ready", flush=True)
    sys.stdin.readline()
    started_at = time.time()
    numbers = []
    while time.time() < started_at + args.seconds:
        trial = study.ask(space)
        study.tell(trial, 0.5)
        numbers.append(trial.number)
    result = {"indices": numbers, "started_at": started_at, "ended_at": time.time()}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
