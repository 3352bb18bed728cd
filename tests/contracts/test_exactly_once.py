"""Contract: each point of a finite space is handed out once, even to concurrent asks.

In an endless space no two runs that are out at once are the same.
"""

from __future__ import annotations

import json
import random
import time
from functools import partial
from typing import Any

import pytest
from crowds import Crowd
from store_kinds import KINDS

from sweep_service.errors import Busy, SweepEnded
from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.records.states import RunState
from sweep_service.operations.ask import HandOut, ask
from sweep_service.operations.finish import Ending, finish
from sweep_service.operations.services import Services
from sweep_service.operations.sweeps import NewSweep, create_sweep
from sweep_service.protocol.leases import Requester
from sweep_service.storage.store import Store

CROWDS = [(kind, "threads") for kind in KINDS if kind.bears_threads] + [
    (kind, "processes") for kind in KINDS if kind.bears_processes
]
#: A store that bears no threads still has to do the same alone.
WORKERS = [*CROWDS, *((kind, "one") for kind in KINDS if not kind.bears_threads)]

pytestmark = pytest.mark.parametrize(
    ("kind", "workers"),
    WORKERS,
    indirect=["kind"],
    ids=[f"{kind.name}-{workers}" for kind, workers in WORKERS],
)

LISTED = {"a": {"values": [1, 2, 3]}, "b": {"values": list("wxyz")}}
STEPPED = {"q": {"distribution": "q_uniform", "min": 0, "max": 4}, "n": {"min": 1, "max": 3}}
WEIGHTED = {
    "a": {"values": [1, 2, 2, 2]},
    "b": {"values": [5, 6, 7], "probabilities": [0.8, 0.1, 0.1]},
}
#: More weighted combinations than are put in a random order, few of them likely.
SKEWED = {f"p{n:02}": {"values": [0, 1], "probabilities": [0.9, 0.1]} for n in range(16)}
START = [{"a": 3, "b": "z"}, {"a": 1, "b": "w"}]

FINITE: dict[str, tuple[int, dict[str, Any]]] = {
    **{f"{method}-listed": (12, {"method": method, "parameters": LISTED})
       for method in ("grid", "random", "bayes")},
    **{f"{method}-stepped": (15, {"method": method, "parameters": STEPPED})
       for method in ("random", "bayes")},
    **{f"{method}-weighted": (6, {"method": method, "parameters": WEIGHTED})
       for method in ("random", "bayes")},
    **{f"{method}-start": (12, {"method": method, "parameters": LISTED, "start": START})
       for method in ("grid", "random", "bayes")},
    "random-skewed": (60, {"method": "random", "parameters": SKEWED, "run_cap": 60}),
}  # fmt: skip
ENDLESS: dict[str, dict[str, Any]] = {
    "random-multiples": {"distribution": "q_normal", "mu": 0, "sigma": 8, "q": 1},
    "bayes-multiples": {"distribution": "q_normal", "mu": 0, "sigma": 8, "q": 1},
    "bayes-numbers": {"min": 0.0, "max": 1.0},
}


def services_of(store: Store, seed: int) -> Services:
    """Those of a function that knows nothing yet."""
    return Services(store=store, clock=time.time, rng=random.Random(seed))


def add(store: Store, document: dict[str, Any]) -> str:
    sweep = {"seed": 5, "metric": {"name": "loss"}, **document}
    view = create_sweep(services_of(store, 0), NewSweep(parse_object(sweep)), is_dry_run=False)
    assert view.sweep is not None
    return view.sweep


def next_run(services: Services, sweep: str, key: str) -> HandOut | None:
    """The next run; None when the sweep has ended or only waits for others."""
    while True:
        try:
            answer = ask(services, sweep, Requester(key, "agent", "host", ""))
        except Busy:
            continue
        except SweepEnded:
            return None
        return answer if isinstance(answer, HandOut) else None


def run_all(sweep: str, store: Store, worker: int) -> list[str]:
    """Ask and finish until there is nothing more; the configurations."""
    services, configs = services_of(store, worker), []
    while run := next_run(services, sweep, f"key-{worker}-{len(configs)}"):
        configs.append(json.dumps(run.config, sort_keys=True))
        summary = {"loss": float(len(configs[-1]))}
        ending = Ending(run.attempt, RunState.FINISHED, summary=summary)
        finish(services, sweep, run.index, ending)
    return configs


def hold_three(sweep: str, store: Store, worker: int) -> list[str]:
    """Ask for three runs and end none."""
    services = services_of(store, worker)
    runs = [next_run(services, sweep, f"key-{worker}-{n}") for n in range(3)]
    return [json.dumps(run.config) for run in runs if run is not None]


@pytest.mark.parametrize("space", FINITE)
def test_each_point_of_a_finite_space_comes_once(crowd: Crowd, store: Store, space: str) -> None:
    n_runs, document = FINITE[space]
    sweep = add(store, document)
    configs = [config for found in crowd(partial(run_all, sweep)) for config in found]
    assert len(configs) == n_runs
    assert len(set(configs)) == n_runs
    assert store.get_status(sweep).next_index == n_runs


@pytest.mark.parametrize("space", ENDLESS)
def test_runs_that_are_out_at_once_differ(crowd: Crowd, store: Store, space: str) -> None:
    parameters = {"x": ENDLESS[space]}
    sweep = add(store, {"method": space.split("-", maxsplit=1)[0], "parameters": parameters})
    configs = [config for found in crowd(partial(hold_three, sweep)) for config in found]
    assert len(set(configs)) == len(configs) > 0
