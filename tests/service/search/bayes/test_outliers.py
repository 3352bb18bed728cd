"""Outliers: a diverged run does not spoil the model of good ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.records.records import Observation
from sweep_service.model.records.states import RunState
from sweep_service.search.bayes import outliers
from sweep_service.search.bayes.axes import Axes, Axis
from sweep_service.search.bayes.method import suggest
from sweep_service.search.bayes.surrogate import Surrogate, ValuesAlike
from sweep_service.search.bayes.tuning import DEFAULT
from sweep_service.search.suggestion import Evidence

CUBE = Axes((Axis(), Axis(), Axis()))


def bowl(unit: np.ndarray) -> np.ndarray:
    return ((unit - 0.3) ** 2).sum(axis=-1)


def points(n: int) -> np.ndarray:
    return np.random.default_rng(n).random((n, 3))


def model_of(unit: np.ndarray, values: np.ndarray, seed: int = 0) -> Surrogate:
    return Surrogate.fitted(
        CUBE,
        unit,
        values,
        np.zeros(len(values)),
        has_own_share=False,
        tuning=DEFAULT,
        rng=np.random.default_rng(seed),
    )


def outliers_of(model: Surrogate) -> list[int]:
    return list(np.flatnonzero(model.extra_noise >= outliers.NOISE))


@pytest.mark.parametrize("value", [10.0, 1000.0, 1e6, 1e300])
@pytest.mark.parametrize("n", [15, 20, 60, 300])
def test_one_outlier_is_distinguished_from_the_others(n: int, value: float) -> None:
    unit = points(n)
    values = bowl(unit)
    values[n // 2] = value
    model = model_of(unit, values)
    found = {tuple(model.observed[i]) for i in outliers_of(model)}
    assert found <= {tuple(unit[n // 2])}
    held = (model.observed == unit[n // 2]).all(axis=1).any()  # of many, the model holds some
    assert bool(found) == bool(held)
    assert model.warp.invert(model.y).max() <= np.delete(values, n // 2).max() * (1 + 1e-9)


def test_several_outliers_among_many() -> None:
    unit = points(60)
    values = bowl(unit)
    values[[5, 20, 40]] = 1000.0, 400.0, 1e5
    assert outliers_of(model_of(unit, values)) == [5, 20, 40]


LANDSCAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "a bowl": bowl,
    "a cliff": lambda unit: np.where(unit[:, 0] > 0.5, 1000.0, bowl(unit)),
    "a wide cliff": lambda unit: np.where(unit[:, 0] > 0.2, 1000.0, bowl(unit)),
    "steep sides": lambda unit: np.exp(12 * unit[:, 0]) + bowl(unit),
    "many outliers": lambda unit: np.where(np.arange(len(unit)) % 5 == 0, 1000.0, bowl(unit)),
    "noise": lambda unit: bowl(unit) + 0.05 * np.random.default_rng(1).standard_normal(len(unit)),
    "noise alone": lambda unit: np.random.default_rng(2).standard_normal(len(unit)),
}


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("n", [8, 20, 60])
def test_what_is_a_part_of_the_function_is_not_an_outlier(name: str, n: int) -> None:
    unit = points(n)
    assert outliers_of(model_of(unit, LANDSCAPES[name](unit))) == []


def test_too_few_runs_have_no_outliers() -> None:
    unit = points(5)
    values = bowl(unit)
    values[2] = 1000.0
    assert outliers_of(model_of(unit, values)) == []


def test_where_the_others_are_alike_the_first_model_is() -> None:
    unit = points(20)
    values = np.full(20, 0.5)
    values[3] = 1000.0
    assert outliers_of(model_of(unit, values)) == []
    with pytest.raises(ValuesAlike):
        model_of(unit, np.full(20, 0.5))


def test_a_model_that_cannot_be_factorised_has_no_outliers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unit = points(20)
    model = model_of(unit, bowl(unit))

    def fail(*_: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(np.linalg, "cholesky", fail)
    assert not outliers.are_outliers(model, np.arange(20)).any()


def test_what_the_others_expect_is_what_a_model_without_the_one_predicts() -> None:
    unit = points(25)
    model = model_of(unit, bowl(unit) + 0.1 * np.sin(20 * unit[:, 0]))
    excess, _ = outliers._left_out(model, np.arange(25))
    for i in (0, 7, 24):
        rest = np.arange(25) != i
        without = replace(
            model, observed=unit[rest], y=model.y[rest], extra_noise=model.extra_noise[rest]
        )
        posterior = without.improvement(unit[:0], 0.0).posterior
        # the constant mean is fitted again without the one; it moves a little
        assert model.y[i] - posterior.predict(unit[i : i + 1])[0][0] == pytest.approx(
            excess[i], abs=0.05
        )


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("diverged", [(8,), (8, 25)])
def test_the_search_finds_the_best_place_in_spite_of_diverged_runs(
    goal: str, diverged: tuple[int, ...]
) -> None:
    parameters = {name: {"min": 0.0, "max": 1.0} for name in "abc"}
    metric = {"name": "loss", "goal": goal}
    config = parse_object({"method": "bayes", "metric": metric, "parameters": parameters}).config
    sign = 1 if goal == "minimize" else -1
    best = []
    for seed in range(3):
        observations: list[Observation] = []
        for index in range(45):
            suggestion = suggest(config, index, seed, Evidence(observations))
            value = sum((x - 0.3) ** 2 for x in suggestion.config.values())
            value = sign * (1000.0 if index in diverged else value)
            assert suggestion.unit is not None
            json.dumps(suggestion.record, allow_nan=False)
            observations.append(
                Observation(index, 1, suggestion.unit, value, RunState.FINISHED, False, index)
            )
        best.append(min(abs(o.value) for o in observations))
    assert np.median(best) < 1e-4
