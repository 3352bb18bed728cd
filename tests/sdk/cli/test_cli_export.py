"""``sweep-sdk export --optuna`` writes a file that Optuna itself can read."""

from __future__ import annotations

import math
import sys
import warnings
from datetime import datetime
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

CONFIG = {
    "method": "random",
    "name": "a study",
    "metric": {"name": "loss"},
    "seed": 1,
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
        "decay": {"min": 0.0, "max": 0.5},
        "layers": {"min": 1, "max": 9},
        "width": {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 16},
        "drop": {"distribution": "q_uniform", "min": 0.0, "max": 0.6, "q": 0.2},
        "noise": {"distribution": "normal", "mu": 0.0, "sigma": 1.0},
        "net": {"parameters": {"kind": {"values": ["cnn", "mlp", None]}}},
        "shape": {"values": [{"width": 1}, [2, 3], True, 0.5]},
        "fixed": {"value": 3},
    },
}
#: How each run ends, the values that it logs, and the state of its trial.
RUNS = [
    ("finished", [3.0, 1.0, 2.0], "COMPLETE"),
    ("finished", ["NaN", "Infinity", "-Infinity"], "FAIL"),
    ("finished", [], "FAIL"),
    ("failed", [0.5], "FAIL"),
    ("killed", [0.75], "FAIL"),
    ("early", [2.0, 2.5], "PRUNED"),
    ("finished", [5.0], "COMPLETE"),
    ("running", [4.0], "RUNNING"),
    ("preempted", [4.5], "WAITING"),
]


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


@pytest.fixture
def sweep(client):
    created = client.create_sweep(CONFIG, project="vision")["id"]
    taken = [
        client.ask(created, f"key-of-run-{n}", f"agent {n}", host="h") for n in range(len(RUNS))
    ]
    for run, (ending, values, _) in zip(taken, RUNS, strict=True):
        rows = [{"step": 2 * n, "at": 1e3, "metrics": {"loss": v}} for n, v in enumerate(values)]
        client.report(run.id, run.attempt, 0, rows)
        state = "killed" if ending == "early" else ending
        summary = {"loss": values[-1], "acc": 0.5} if values else {}
        if ending != "running":
            is_early = ending == "early"
            client.finish(
                run.id,
                Ending(
                    run.attempt,
                    RunState(state),
                    exit_code=3 if ending == "failed" else None,
                    is_stopped_early=is_early,
                    summary=summary,
                    attributes={"tags": ["a"]},
                ),
            )
    return created


@pytest.fixture
def exported(sweep, cli):
    result = cli("export", sweep, "--optuna", "study.db")
    assert (result.code, result.err) == (0, "")
    return result, optuna.load_study(study_name=sweep, storage="sqlite:///study.db")


def test_the_study(exported, sweep):
    result, study = exported
    assert result.out == (
        f"study.db: study {sweep} with 9 trials"
        " (2 complete, 4 fail, 1 pruned, 1 running, 1 waiting)\n"
    )
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    assert study.metric_names == ["loss"]
    assert study.best_value == 1.0
    assert (study.user_attrs["name"], study.user_attrs["project"]) == ("a study", "vision")
    assert study.user_attrs["config"]["parameters"]["fixed"] == {
        "distribution": "constant", "value": 3
    }  # fmt: skip


def test_states_and_values(exported):
    _, study = exported
    assert [trial.state.name for trial in study.trials] == [state for _, _, state in RUNS]
    assert [trial.value for trial in study.trials] == [
        *(1.0, None, None, None, None, 2.0, 5.0, None, None),
    ]
    assert study.trials[0].intermediate_values == {0: 3.0, 2: 1.0, 4: 2.0}
    strange = study.trials[1].intermediate_values
    assert math.isnan(strange[0])
    assert (strange[2], strange[4]) == (math.inf, -math.inf)
    assert study.trials[2].intermediate_values == {}
    assert study.trials[7].intermediate_values == {0: 4.0}


