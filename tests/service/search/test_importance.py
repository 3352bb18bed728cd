"""Importance of parameters, also with few runs."""

from __future__ import annotations

import math
import random

import pytest

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.search.importance import FEWEST_RUNS, MOST_RUNS, importance

PARAMETERS = {
    "lr": {"min": 0.0, "max": 1.0},
    "n": {"min": 1, "max": 4},
    "opt": {"values": ["adam", "sgd", "none"]},
    "flag": {"values": [True, False]},
}


def space_of(parameters):
    config = {"method": "random", "metric": {"name": "loss"}, "parameters": parameters}
    return parse_object(config).config.space


SPACE = space_of(PARAMETERS)


def runs_of(n_runs, value_of, seed=0):
    draw = random.Random(seed)
    configs = [SPACE.sample([draw.random() for _ in SPACE.searched]) for _ in range(n_runs)]
    return [(config, value_of(config, draw)) for config in configs]


def found_in(runs, space=SPACE):
    return {entry.parameter: entry for entry in importance(space, runs)}


def noise(_config, draw):
    return draw.gauss(0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "value_of"),
    [
        ("lr", lambda config: config["lr"]),
        ("lr", lambda config: (config["lr"] - 0.5) ** 2),
        ("n", lambda config: -config["n"]),
        ("opt", lambda config: float(config["opt"] == "sgd")),
        ("flag", lambda config: 3.0 * config["flag"]),
    ],
)
@pytest.mark.parametrize("n_runs", [40, 200])
def test_what_matters_is_found(name, value_of, n_runs):
    runs = runs_of(n_runs, lambda config, draw: value_of(config) + 0.05 * draw.random())
    entries = importance(SPACE, runs)
    assert entries[0].parameter == name
    assert entries[0].share > 0.5
    assert entries[0].is_clear


@pytest.mark.parametrize("n_runs", [9, 15, 40])
def test_chance_is_rarely_clear(n_runs):
    n_clear = sum(
        any(entry.is_clear for entry in found_in(runs_of(n_runs, noise, seed)).values())
        for seed in range(60)
    )
    assert n_clear <= 9  # 3 are expected


@pytest.mark.parametrize("n_runs", [12, 30])
def test_chance_has_no_share_on_average(n_runs):
    shares = [
        entry.share
        for seed in range(40)
        for entry in found_in(runs_of(n_runs, noise, seed)).values()
        if entry.share is not None
    ]
    assert sum(shares) / len(shares) < 0.1


@pytest.mark.parametrize("n_runs", range(FEWEST_RUNS))
def test_too_few_runs(n_runs):
    entries = importance(SPACE, runs_of(n_runs, lambda config, _: config["lr"]))
    assert [(entry.share, entry.is_clear) for entry in entries] == [(None, False)] * 4


@pytest.mark.parametrize("n_others", [0, 1, 2])
def test_a_parameter_that_was_the_same_in_nearly_all_runs_is_not_judged(n_others):
    """Even where the runs that differ are the best ones."""
    runs = runs_of(9, lambda config, _: 0.0)
    runs = [({**config, "flag": n < n_others}, -10.0 * (n < n_others)) for n, (config, _)
            in enumerate(runs)]  # fmt: skip
    assert found_in(runs)["flag"].share is None


def test_a_diverged_run_does_not_decide():
    runs = runs_of(40, lambda config, _: config["lr"])
    before = found_in(runs)["lr"].share
    config, _ = runs[0]
    assert found_in([(config, 1e300), *runs[1:]])["lr"].share > before - 0.2


def test_equal_values_explain_nothing():
    entries = importance(SPACE, runs_of(30, lambda *_: 1.0))
    assert all(entry.share == 0.0 and not entry.is_clear for entry in entries)


def test_runs_outside_the_space_say_nothing_of_their_parameter():
    runs = runs_of(30, lambda config, _: config["lr"])
    odd = [({**config, "opt": "other"}, value) for config, value in runs]
    found = found_in(odd)
    assert found["opt"].share is None
    assert found["lr"].is_clear


def test_the_newest_runs_count():
    old = runs_of(MOST_RUNS, noise, 1)
    new = runs_of(MOST_RUNS, lambda config, _: config["lr"], 2)
    assert importance(SPACE, [*old, *new]) == importance(SPACE, new)


def test_it_is_the_same_for_the_same_runs():
    runs = runs_of(30, noise)
    assert importance(SPACE, runs) == importance(SPACE, list(runs))
    shares = [entry.share for entry in importance(SPACE, runs)]
    assert all(share is None or (math.isfinite(share) and 0 <= share <= 1) for share in shares)
