"""How good the search is, beside Optuna's TPE and GPSampler and W&B's engine, in one run.

    python benchmarks/search_quality.py --problems development --runs 100 --seeds 5
    python benchmarks/search_quality.py --problems held_out --runs 50 --agents 8
    python benchmarks/search_quality.py --cost

Makes the peers' environments, the real tuning tables and all results under ``--cache`` on first
use; see README.md beside this file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from searching import cost, problems, tables
from searching.environments import make_tables
from searching.results import Job, results_of
from searching.scores import report

OPTIMISERS = ("sweep_sdk", "optuna_tpe", "optuna_gp", "wandb", "random")


def main() -> None:
    arguments = _arguments()
    if arguments.cost:
        print(cost.report(arguments.optimisers, arguments.cache, arguments.sizes))
        return
    folder = make_tables(arguments.cache)
    names = arguments.only or _problem_names(arguments.problems, folder)
    jobs = [
        Job(optimiser, problem, seed, arguments.runs, arguments.agents)
        for optimiser in arguments.optimisers
        for seed in range(arguments.seeds)
        for problem in names
    ]
    results = results_of(jobs, arguments.cache, folder, arguments.processes)
    print(report(results, arguments.optimisers, arguments.runs))


def _problem_names(which: str, folder: Path) -> list[str]:
    is_held_out = which == "held_out"
    synthetic = problems.held_out_problems() if is_held_out else problems.development_problems()
    return [problem.name for problem in [*synthetic, *tables.load(folder, is_held_out)]]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cache", type=Path, default=Path("build/search_quality"))
    parser.add_argument("--problems", choices=["development", "held_out"], default="development")
    parser.add_argument("--only", nargs="+", help="names of problems")
    parser.add_argument("--optimisers", nargs="+", choices=OPTIMISERS, default=list(OPTIMISERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--agents", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--cost", action="store_true", help="CPU seconds of one suggestion")
    parser.add_argument("--sizes", nargs="+", type=int, default=[20, 100, 1000, 3000])
    return parser.parse_args()


if __name__ == "__main__":
    main()
