"""``/model``: importance, slices, contour, suggestion and forecasts, for every method."""

from __future__ import annotations

import math
import random

import pytest
from openapi_document import OPERATIONS, check_answer

from sweep_service.search.forecasts import coverage
from sweep_service.wire.model import RunForecast, SweepModel

PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "layers": {"distribution": "int_uniform", "min": 1, "max": 8},
    "optimizer": {"values": ["sgd", "adam", "lion"]},
    "noise": {"min": 0.0, "max": 1.0},
    "fixed": {"value": 3},
}
BEST_LR = 1e-3


def loss(config):
    off = math.log10(config["lr"] / BEST_LR)
    return off**2 + 0.02 * (config["layers"] - 4) ** 2 + (config["optimizer"] != "adam") * 0.8


def played(backend, method="random", goal="minimize", n_runs=40, **more):
    metric = {"name": "loss", "goal": goal}
    sweep = backend.create(
        {"method": method, "metric": metric, "parameters": PARAMETERS, "seed": 3, **more}
    )
    sign = 1 if goal == "minimize" else -1
    for _ in range(n_runs):
        run = backend.ask(sweep).body
        backend.finish(run["id"], summary={"loss": sign * loss(run["config"])})
    return sweep


def model_of(backend, sweep, **query):
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/model", query=query)
    assert answer.status == 200, answer.body
    check_answer(OPERATIONS["GET", "/v1/sweeps/{sweep}/model"], answer)
    return SweepModel.from_json(answer.body)


@pytest.mark.parametrize(("method", "goal"), [("random", "minimize"), ("bayes", "maximize")])
def test_the_model_finds_what_matters_and_where_the_best_values_are(backend, method, goal):
    sweep = played(backend, method, goal)
    model = model_of(backend, sweep)
    sign = 1 if goal == "minimize" else -1
    assert (model.metric, model.goal, model.runs, model.reason_missing) == ("loss", goal, 40, None)
    importance = {entry.name: entry.importance for entry in model.importance}
    assert list(importance) == sorted(importance, key=importance.__getitem__, reverse=True)
    assert [*importance][:: len(importance) - 1] == ["lr", "noise"]
    assert sum(importance.values()) == pytest.approx(1.0)
    (lr,) = [one for one in model.slices if one.name == "lr"]
    assert lr.scale == "log"
    assert (lr.x[0], lr.x[-1]) == pytest.approx((1e-5, 1e-1))
    best = min(range(len(lr.x)), key=lambda place: sign * lr.mean[place])
    assert abs(math.log10(lr.x[best] / BEST_LR)) < 0.5
    for one in model.slices:
        assert len(one.x) == len(one.mean) == len(one.low) == len(one.high)
        assert all(a <= b <= c for a, b, c in zip(one.low, one.mean, one.high, strict=True))
    assert {one.name: one.scale for one in model.slices} == {
        "lr": "log",
        "layers": "integer",
        "optimizer": "categorical",
        "noise": "linear",
    }
    assert model.suggested is not None
    assert loss(model.suggested.config) < 0.3
    assert model.suggested.low <= model.suggested.mean <= model.suggested.high
    assert model.suggested.config["fixed"] == 3
    assert model.suggested.config not in [run["config"] for run in backend.runs(sweep)]


def test_categories_have_no_correlation_and_numbers_have_one(backend):
    sweep = backend.create(
        {
            "method": "random",
            "metric": {"name": "loss"},
            "parameters": {"x": {"min": 0.0, "max": 1.0}, "kind": {"values": ["a", "b"]}},
        }
    )
    for _ in range(10):
        run = backend.ask(sweep).body
        backend.finish(run["id"], summary={"loss": -run["config"]["x"]})
    found = {entry.name: entry.correlation for entry in model_of(backend, sweep).importance}
    assert found == {"x": -1.0, "kind": None}


def test_a_contour_of_two_parameters(backend):
    sweep = played(backend)
    contour = model_of(backend, sweep, x="lr", y="optimizer").contour
    assert (contour.x_name, contour.y_name) == ("lr", "optimizer")
    assert contour.y == ("sgd", "adam", "lion")
    assert len(contour.mean) == 3
    assert all(len(row) == len(contour.x) for row in contour.mean)
    assert min(contour.mean[1]) < min(*contour.mean[0], *contour.mean[2])
    assert model_of(backend, sweep).contour is None


def test_zipped_and_conditional_parameters(backend):
    config = {
        "method": "random",
        "metric": {"name": "loss"},
        "seed": 1,
        "parameters": {
            "a": {"values": [1, 2, 3]},
            "b": {"values": ["x", "y", "z"]},
            "lr": {"min": 0.0, "max": 1.0},
            "momentum": {"min": 0.0, "max": 1.0, "when": {"a": [2, 3]}},
        },
        "zip": [["a", "b"]],
    }
    sweep = backend.create(config)
    for _ in range(20):
        run = backend.ask(sweep).body
        values = run["config"]
        backend.finish(run["id"], summary={"loss": values["a"] + values.get("momentum", 0.0)})
    model = model_of(backend, sweep, x="a", y="lr")
    assert model.contour is None
    assert {entry.name for entry in model.importance} == {"a, b", "lr", "momentum"}
    assert model.importance[0].name == "a, b"
    assert model_of(backend, sweep, x="momentum", y="lr").contour is not None


