from __future__ import annotations

import pytest

from sweep_sdk._agent.outbox.logged import Logged
from sweep_sdk._agent.session.best import BestTracker
from sweep_sdk._agent.view.events import BestSoFar


def sweep(goal="minimize", best=None):
    return {"metric": {"name": "loss", "goal": goal}, "best": best}


def test_the_first_value_is_the_best():
    found = BestTracker(sweep()).offer("r-0", 0.5, {"lr": 1})
    assert found == BestSoFar("r-0", "loss", 0.5, {"lr": 1})


@pytest.mark.parametrize(("goal", "better", "worse"), [("minimize", 1, 3), ("maximize", 3, 1)])
def test_only_better_ones_are_news(goal, better, worse):
    best = BestTracker(sweep(goal))
    best.offer("r-0", 2, {})
    assert best.offer("r-1", worse, {}) is None
    assert best.offer("r-1", 2, {}) is None
    assert best.offer("r-2", better, {}).value == better


def test_what_the_backend_knows_counts():
    best = BestTracker(sweep(best={"id": "r-7", "best": 0.1, "config": {}}))
    assert best.offer("r-8", 0.2, {}) is None
    assert best.offer("r-9", 0.05, {}).run == "r-9"


@pytest.mark.parametrize("value", [None, "NaN"])
def test_a_best_run_without_a_number(value):
    best = BestTracker(sweep(best={"id": "r-7", "best": value, "config": {}}))
    assert best.offer("r-8", 0.2, {}) is not None


def test_without_a_metric_nothing_is_best():
    best = BestTracker({"metric": None, "best": None})
    assert best.metric is None
    assert best.offer("r-0", 0.5, {}) is None


def test_a_run_without_a_value_changes_nothing():
    assert BestTracker(sweep()).offer("r-0", None, {}) is None


def test_a_sweep_that_has_another_metric_now():
    best = BestTracker(sweep(best={"id": "r-7", "best": 0.1, "config": {}}))
    best.follow("loss")
    best.follow(None)  # an older backend does not say
    assert best.offer("r-8", 0.2, {}) is None
    best.follow("acc")
    assert best.offer("r-8", 0.2, {}) == BestSoFar("r-8", "acc", 0.2, {})


def test_the_value_of_a_run_goes_by_the_goal():
    logged = Logged("loss")
    for value in (2.0, 1.0, 3.0):
        logged.add_metrics({"loss": value})
    assert BestTracker(sweep("minimize")).value_of(logged) == 1.0
    assert BestTracker(sweep("maximize")).value_of(logged) == 3.0
