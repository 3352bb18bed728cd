"""Simulate sweeps of one optimiser: reads jobs as JSON lines, answers each with a JSON line.

A job is ``{optimiser, problem, seed, n_runs, n_agents}``. Runs in the optimiser's own
environment; the first argument is the folder of the tables.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from searching import problems, tables
from searching.loop import simulate
from searching.optimisers import Optuna, Random, SweepSdk, Wandb

MAKERS = {
    "sweep_sdk": SweepSdk,
    "random": Random,
    "optuna_tpe": lambda problem, seed: Optuna(problem, seed, "tpe"),
    "optuna_gp": lambda problem, seed: Optuna(problem, seed, "gp"),
    "wandb": Wandb,
}


def all_problems(folder: Path) -> dict[str, problems.Problem]:
    every = [
        *problems.development_problems(),
        *problems.held_out_problems(),
        *tables.load(folder, is_held_out=False),
        *tables.load(folder, is_held_out=True),
    ]
    return {problem.name: problem for problem in every}


def main() -> None:
    warnings.simplefilter("ignore")
    every = all_problems(Path(sys.argv[1]))
    for line in sys.stdin:
        job = json.loads(line)
        problem = every[job["problem"]]
        optimiser = MAKERS[job["optimiser"]](problem, job["seed"])
        trace = simulate(optimiser, problem, job["n_runs"], job["n_agents"], job["seed"])
        answer = {**job, "regrets": trace.regrets, "cpu_seconds": trace.cpu_seconds}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