@pytest.mark.parametrize("query", [{"x": "lr"}, {"x": "lr", "y": "fixed"}, {"x": "no", "y": "lr"}])
def test_a_contour_needs_two_parameters_with_several_values(backend, query):
    sweep = played(backend, n_runs=0)
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/model", query=query)
    assert answer.status == 400
    assert "layers, lr, noise, optimizer" in answer.body["detail"]


def test_the_suggestion_of_a_grid_is_a_point_that_is_left(backend):
    axes = {"a": {"values": [1, 2, 3]}, "b": {"values": [10, 20]}}
    sweep = backend.create({"method": "grid", "metric": {"name": "loss"}, "parameters": axes})
    for n in range(6):
        suggested = model_of(backend, sweep).suggested
        left = [(a, b) for a in (1, 2, 3) for b in (10, 20)][n:]
        assert suggested is None or tuple(suggested.config.values()) in left
        assert (suggested is not None) == (n >= 4)
        run = backend.ask(sweep).body
        backend.finish(run["id"], summary={"loss": run["config"]["a"] - run["config"]["b"]})
    assert model_of(backend, sweep).suggested is None


@pytest.mark.parametrize(
    ("config", "values", "reason"),
    [
        ({}, [1.0, 2.0, 3.0], "4 runs with a value of the metric; there are 3"),
        ({}, [5.0] * 6, "do not differ"),
        ({"parameters": {"x": {"value": 1}}}, [1.0], "more than one value"),
        ({"metric": None}, [], "no metric"),
    ],
)
def test_why_there_is_no_model(backend, config, values, reason):
    whole = {
        "method": "random",
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }
    whole = {name: value for name, value in {**whole, **config}.items() if value is not None}
    sweep = backend.create(whole)
    for value in values:
        run = backend.ask(sweep).body["id"]
        backend.finish(run, summary={"loss": value})
    model = model_of(backend, sweep)
    assert reason in model.reason_missing
    assert (model.importance, model.slices, model.suggested) == ((), (), None)


def test_failed_deleted_and_running_runs_are_no_obstacle(backend):
    sweep = played(backend, n_runs=8)
    backend.finish(backend.ask(sweep).body["id"], state="failed")
    deleted = backend.ask(sweep).body["id"]
    backend.finish(deleted, summary={"loss": 1.0})
    backend.call("DELETE", backend._path(deleted))
    backend.ask(sweep)
    model = model_of(backend, sweep)
    assert model.reason_missing is None
    assert model.runs == 9  # a failed run counts as the worst


def test_forecasts_are_shown_with_the_values_that_came(backend):
    sweep = played(backend, "bayes", n_runs=25)
    stopped = backend.ask(sweep).body["id"]
    backend.finish(stopped, summary={"loss": 1.0}, stopped_early=True)
    model = model_of(backend, sweep)
    runs = backend.runs(sweep)
    expected = [
        (run["index"], run["suggestion"]["mean"], run["suggestion"]["std"])
        for run in runs
        if "mean" in run["suggestion"]
    ]
    assert [(one.index, one.mean, one.std) for one in model.forecasts] == expected
    *before, last = model.forecasts
    assert [one.value for one in before] == [runs[one.index]["best"] for one in before]
    assert last.value is None
    assert model.coverage == coverage(model.forecasts)
    assert model.coverage.n == len(before)


def test_the_band_is_widened_by_what_the_last_forecasts_missed_by():
    rng = random.Random(2)
    wide = [RunForecast(n, 0.0, 1.0, rng.gauss(0.0, 2.0), "") for n in range(1000)]
    found = coverage(wide)
    assert found.n == 1000
    assert found.inside == pytest.approx(0.673, abs=0.04)  # of a normal within 0.98 of its std
    errors = sorted(abs(one.value) for one in wide[-30:])
    assert found.scale == pytest.approx((errors[27] + 0.55 * (errors[28] - errors[27])) / 1.96)
    assert coverage(wide[:9]).scale is None
    assert coverage([RunForecast(0, 0.0, 0.0, 1.0, ""), RunForecast(1, 0.0, 1.0, None, "")]) is None


def test_the_model_writes_nothing_and_says_the_same_again(backend):
    sweep = played(backend, "bayes", n_runs=12)
    before = [backend.services.store.get_status(sweep), *backend.services.store.list_leases(sweep)]
    assert model_of(backend, sweep) == model_of(backend, sweep)
    assert before == [
        backend.services.store.get_status(sweep),
        *backend.services.store.list_leases(sweep),
    ]
