"""Agents whose programs write nothing but event files, or MLflow's file store."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.view import events
from sweep_sdk._exceptions import UsageError
from sweep_service.model.language.followed import Source

TESTS = Path(__file__).parents[1]
QUICK = AgentOptions(
    row_interval_seconds=0.02, report_interval_seconds=0.05, term_timeout_seconds=5
)
#: Writes to one folder for all runs, as programs do that know of no sweep.
WRITER = f"""
    import os, socket, sys, time
    from pathlib import Path
    sys.path.append({str(TESTS)!r})
    from event_files import log, mlflow_run, scalars
    lr = float(sys.argv[1].removeprefix("--lr="))
    folder = Path("logs")
    folder.mkdir(exist_ok=True)
    path = folder / f"events.out.tfevents.1795864909.{{socket.gethostname()}}.{{os.getpid()}}.0"
    def write(step, **values):
        with path.open("ab") as file:
            file.write(scalars(step, **values))
"""
TENSORBOARD = (Source("tensorboard", "logs"),)


@pytest.fixture
def register(client):
    def register(script, values=(0.5, 0.25), **config):
        Path("train.py").write_text(textwrap.dedent(WRITER) + textwrap.dedent(script))
        document = {
            "method": "grid",
            "program": "train.py",
            "command": [sys.executable, "-S", "${program}", "${args}"],
            "metric": {"name": "loss"},
            "parameters": {"lr": {"values": list(values)}},
            **config,
        }
        return client.create_sweep(document)["id"]

    return register


@pytest.fixture
def work(client, settings):
    def work(sweep, **options):
        seen = []
        code = run_agent(client, sweep, replace(QUICK, **options), seen.append, settings)
        assert code == 0, seen
        return [event.message for event in seen if isinstance(event, events.Notice)]

    return work


def curves(client, sweep, n_runs):
    return [
        [(row["step"], row["metrics"]) for row in client.history(f"{sweep}-{n}")]
        for n in range(n_runs)
    ]


def test_by_the_sweep_file(client, register, work):
    sweep = register(
        "write(0, loss=lr); write(1, loss=lr / 2, acc=1)", metrics_from={"tensorboard": "logs"}
    )
    assert work(sweep) == []
    assert curves(client, sweep, 2) == [
        [(0, {"loss": 0.5}), (1, {"loss": 0.25, "acc": 1})],
        [(0, {"loss": 0.25}), (1, {"loss": 0.125, "acc": 1})],
    ]
    assert client.get_run(f"{sweep}-1")["summary"]["loss.min"] == 0.125


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder for each run is needed")
def test_runs_at_the_same_time_in_one_folder_get_their_own_rows(client, register, work):
    meet = """
        write(0, loss=lr)
        Path(f"here-{lr}").touch()
        while len(list(Path().glob("here-*"))) < 2:
            time.sleep(0.02)
        write(1, loss=lr / 2)
        time.sleep(1.5)  # beyond the next look: the process must be there to be recognized
    """
    sweep = register(meet)
    assert work(sweep, follows=TENSORBOARD, parallel=2) == []
    assert curves(client, sweep, 2) == [
        [(0, {"loss": 0.5}), (1, {"loss": 0.25})],
        [(0, {"loss": 0.25}), (1, {"loss": 0.125})],
    ]


def test_a_folder_of_the_runs_own_with_several_at_once(client, register, work):
    script = """
        path = Path(os.environ["SWEEP_RUN_DIR"], "tb", path.name)
        path.parent.mkdir(exist_ok=True)
        write(0, loss=lr)
    """
    sweep = register(script)
    assert work(sweep, follows=(Source("tensorboard", "${run_dir}/tb"),), parallel=2) == []
    assert curves(client, sweep, 2) == [[(0, {"loss": 0.5})], [(0, {"loss": 0.25})]]


def test_rows_arrive_while_the_program_runs(client, register, work):
    script = """
        write(0, loss=lr)
        while not Path(os.environ["SWEEP_METRICS_FILE"]).read_text():
            time.sleep(0.02)
        write(1, loss=lr / 2)
    """
    sweep = register(script, values=(0.5,))
    work(sweep, follows=TENSORBOARD)
    assert curves(client, sweep, 1) == [[(0, {"loss": 0.5}), (1, {"loss": 0.25})]]


def test_an_attempt_has_its_own_rows_only(client, register, work):
    script = """
        write(0, loss=float(os.environ["SWEEP_ATTEMPT"]))
        sys.exit(os.environ["SWEEP_ATTEMPT"] == "1")
    """
    sweep = register(script, values=(0.5,), retry_failed=1)
    work(sweep, follows=TENSORBOARD)
    rows = client.history(f"{sweep}-0")
    assert [(row["attempt"], row["metrics"]) for row in rows] == [
        (1, {"loss": 1}),
        (2, {"loss": 2}),
    ]


def test_mlflow_recognizes_runs_by_their_tag(client, register, work):
    script = """
        import json
        run = mlflow_run(Path("mlruns"), f"a{lr}", **json.loads(os.environ["MLFLOW_RUN_CONTEXT"]))
        log(run, "loss", lr, 0)
        log(run, "loss", lr / 2, 1)
    """
    sweep = register(script)
    assert work(sweep, follows=(Source("mlflow", "mlruns"),), parallel=2) == []
    assert curves(client, sweep, 2) == [
        [(0, {"loss": 0.5}), (1, {"loss": 0.25})],
        [(0, {"loss": 0.25}), (1, {"loss": 0.125})],
    ]


def test_a_program_that_writes_elsewhere_is_reported(register, work):
    sweep = register("")
    notices = work(sweep, follows=TENSORBOARD)
    assert "the program wrote no event file in logs" in notices


def test_functions_have_no_files_that_are_followed(client, settings):
    from sweep_sdk._agent.function_agent import run_function_agent

    with pytest.raises(UsageError, match="metrics_from is for programs"):
        run_function_agent(client, "k3v9x2ab", print, AgentOptions(follows=TENSORBOARD))


def sweep_sdk(*words):
    return subprocess.run(["sweep-sdk", *words], capture_output=True, text=True, check=False)


def test_by_options_of_the_command(client, register):
    sweep = register("write(0, loss=lr); print('acc: 3', flush=True)")
    options = ("--metrics-from", "tensorboard:logs", "--metrics-from", r"acc=acc: (\d)")
    done = sweep_sdk("agent", sweep, *options)
    assert done.returncode == 0, done.stderr
    summary = client.get_run(f"{sweep}-0")["summary"]
    assert (summary["loss"], summary["acc"]) == (0.5, 3)


def test_a_path_that_is_none(register):
    done = sweep_sdk("agent", register(""), "--metrics-from", "mlflow:")
    assert done.returncode == 2
    assert "metrics_from: found 'mlflow:'; needs the path of a folder" in done.stderr
