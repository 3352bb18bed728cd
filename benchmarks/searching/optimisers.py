"""Adapters of the optimisers that are compared; each imports its library when it is made.

Optimisers run in environments of their own, so nothing of this product may be imported above.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from searching.parameters import Real
from searching.problems import Problem


class Random:
    """Independent uniform draws."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem = problem
        self._rng = np.random.default_rng(seed)

    def ask(self, index: int) -> dict[str, Any]:
        return self._problem.config_at(self._problem.draw(self._rng, 1)[0])

    def stored(self, configs: list[dict[str, Any]], values: list[float]) -> list[Any]:
        return []

    def load(self, stored: list[Any]) -> None:
        pass

    def tell(self, index: int, value: float) -> None:
        pass


class SweepSdk:
    """This product, asked as the backend asks: from scratch, on each request."""

    def __init__(self, problem: Problem, seed: int) -> None:
        from sweep_service.model.language.sweep_config import parse_object
        from sweep_service.model.records.records import Observation
        from sweep_service.model.records.states import RunState
        from sweep_service.search.bayes import method as bayes
        from sweep_service.search.suggestion import Evidence, Pending

        parameters = {p.name: p.sweep_language for p in problem.parameters}
        document = {"method": "bayes", "metric": {"name": "loss"}, "parameters": parameters}
        self._config = parse_object(document).config
        self._seed = seed
        self._suggest, self._evidence, self._running = bayes.suggest, Evidence, Pending
        self._observation, self._finished = Observation, RunState.FINISHED
        self._observations: list[Any] = []
        self._pending: dict[int, tuple[float, ...]] = {}

    def ask(self, index: int) -> dict[str, Any]:
        running = [self._running(*run) for run in self._pending.items()]
        evidence = self._evidence(self._observations, running)
        suggestion = self._suggest(self._config, index, self._seed, evidence)
        self._pending[index] = suggestion.unit
        return suggestion.config

    def stored(self, configs: list[dict[str, Any]], values: list[float]) -> list[Any]:
        """Plain rows, as the backend keeps them."""
        units = [self._config.space.to_unit(config) for config in configs]
        return [
            (i, 1, unit, value) for i, (unit, value) in enumerate(zip(units, values, strict=True))
        ]

    def load(self, stored: list[Any]) -> None:
        self._observations = [
            self._observation(*row, self._finished, False, float(row[0])) for row in stored
        ]

    def tell(self, index: int, value: float) -> None:
        unit = self._pending.pop(index)
        self._observations.append(
            self._observation(index, 1, unit, value, self._finished, False, float(index))
        )


class Optuna:
    """A study in memory, with the sampler's own defaults.

    TPE is multivariate by default, with constant liars for several agents, as an expert would
    have it. The Gaussian process is informed if there is no noise, as its documentation asks.
    """

    def __init__(self, problem: Problem, seed: int, sampler: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = {
            "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
            "gp": lambda: optuna.samplers.GPSampler(
                seed=seed, deterministic_objective=problem.noise == 0
            ),
        }
        self._study = optuna.create_study(sampler=samplers[sampler]())
        self._space = {p.name: _optuna_distribution(p) for p in problem.parameters}
        self._trials: dict[int, Any] = {}

    def ask(self, index: int) -> dict[str, Any]:
        trial = self._study.ask(self._space)
        self._trials[index] = trial
        return trial.params

    def stored(self, configs: list[dict[str, Any]], values: list[float]) -> list[Any]:
        """Plain rows, as a storage keeps them."""
        return list(zip(configs, values, strict=True))

    def load(self, stored: list[Any]) -> None:
        from optuna.trial import create_trial

        self._study.add_trials(
            [create_trial(params=p, distributions=self._space, value=v) for p, v in stored]
        )

    def tell(self, index: int, value: float) -> None:
        self._study.tell(self._trials.pop(index), value)


def _optuna_distribution(parameter: Any) -> Any:
    from optuna import distributions

    if isinstance(parameter, Real):
        return distributions.FloatDistribution(parameter.low, parameter.high, log=parameter.is_log)
    if parameter.kind == "integer":
        return distributions.IntDistribution(parameter.values[0], parameter.values[-1])
    return distributions.CategoricalDistribution(parameter.values)


class Wandb:
    """W&B's own engine (PyPI ``sweeps``), given all runs on each ask."""

    def __init__(self, problem: Problem, seed: int) -> None:
        import sweeps

        np.random.seed(seed)
        self._sweeps = sweeps
        self._config = {
            "method": "bayes",
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": {p.name: p.sweep_language for p in problem.parameters},
        }
        self._runs: dict[int, Any] = {}

    def ask(self, index: int) -> dict[str, Any]:
        run = self._sweeps.next_run(self._config, list(self._runs.values()))
        run.state = "running"
        self._runs[index] = run
        return {name: entry["value"] for name, entry in run.config.items()}

    def stored(self, configs: list[dict[str, Any]], values: list[float]) -> list[Any]:
        """Plain rows, as a storage keeps them."""
        return [
            ({name: {"value": entry} for name, entry in config.items()}, {"loss": value})
            for config, value in zip(configs, values, strict=True)
        ]

    def load(self, stored: list[Any]) -> None:
        self._runs = {
            i: self._sweeps.SweepRun(config=config, summary_metrics=summary, state="finished")
            for i, (config, summary) in enumerate(stored)
        }

    def tell(self, index: int, value: float) -> None:
        run = self._runs[index]
        run.state = "finished"
        run.summary_metrics = {"loss": value}
