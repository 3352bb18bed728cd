"""What early termination saves, on simulated learning curves with known final values.

    python benchmarks/early_stopping.py [--method bayes] [--runs 40] [--seeds 10]

Runs a sweep with and without ``early_terminate`` on problems whose runs log a learning curve,
until as many iterations are spent as ``--runs`` full runs take. Prints the normalised regret of
the best run that went through, after a quarter, half and all of them, and the compute saved at
equal final quality: the share of the iterations that is left over when the mean regret is first
as low as the sweep without early stops ends with. Needs nothing but the product.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from searching.parameters import Parameter
from searching.problems import Problem, development_problems
from sweep_service.model.language.sweep_config import SweepConfig, parse_object
from sweep_service.model.records.records import Observation
from sweep_service.model.records.states import RunState
from sweep_service.search import hyperband, registry
from sweep_service.search.suggestion import Evidence

N_ITERATIONS = 81
SHARES = tuple(share / 40 for share in range(1, 41))
SHOWN = (0.25, 0.5, 1.0)
PROBLEMS = ("branin", "hartmann6", "levy4", "mixed_hartmann6", "training")
VARIANTS: dict[str, dict[str, Any] | None] = {
    "no early stop": None,
    "min_iter 3, eta 3": {"type": "hyperband", "min_iter": 3, "eta": 3},
    "min_iter 9, eta 2": {"type": "hyperband", "min_iter": 9, "eta": 2},
    "not strict": {"type": "hyperband", "min_iter": 3, "eta": 3, "strict": False},
}


def curve(final: float, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Falls from high to ``final`` by a power law of its own speed, with a little noise."""
    t = np.arange(1, N_ITERATIONS + 1)
    speed = rng.uniform(0.4, 1.2)
    fall = scale * rng.uniform(1.0, 3.0) * (t**-speed - N_ITERATIONS**-speed)
    noise = 0.02 * scale * rng.standard_normal(N_ITERATIONS) * (1 - t / N_ITERATIONS)
    return final + fall + noise


def sweep(
    method: str, problem: Problem, early: dict[str, Any] | None, budget: int, seed: int
) -> list[float]:
    """Regret at each of ``SHARES`` of the budget of iterations; one run after the other."""
    config = _config(method, problem.parameters, early)
    rng = np.random.default_rng(seed)
    observations: list[Observation] = []
    at_bands: dict[int, dict[int, float]] = {}
    spent, best = 0, np.inf
    trace = []
    while spent < budget:
        index = len(observations)
        suggestion = registry.suggest(config, index, seed, Evidence(observations))
        final = problem.value(suggestion.config)
        values = curve(final, problem.random_regret, rng)
        n_done = _train(config, index, values, at_bands)
        spent += n_done
        is_stopped = n_done < N_ITERATIONS
        best = best if is_stopped else min(best, final)
        trace.append((spent, best))
        unit, value = suggestion.unit or (), float(values[:n_done].min())
        observations.append(
            Observation(index, 1, unit, value, RunState.FINISHED, is_stopped, float(index))
        )
    return [
        problem.regret(
            min((best for spent, best in trace if spent <= share * budget), default=np.inf)
        )
        for share in SHARES
    ]


def _train(
    config: SweepConfig, index: int, values: np.ndarray, at_bands: dict[int, dict[int, float]]
) -> int:
    settings, metric = config.early_terminate, config.metric
    if settings is None or metric is None:
        return len(values)
    for n_before, value in enumerate(values):
        for crossing in hyperband.crossings(settings, n_before, [float(value)]):
            at_band = at_bands.setdefault(crossing.band, {})
            at_band[index] = crossing.value
            best = float(values[: n_before + 1].min())
            decision = hyperband.stop_decision(
                settings, metric, at_band, index, crossing.band, best
            )
            if decision.is_stop:
                return n_before + 1
    return len(values)


def saved(curve: np.ndarray, final: float) -> str:
    """The share of compute that is left when ``curve`` over ``SHARES`` is as low as ``final``."""
    is_reached = curve <= final
    return f"{1 - SHARES[int(np.argmax(is_reached))]:.0%}" if is_reached.any() else "not reached"


def _config(
    method: str, parameters: tuple[Parameter, ...], early: dict[str, Any] | None
) -> SweepConfig:
    document: dict[str, Any] = {
        "method": method,
        "metric": {"name": "loss"},
        "parameters": {p.name: p.sweep_language for p in parameters},
    }
    if early is not None:
        document["early_terminate"] = early
    return parse_object(document).config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--method", choices=["bayes", "random"], default="bayes")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    problems = [problem for problem in development_problems() if problem.name in PROBLEMS]
    budget = arguments.runs * N_ITERATIONS
    shown = [SHARES.index(share) for share in SHOWN]
    head = "".join(f"{share:>10.0%}" for share in SHOWN)
    print(f"{'regret at a share of':<22}{head}{'saved':>14}")
    final = 0.0
    for name, early in VARIANTS.items():
        regrets = np.mean(
            [
                sweep(arguments.method, problem, early, budget, seed)
                for problem in problems
                for seed in range(arguments.seeds)
            ],
            axis=0,
        )
        final = regrets[-1] if early is None else final
        cells = "".join(f"{regrets[place]:>10.4f}" for place in shown)
        print(f"{name:<22}{cells}{saved(regrets, final):>14}", flush=True)


if __name__ == "__main__":
    main()
