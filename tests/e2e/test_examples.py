"""Every example works when it is run as described."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sweep_sdk._backend.client import open_client
from sweep_sdk._settings import load_settings

EXAMPLES = Path(__file__).parents[2] / "sdk" / "examples"
PATIENCE_SECONDS = 180


@pytest.fixture
def environment(tmp_path):
    """A clean environment, with a data folder of its own and this Python first on PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    search_path = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    return kept | {"SWEEP_HOME": str(tmp_path / "home"), "PATH": os.pathsep.join(search_path)}


@pytest.fixture
def examples(tmp_path):
    """A copy, so that nothing is left behind in the checkout."""
    return shutil.copytree(EXAMPLES, tmp_path / "examples")


def run(words, folder, environment):
    return subprocess.run(
        words,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def only_sweep(environment):
    with open_client(load_settings(environment)) as client:
        (head,) = client.list_sweeps()
        return client.get_sweep(head["id"]), list(client.list_runs(head["id"]))


def test_the_list_of_examples_is_complete():
    listed = set(re.findall(r"\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text()))
    there = {
        path.name for path in EXAMPLES.iterdir() if path.name not in ("README.md", "__pycache__")
    }
    assert listed == there


def test_quickstart(examples, environment, tmp_path):
    folder = examples / "quickstart"
    file = folder / "sweep.yaml"
    text = file.read_text()
    small = text.replace("[16, 32, 64]", "[16]").replace("value: 12", "value: 2")
    assert small != text
    file.write_text(small)
    done = run([sys.executable, "demo.py", str(tmp_path / "home")], folder, environment)
    assert (done.returncode, done.stderr) == (0, "")
    sweep, runs = only_sweep(environment)
    assert sweep["state"] == "finished"
    assert [r["state"] for r in runs] == ["finished"] * 4
    best = max(r["summary"]["accuracy"] for r in runs)
    assert 0.2 < best <= 1.0
    assert sweep["best"]["best"] == best
    assert len({r["agent"] for r in runs}) == 2
    assert "agent 1 | " in done.stdout
    assert "agent 2 | " in done.stdout
    table = done.stdout.partition(f"$ sweep-sdk runs {sweep['id']}")[2]
    assert all(r["id"] in table for r in runs)
    assert f"accuracy={best:.5g} by run {sweep['best']['id']}" in table
    assert re.search(rf"^  SWEEP_HOME=\S+ \S+ ui {sweep['id']}$", done.stdout, re.MULTILINE)
    assert "[Y/n]" not in done.stdout


@pytest.mark.parametrize("is_wanted", [True, False])
def test_in_a_terminal_the_quickstart_offers_the_dashboard(examples, environment, is_wanted):
    with open_client(load_settings(environment)) as client:
        config = {"method": "grid", "parameters": {"a": {"values": [1]}}}
        sweep = client.create_sweep(config)["id"]
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", f"import demo, os; demo.offer_dashboard(os.environ, '{sweep}')"],
        cwd=examples / "quickstart",
        env={**environment, "BROWSER": "true", "DISPLAY": ""},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    guard = threading.Timer(PATIENCE_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
    guard.start()
    text = ""
    with suppress(OSError):  # the other end is closed
        while piece := os.read(master, 65536).decode():
            text += piece
            if text.endswith("[Y/n] "):
                os.write(master, b"\n" if is_wanted else b"n\n")
            elif "to stop" in piece:
                os.killpg(process.pid, signal.SIGINT)
    code = process.wait()
    guard.cancel()
    os.close(master)
    assert code == 0
    assert (f"$ sweep-sdk ui {sweep}" in text) is is_wanted
    assert ("http://127.0.0.1:" in text) is is_wanted
    assert "Traceback" not in text


def test_quickstart_script_by_hand(examples, environment):
    words = [sys.executable, "train.py", "--epochs", "1"]
    done = run(words, examples / "quickstart", environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "accuracy" in done.stdout
    assert not Path(environment["SWEEP_HOME"]).exists()


def test_function_agent(examples, environment):
    done = run([sys.executable, "function_agent.py"], examples, environment)
    assert done.returncode == 0
    sweep, runs = only_sweep(environment)
    assert len(runs) == 12
    assert {r["state"] for r in runs} == {"finished"}
    assert f"best: loss {sweep['best']['best']:.3g}" in done.stdout


def test_ask_and_tell(examples, environment):
    done = run([sys.executable, "ask_tell.py"], examples, environment)
    assert (done.returncode, done.stderr) == (0, "")
    sweep, runs = only_sweep(environment)
    assert len(runs) == 15
    assert len({str(r["config"]) for r in runs}) == 15
    assert f"best: {sweep['best']['best']:.1f} %" in done.stdout


def test_shell(examples, environment):
    words = [sys.executable, "-m", "sweep_sdk.cli", "sweep", "sweep.yaml", "--agent"]
    done = run(words, examples / "shell", environment)
    assert (done.returncode, done.stderr) == (0, "")
    _, runs = only_sweep(environment)
    assert len(runs) == 6
    for r in runs:
        start = 4.0 if r["config"]["shape"] == "round" else 9.0
        expected = start * (1 - r["config"]["rate"]) ** 20
        assert r["summary"]["loss"] == pytest.approx(expected, rel=1e-4)
        assert r["summary"]["n_steps"] == 10


def test_conditional(examples, environment):
    words = [sys.executable, "-m", "sweep_sdk", "sweep", "sweep.yaml", "--agent"]
    done = run(words, examples / "conditional", environment)
    assert done.returncode == 0, done.stderr
    sweep, runs = only_sweep(environment)
    # sgd with two values of momentum, and adam; one width, or two of which the second is no larger
    assert (sweep["state"], len(runs)) == ("finished", 3 * (2 + 3) * 2)
    assert [r["state"] for r in runs] == ["finished"] * len(runs)
    for config in (r["config"] for r in runs):
        assert ("momentum" in config) == (config["optimizer"] == "sgd")
        assert ("width_2" in config) == (config["layers"] == 2)
        assert config.get("width_2", 0) <= config["width_1"]
        assert config["batch_size"] == {"small": 64, "large": 16}[config["model"]]