def test_parameters_and_distributions(exported, client, sweep):
    _, study = exported
    runs = list(client.list_runs(sweep))
    for trial, run in zip(study.trials, runs, strict=True):
        assert set(trial.params) == set(CONFIG["parameters"]) - {"fixed", "net"} | {"net.kind"}
        assert trial.params["lr"] == run["config"]["lr"]
        assert trial.params["net.kind"] == run["config"]["net"]["kind"]
    found = study.trials[0].distributions
    assert found["lr"] == FloatDistribution(1e-5, 1.0, log=True)
    assert found["decay"] == FloatDistribution(0.0, 0.5)
    assert found["layers"] == IntDistribution(1, 9)
    assert found["width"] == IntDistribution(16, 512, log=True)
    assert found["drop"] == FloatDistribution(0.0, 0.6, step=0.2)
    assert found["noise"].low < -3 < 3 < found["noise"].high
    assert found["net.kind"] == CategoricalDistribution(["cnn", "mlp", None])
    assert found["shape"] == CategoricalDistribution(['{"width": 1}', "[2, 3]", True, 0.5])


def test_attributes_and_times(exported, client, sweep):
    _, study = exported
    runs = list(client.list_runs(sweep))
    failed = study.trials[3]
    assert failed.user_attrs["run"] == f"{sweep}-3"
    assert (failed.user_attrs["agent"], failed.user_attrs["exit_code"]) == ("agent 3", 3)
    assert failed.user_attrs["summary.acc"] == 0.5
    assert failed.user_attrs["attributes.tags"] == ["a"]
    assert "signal" not in failed.user_attrs
    assert failed.datetime_start == datetime.fromtimestamp(runs[3]["started_at"])  # noqa: DTZ006
    assert failed.datetime_complete == datetime.fromtimestamp(runs[3]["ended_at"])  # noqa: DTZ006
    assert study.trials[7].datetime_complete is None
    assert study.trials[8].datetime_start is None


def test_optuna_goes_on_with_the_study(exported):
    _, study = exported
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study.enqueue_trial({"layers": 2})
    trial = study.ask(study.trials[0].distributions)
    study.tell(trial, 0.25)
    assert study.best_value == 0.25


def test_values_of_earlier_configurations_widen_the_distributions(client, cli):
    sweep = client.create_sweep(CONFIG)["id"]
    client.ask(sweep, "key-of-the-run-0", "a", host="h")
    space = {"lr": {"min": 2.0, "max": 3.0}, "decay": {"values": ["a"]}, "layers": {"values": [20]},
             "drop": {"distribution": "q_uniform", "min": 1, "max": 5, "q": 2}}  # fmt: skip
    client.change_sweep(sweep, config={**CONFIG, "parameters": {**CONFIG["parameters"], **space}})
    client.ask(sweep, "key-of-the-run-1", "a", host="h")
    assert cli("export", sweep, "--optuna", "study.db").code == 0
    first, second = optuna.load_study(study_name=sweep, storage="sqlite:///study.db").trials
    assert first.distributions == second.distributions
    assert first.params["lr"] < 2.0 <= second.params["lr"]


def test_a_sweep_without_runs(client, cli):
    sweep = client.create_sweep(CONFIG)["id"]
    result = cli("export", sweep, "--optuna", "study.db")
    assert result.out == f"study.db: study {sweep} with 0 trials\n"
    assert optuna.load_study(study_name=sweep, storage="sqlite:///study.db").trials == []


class TestErrors:
    def test_the_file_exists(self, sweep, cli, home):
        Path("study.db").write_text("mine")
        result = cli("export", sweep, "--optuna", "study.db")
        assert (result.code, result.out) == (2, "")
        assert result.err == "error: study.db exists: choose another name, or delete it first\n"
        assert Path("study.db").read_text() == "mine"

    def test_no_metric(self, client, cli):
        config = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}}
        result = cli("export", client.create_sweep(config)["id"], "--optuna", "study.db")
        assert result.code == 2
        assert "has no metric, which a study of Optuna needs" in result.err

    def test_optuna_is_not_installed(self, sweep, cli, monkeypatch):
        monkeypatch.setitem(sys.modules, "optuna", None)
        result = cli("export", sweep, "--optuna", "study.db")
        assert result.code == 2
        assert result.err == "error: --optuna needs Optuna: pip install optuna\n"

    def test_nothing_remains_of_an_export_that_failed(self, sweep, cli, monkeypatch, tmp_path):
        from sweep_sdk._results import optuna_study

        def fail(*_, **__):
            raise optuna_study.UsageError("no curves")

        monkeypatch.setattr(optuna_study, "find_curves", fail)
        assert cli("export", sweep, "--optuna", "study.db").code == 2
        assert list((tmp_path / "work").iterdir()) == []
