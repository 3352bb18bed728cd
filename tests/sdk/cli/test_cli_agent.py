"""``sweep-sdk agent`` with real training programs, from the user's perspective."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PATIENCE_SECONDS = 120
TRAIN = """\
import argparse, sys
import sweep_sdk

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--layers", type=int)
arguments = parser.parse_args()
run = sweep_sdk.init()
run.log({"loss": 1.0})
run.log({"loss": arguments.lr * arguments.layers})
print("trained", arguments.lr, arguments.layers)
run.finish()
"""


@pytest.fixture
def train(grid_file):
    Path("train.py").write_text(TRAIN)


def sweep_sdk(*words):
    """A command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sweep_sdk.cli", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_registers_and_works_until_the_sweep_has_ended(train, client):
    done = sweep_sdk("sweep", "sweep.yaml", "--agent")
    assert (done.returncode, done.stderr) == (0, "")
    (sweep,) = client.list_sweeps()
    lines = done.stdout.splitlines()
    assert f"[4/4] {sweep['id']}-3: layers=2 lr=0.01" in lines
    assert lines.count("trained 0.1 2") == 1
    assert any(line.endswith("train.py --layers=2 --lr=0.01") for line in lines)
    assert f"sweep {sweep['id']} is finished: 4 runs (4 finished)" in lines
    assert lines[-1] == f"best: loss=0.01 by {sweep['id']}-1 (layers=1 lr=0.01)"
    assert client.best_run(sweep["id"])["summary"]["loss"] == 0.01


def test_count_and_logs_and_show(train, cli, grid):
    assert sweep_sdk("agent", grid, "--count", "1").returncode == 0
    (run,) = cli("runs", grid, "--json").json
    assert (run["state"], run["exit_code"]) == ("finished", 0)
    assert cli("logs", run["id"]).out == "trained 0.1 1\n"
    shown = cli("show", run["id"]).out
    assert re.search(r"step 1\b.*: loss=0.1$", shown, re.MULTILINE)
    assert "output.log" in shown
    assert cli("best", grid, "--format", "json").json == {"layers": 1, "lr": 0.1}


def test_gives_up_when_everything_fails(grid, cli):
    Path("train.py").write_text("import sys\nsys.exit('no data')\n")
    done = sweep_sdk("agent", grid)
    assert done.returncode == 1
    assert done.stdout.count("exit code 1") == 3
    assert "no data" in done.stdout
    assert [run["state"] for run in cli("runs", grid, "--json").json] == ["failed"] * 3
    assert "no data" in cli("show", f"{grid}-0").out


def test_gives_up_after_failures_in_a_row(grid, client):
    Path("train.py").write_text("import sys\nsys.exit(sys.argv[1] != '--layers=1')\n")
    limits = ["--max-initial-failures", "0", "--max-consecutive-failed-runs", "2"]
    done = sweep_sdk("agent", grid, *limits)
    assert done.returncode == 1
    assert "2 runs failed in a row (--max-consecutive-failed-runs)" in done.stdout
    assert [run["state"] for run in client.list_runs(grid)] == ["finished"] * 2 + ["failed"] * 2


def test_a_program_that_does_not_exist(grid):
    done = sweep_sdk("agent", grid)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no program 'train.py'")
    assert done.stderr.count("\n") == 1


def test_of_a_sweep_that_has_ended(train, grid, client):
    client.change_sweep(grid, state="canceled")
    done = sweep_sdk("agent", grid)
    assert done.returncode == 0
    assert "ended" in done.stdout


def test_a_reader_that_leaves_does_not_end_it(train, grid, client):
    agent = subprocess.Popen(
        [sys.executable, "-m", "sweep_sdk.cli", "agent", grid], stdout=subprocess.PIPE
    )
    agent.stdout.readline()
    agent.stdout.close()
    assert agent.wait(PATIENCE_SECONDS) == 0
    assert client.get_sweep(grid)["counts"] == {"finished": 4}


def test_parallel_runs_are_distinguished(train, grid):
    done = sweep_sdk("agent", grid, "--parallel", "2")
    assert done.returncode == 0
    assert f"{grid}-0 | trained 0.1 1" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gpus", "0,,1"], "gpus: found ''"),
        (["--run-timeout", "0"], "--run-timeout"),
        (["--name", "x" * 200], "name"),
        (["--parallel", "0"], "--parallel"),
    ],
)
def test_options_that_make_no_sense(cli, grid, words, message):
    result = cli("agent", grid, *words)
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def test_the_flags_of_best_start_the_program_again(train, cli, grid, run_one):
    run_one(grid, loss=0.5)
    flags = cli("best", grid, "--format", "args").out
    again = subprocess.run(
        f"{sys.executable} train.py {flags}",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SWEEP_URL": "http://127.0.0.1:9"},
    )
    assert again.stdout == "trained 0.1 1\n"


