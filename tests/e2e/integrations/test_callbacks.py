"""The callbacks with real libraries, in programs of a real agent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
AGENT = Path(__file__).parents[1] / "agent_process.py"
#: Metrics that each program logs; of the first, there is a row for each of four steps.
METRICS = {
    "huggingface": ("train/loss", "eval/loss"),
    "lightning": ("train_loss", "val_loss"),
    "keras": ("val_loss", "loss"),
    "xgboost": ("train-rmse",),
    "lightgbm": ("train_l2",),
}
OPTIONS = {
    "row_interval_seconds": 0.02,
    "report_interval_seconds": 0.1,
    "term_timeout_seconds": 60,
    "max_runs_without_metric": 1,
}
TIMEOUT_SECONDS = 240


@pytest.fixture(params=METRICS)
def library(request, workplace):
    """The name of a library."""
    return request.param


@pytest.fixture
def train(client, library, library_python):
    """Runs an agent on a sweep over the program of a library; its exit code and the sweep."""

    def train(parameters, **options):
        sweep = client.create_sweep(
            {
                "method": "grid",
                "command": [str(library_python), program(library), "${args}"],
                "metric": {"name": METRICS[library][0]},
                "parameters": parameters,
            }
        )["id"]
        # exec: the shell's process becomes the agent, whose number the program needs
        done = subprocess.run(
            ["sh", "-c", 'AGENT_PID=$$ exec "$@"', "sh", sys.executable, AGENT, sweep,
             json.dumps(OPTIONS | options)],
            stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS, text=True, check=False,
        )  # fmt: skip
        return done, sweep

    return train


def program(library):
    return str(PROGRAMS / f"{library}_program.py")


def ended():
    return json.loads(Path("ended.json").read_text())


def test_every_row_arrives_and_the_configuration_is_used(client, train, library):
    done, sweep = train({"lr": {"values": [0.5, 0.001]}})
    assert done.returncode == 0, done.stdout
    metric = METRICS[library][0]
    curves = []
    for name in (f"{sweep}-0", f"{sweep}-1"):
        run = client.get_run(name)
        assert run["state"] == "finished"
        assert set(METRICS[library]) <= set(run["summary"])
        curves.append([row["metrics"][metric] for row in client.history(name, keys=(metric,))])
    assert list(map(len, curves)) == [4, 4]
    assert curves[0] != curves[1]
    assert ended() == {"steps": 4, "is_default_handler": True}


def test_a_stop_ends_the_training_and_not_the_program(client, train, library):
    done, sweep = train({"stop": {"value": "run"}})
    run = client.get_run(f"{sweep}-0")
    assert (run["state"], run["exit_code"]) == ("killed", 0), done.stdout
    assert 3 <= ended()["steps"] < 1_000_000
    assert ended()["is_default_handler"]


def test_an_interrupted_training_does_not_count_as_complete(client, train, library):
    done, sweep = train({"stop": {"value": "agent"}})
    assert done.returncode == 128 + signal.SIGTERM, done.stdout
    assert client.get_run(f"{sweep}-0")["state"] == "pending"
    assert ended()["steps"] < 1_000_000  # although the program has called finish()


FUNCTION = """
import subprocess, sys
import numpy as np
import sweep_sdk, xgboost
from sweep_sdk.integrations.xgboost import SweepCallback

class Stopper(xgboost.callback.TrainingCallback):
    def after_iteration(self, model, epoch, evals_log):
        if epoch == 3:
            subprocess.run(["sweep-sdk", "sweep", "--stop-run", sweep_sdk.init().id], check=True)
        return False

def train():
    x = np.ones((9, 2))
    data = xgboost.DMatrix(x, x[:, 0])
    callbacks = [Stopper(), SweepCallback()]
    xgboost.train({}, data, 10**6, [(data, "a")], verbose_eval=False, callbacks=callbacks)
    print("the training returned")

sweep_sdk.agent(sys.argv[1], function=train)
"""


def test_a_function_returns_from_a_training_that_is_stopped(
    client, workplace, library_python, monkeypatch
):
    monkeypatch.setenv("SWEEP_REPORT_INTERVAL", "0.1")
    config = {"method": "grid", "metric": {"name": "a-rmse"}, "parameters": {"n": {"value": 1}}}
    sweep = client.create_sweep(config)["id"]
    done = subprocess.run(
        [library_python, "-c", FUNCTION, sweep],
        stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS, text=True, check=False,
    )  # fmt: skip
    assert "the training returned" in done.stdout
    assert client.get_run(f"{sweep}-0")["state"] == "killed"


def test_outside_a_sweep_the_program_trains_all_the_same(library, library_python):
    env = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    subprocess.run([library_python, program(library)], env=env, check=True, timeout=TIMEOUT_SECONDS)
    assert ended()["steps"] == 4


def test_a_library_that_is_missing_is_named_in_one_line(library):
    done = subprocess.run(
        [sys.executable, "-c", f"import sweep_sdk.integrations.{library}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    package = {"huggingface": "transformers"}.get(library, library)
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: this integration needs {package}, which is not installed:"
        f" 'pip install {package}'"
    )
