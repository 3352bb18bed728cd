"""Importance in ``show`` and in the Python API."""

from __future__ import annotations

import pytest

import sweep_sdk
from sweep_sdk.cli.importance_view import importance_lines

PARAMETERS = {"lr": {"min": 0.0, "max": 1.0}, "opt": {"values": ["a", "b"]}}


def run_all(method, count):
    config = {"method": method, "metric": {"name": "loss"}, "seed": 1, "parameters": PARAMETERS}
    if method == "grid":
        config["parameters"] = {"lr": {"values": list(range(count // 2))}, "opt": PARAMETERS["opt"]}
    sweep = sweep_sdk.sweep(config)
    for _ in range(count):
        run = sweep_sdk.ask(sweep)
        run.tell({"loss": float(run.config.lr)})
    return sweep


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_importance_is_shown_for_every_method(cli, method):
    sweep = run_all(method, 24)
    found = sweep_sdk.get_sweep(sweep).importance()
    assert found[0]["name"] == "lr"
    assert found[0]["clear"]
    assert "importance: share of the variation of loss explained by each parameter (24 runs)" in (
        cli("show", sweep).out
    )


def test_too_few_runs(cli):
    sweep = run_all("random", 3)
    assert "importance of the parameters: not enough runs yet (3 runs)" in (cli("show", sweep).out)
    assert [entry["share"] for entry in sweep_sdk.get_sweep(sweep).importance()] == [None, None]


def test_python_raises_without_a_metric(cli):
    config = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}}
    sweep = sweep_sdk.sweep(config)
    with pytest.raises(sweep_sdk.NotPossible, match="has no metric"):
        sweep_sdk.get_sweep(sweep).importance()
    assert "importance" not in cli("show", sweep).out


def test_the_lines():
    parameters = [
        {"name": "lr", "share": 0.62, "clear": True},
        {"name": "depth", "share": 0.08, "clear": False},
        {"name": "opt", "share": None, "clear": False},
    ]
    assert list(importance_lines({"n_runs": 24, "parameters": parameters}, "loss")) == [
        "importance: share of the variation of loss explained by each parameter (24 runs)",
        "  lr      62%",
        "  depth    8%  may be due to chance",
        "  opt       -  too few runs with different values",
    ]
