"""The search in spaces with conditional parameters, beside Optuna's TPE and beside no conditions.

    pip install optuna
    python benchmarks/conditional_search.py [--runs 50] [--seeds 10]

Two families of problems, of which every seed is another one: a support vector machine whose kernel
decides which parameters it has, and a network whose depth decides its widths. Each line compares,
problem by problem, the best value after a number of runs with that of ``bayes``; a positive
difference means that ``bayes`` is better. The interval holds 95% of the means of resampled
differences.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import optuna

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.records.records import Observation
from sweep_service.model.records.states import RunState
from sweep_service.search import registry
from sweep_service.search.suggestion import Evidence

Parameters = Mapping[str, Mapping[str, Any]]
Problem = Callable[[Mapping[str, Any]], float]

SVM: Parameters = {
    "kernel": {"values": ["rbf", "poly", "linear"]},
    "C": {"distribution": "log_uniform_values", "min": 1e-3, "max": 1e3},
    "gamma": {
        "distribution": "log_uniform_values",
        "min": 1e-5,
        "max": 10.0,
        "when": {"kernel": "rbf"},
    },
    "degree": {"min": 2, "max": 6, "when": {"kernel": "poly"}},
    "coef0": {"min": 0.0, "max": 1.0, "when": {"kernel": "poly"}},
}
NETWORK: Parameters = {
    "layers": {"min": 1, "max": 4},
    "lr": {"distribution": "log_uniform_values", "min": 1e-6, "max": 1.0},
    "optimizer": {"values": ["sgd", "adam"]},
    "momentum": {"min": 0.0, "max": 0.99, "when": {"optimizer": "sgd"}},
    **{
        f"width_{i}": {
            "distribution": "q_log_uniform_values",
            "min": 8,
            "max": 512,
            **({"when": {"layers": {"min": i}}} if i > 1 else {}),
        }
        for i in range(1, 5)
    },
}


def svm(seed: int) -> Problem:
    """An error rate with a valley for each kernel; its places and depths depend on the seed."""
    rng = random.Random(seed)
    shift = {name: rng.uniform(-1, 1) for name in ("c", "gamma", "degree", "coef0")}
    floor = {name: rng.uniform(0.05, 0.15) for name in ("rbf", "poly", "linear")}

    def error(config: Mapping[str, Any]) -> float:
        c, value = math.log10(config["C"]), floor[config["kernel"]]
        if config["kernel"] == "rbf":
            gamma = math.log10(config["gamma"])
            value += 0.02 * (c - 1 - shift["c"]) ** 2 + 0.03 * (gamma + 2 - shift["gamma"]) ** 2
            return value + 0.01 * (c + gamma) ** 2
        if config["kernel"] == "poly":
            value += 0.02 * (c + 1 - shift["c"]) ** 2
            value += 0.04 * abs(config["degree"] - 4 - round(1.5 * shift["degree"]))
            return value + 0.1 * (config["coef0"] - 0.5 - 0.4 * shift["coef0"]) ** 2
        return value + 0.03 * (c - 2 * shift["c"]) ** 2

    return error


def network(seed: int) -> Problem:
    """A loss with one best depth, one best width a layer, and a learning rate that goes with it."""
    rng = random.Random(seed)
    widths = [rng.uniform(4, 8) for _ in range(4)]
    depth, lr, momentum = rng.choice([1, 2, 3, 4]), rng.uniform(-4.5, -2.0), rng.uniform(0.3, 0.95)
    penalty = rng.uniform(-0.03, 0.03)

    def loss(config: Mapping[str, Any]) -> float:
        value = 0.05 + 0.1 * abs(config["layers"] - depth)
        for i in range(config["layers"]):
            value += 0.02 * (math.log2(config[f"width_{i + 1}"]) - widths[i]) ** 2
        value += 0.05 * (math.log10(config["lr"]) - lr + 0.2 * config["layers"]) ** 2
        if config["optimizer"] == "sgd":
            value += penalty + 0.3 * (config["momentum"] - momentum) ** 2
        return value

    return loss


def ours(parameters: Parameters, problem: Problem, seed: int, n_runs: int) -> list[float]:
    """The values of a bayes sweep, run after run."""
    sweep = {"method": "bayes", "metric": {"name": "loss"}, "parameters": parameters}
    config, observations = parse_object(sweep).config, []
    for index in range(n_runs):
        found = registry.suggest(config, index, seed, Evidence(tuple(observations)))
        unit, value = tuple(found.unit or ()), problem(found.config)
        observations.append(
            Observation(index, 1, unit, value, RunState.FINISHED, False, float(index))
        )
    return [observation.value for observation in observations]


def unconditional(parameters: Parameters, problem: Problem, seed: int, n_runs: int) -> list[float]:
    """The same without conditions: the problem ignores what is not in effect."""
    plain = {
        name: {key: value for key, value in entry.items() if key != "when"}
        for name, entry in parameters.items()
    }
    return ours(plain, problem, seed, n_runs)


def tpe(parameters: Parameters, problem: Problem, seed: int, n_runs: int) -> list[float]:
    """Optuna's TPE, which is asked for the active parameters alone."""
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
    )
    study.optimize(lambda trial: problem(_suggested(parameters, trial)), n_trials=n_runs)
    return [trial.value for trial in study.trials]


def _suggested(parameters: Parameters, trial: optuna.Trial) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, entry in parameters.items():  # controllers come first
        if not all(_is_met(config, *condition) for condition in entry.get("when", {}).items()):
            continue
        if "values" in entry:
            config[name] = trial.suggest_categorical(name, entry["values"])
            continue
        is_log = "log_uniform" in entry.get("distribution", "")
        is_whole = isinstance(entry["min"], int)
        suggest = trial.suggest_int if is_whole else trial.suggest_float
        config[name] = suggest(name, entry["min"], entry["max"], log=is_log)
    return config


def _is_met(config: Mapping[str, Any], name: str, accepted: Any) -> bool:
    if name not in config:
        return False
    value = config[name]
    return value >= accepted["min"] if isinstance(accepted, dict) else value == accepted


def interval(differences: list[float]) -> tuple[float, float, float]:
    """The mean, and the ends of the interval around it."""
    rng = random.Random(0)
    means = sorted(
        statistics.mean(rng.choices(differences, k=len(differences))) for _ in range(2000)
    )
    return statistics.mean(differences), means[50], means[-51]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    peers = {"bayes": ours, "bayes without conditions": unconditional, "Optuna TPE": tpe}
    for name, parameters, make in (("svm", SVM, svm), ("network", NETWORK, network)):
        values = {
            peer: [search(parameters, make(seed), seed, arguments.runs) for seed in seeds]
            for seeds in [range(arguments.seeds)]
            for peer, search in peers.items()
        }
        for n_runs in sorted({min(20, arguments.runs), arguments.runs}):
            best = {peer: [min(run[:n_runs]) for run in runs] for peer, runs in values.items()}
            for peer in peers:
                line = f"{name}, {n_runs} runs, {peer}: best {statistics.mean(best[peer]):.4f}"
                if peer != "bayes":
                    pairs = zip(best[peer], best["bayes"], strict=True)
                    mean, low, high = interval([other - own for other, own in pairs])
                    line += f"; difference {mean:+.4f} [{low:+.4f}, {high:+.4f}]"
                print(line, flush=True)


if __name__ == "__main__":
    main()