def test_the_words_of_moved_launch_scripts(train, cli, grid):
    words = ("agent", grid, "-p", "mnist", "-e", "team", "--count", "1")
    done = subprocess.run(
        [sys.executable, "-m", "sweep_sdk", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == f"sweep {grid} belongs to project 'default'; --project is ignored\n"


BLIND = """\
import sweep_sdk
run = sweep_sdk.init()
run.log({"Loss": 1.0, "epoch": 2})
run.finish()
"""


def test_a_metric_that_is_never_logged_is_reported_and_ends_the_agent(cli, grid):
    Path("train.py").write_text(BLIND)
    done = sweep_sdk("agent", grid)
    words = "logged Loss, epoch, not loss, the sweep's metric; did you mean Loss?"
    assert done.returncode == 1
    assert (done.stdout + done.stderr).count(words) == 1
    assert "3 runs in a row finished without logging the sweep's metric" in done.stdout
    assert f"3 finished runs have no value of loss: {words}" in cli("runs", grid).out
    assert words in cli("best", grid).err
    assert words in cli("show", grid).err
    assert words in cli("show", f"{grid}-0").err


def test_the_limit_of_runs_without_metric_can_be_disabled(cli, grid):
    Path("train.py").write_text(BLIND)
    assert sweep_sdk("agent", grid, "--max-runs-without-metric", "0").returncode == 0
    assert len(cli("runs", grid, "--json").json) == 4


def test_a_program_that_is_cut_off_from_its_run_is_reported(cli, grid):
    Path("train.py").write_text("")
    assert "env -i" in (lambda done: done.stdout + done.stderr)(sweep_sdk("agent", grid))


class TestPrintedMetrics:
    """A program that cannot be changed prints its metrics."""

    SOLVER = """\
        import sys, time
        for epoch in range(1, 5):
            print(f"epoch {epoch} loss: {1 - epoch / 10:.2f}")
            print(f"accuracy = {epoch * 10}", file=sys.stderr)
        print("done")
        """

    @pytest.fixture
    def solver(self, home):
        Path("solver.py").write_text(textwrap.dedent(self.SOLVER))

    @pytest.fixture
    def register(self, solver, client):
        def register(**config):
            base = {
                "method": "grid",
                "program": "solver.py",
                "metric": {"name": "loss"},
                "parameters": {"lr": {"values": [1, 2]}},
            }
            return client.create_sweep({**base, **config})["id"]

        return register

    def test_by_the_sweep_file(self, register, cli):
        patterns = {"loss": r"loss: ([0-9.]+)", "step": r"epoch (\d+)"}
        accuracy = {"acc": r"accuracy = (\d+)"}
        sweep = register(metrics_from={"stdout": patterns, "stderr": accuracy})
        done = sweep_sdk("agent", sweep)
        assert done.returncode == 0
        assert "finished after" in done.stdout
        assert f"best: loss=0.6 by {sweep}-0" in done.stdout
        rows = [row for row in cli("history", f"{sweep}-1", "--json").json if "loss" in row]
        assert [(row["step"], row["loss"]) for row in rows] == [
            (1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6),
        ]  # fmt: skip
        (run, _) = cli("runs", sweep, "--json").json
        assert (run["best"], run["summary"]["acc.max"]) == (0.6, 40)
        assert cli("logs", f"{sweep}-1").out.count("accuracy") == 4

    def test_by_an_option_of_the_agent_from_both_streams(self, register, cli):
        sweep = register()
        done = sweep_sdk(
            "agent", sweep, "--metrics-from", r"acc=accuracy = (\d+)", "--metrics-from",
            "loss=loss: (.*)",
        )  # fmt: skip
        assert done.returncode == 0
        assert [run["best"] for run in cli("runs", sweep, "--json").json] == [0.6, 0.6]

    def test_bands_and_targets_see_what_is_printed(self, register, cli):
        sweep = register(
            metric={"name": "loss", "target": 0.7},
            metrics_from={"stdout": {"loss": "loss: ([0-9.]+)"}},
        )
        assert sweep_sdk("agent", sweep).returncode == 0
        assert cli("show", sweep, "--json").json["state"] == "finished"
        assert len(cli("runs", sweep, "--json").json) == 1

    def test_a_pattern_that_matches_nothing_is_reported_once(self, register):
        patterns = {"loss": "loss: ([0-9.]+)", "lr": "learning rate (.*)"}
        done = sweep_sdk("agent", register(metrics_from={"stdout": patterns}))
        assert done.returncode == 0
        words = "the program printed nothing that matches the pattern of lr"
        assert done.stderr.count(words) == 1

    def test_a_metric_that_is_never_printed_is_reported_and_is_a_reason_to_give_up(self, register):
        sweep = register(
            parameters={"lr": {"values": [1, 2, 3, 4, 5]}},
            metrics_from={"stdout": {"loss": "LOSS ([0-9.]+)"}},
        )
        done = sweep_sdk("agent", sweep)
        assert done.returncode == 1
        assert "nothing that was printed matches the pattern of loss" in done.stderr
        assert done.stderr.count("matches the pattern of loss") == 1

    def test_text_that_is_no_number_is_reported_by_name_and_counted(self, register):
        done = sweep_sdk("agent", register(), "--metrics-from", r"loss=(epoch)", "--count", "1")
        assert "metric 'loss' is left out: found the text 'epoch'" in done.stderr
        assert "4 times in all" in done.stderr

    @pytest.mark.parametrize(
        ("option", "words"),
        [
            ("loss", "--metrics-from: found 'loss'; needs NAME=PATTERN, such as"),
            ("=x", "--metrics-from: found '=x'; needs NAME=PATTERN"),
            ("loss=x", "the pattern of loss: found 'x'; it has no group; needs a regular"),
            ("loss=(x", "it is no regular expression: missing ), unterminated subpattern"),
        ],
    )
    def test_an_option_that_cannot_be_used(self, register, cli, option, words):
        result = cli("agent", register(), "--metrics-from", option)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert words in result.err
