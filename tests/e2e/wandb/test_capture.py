"""Unchanged programs that use wandb under an agent, without an account, for every client."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

AGENT_PROCESS = Path(__file__).parents[1] / "agent_process.py"
NAN = pytest.approx(math.nan, nan_ok=True)
SWEEP = {
    "method": "grid",
    "program": "train.py",
    "metric": {"name": "loss"},
    "parameters": {"lr": {"values": [0.1]}},
}


@pytest.fixture
def register(wandb_client, client, workplace):
    """Registers a sweep of a program; its id."""

    def register(program: str, **changes):
        (workplace / "train.py").write_text(textwrap.dedent(program))
        command = [str(wandb_client.python), "${program}", "${args}"]
        return client.create_sweep({**SWEEP, "command": command, **changes})["id"]

    return register


@pytest.fixture
def run(register, client, settings):
    """Runs a program under an agent; the sweep's runs and what the agent showed."""

    def run(program: str, *, agent_options=None, variables=None, **changes):
        sweep = register(program, **changes)
        done = subprocess.run(
            [sys.executable, AGENT_PROCESS, sweep, json.dumps(agent_options or {})],
            capture_output=True, text=True, timeout=240, check=False,
            env={**os.environ, **(variables or {})},
        )  # fmt: skip
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return Outcome(client, sweep, events, done, settings.runs_dir)

    return run


class Outcome:
    def __init__(self, client, sweep, events, done, runs_dir):
        self.client, self.sweep, self.events, self.done = client, sweep, events, done
        self.runs_dir = runs_dir
        self.runs = list(client.list_runs(sweep))

    def rows(self, index=0):
        rows = self.client.thinned_history(f"{self.sweep}-{index}", 20_000).rows
        return [{"step": row["step"], **row["metrics"]} for row in rows]

    @property
    def notices(self):
        return [event["message"] for event in self.events if event["event"] == "Notice"]

    @property
    def output(self):
        logs = self.runs_dir.glob(f"{self.sweep}/*/output.log")
        return "".join(log.read_text(encoding="utf-8") for log in sorted(logs))

    def only(self, state="finished"):
        (only,) = self.runs
        assert only["state"] == state, (self.notices, self.done.stderr, self.events)
        return only


ARTICLE = """
    import argparse
    import wandb

    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()

    wandb.init(project="my-project", config=args)
    for epoch in range(args.epochs):
        wandb.log({"epoch": epoch, "loss": wandb.config.lr / (epoch + 1)})
    wandb.finish()
"""


def test_the_program_of_the_article_works_word_for_word(run):
    outcome = run(ARTICLE, parameters={"lr": {"values": [0.1, 0.00001]}})
    assert [found["state"] for found in outcome.runs] == ["finished", "finished"]
    assert outcome.rows(0) == [
        {"step": epoch, "epoch": epoch, "loss": 0.1 / (epoch + 1)} for epoch in range(3)
    ]
    assert outcome.runs[1]["best"] == pytest.approx(0.00001 / 3)
    assert outcome.runs[0]["attributes"]["config"] == {"epochs": 3}
    (line,) = [message for message in outcome.notices if message.startswith("wandb: ")]
    assert "nothing to W&B" in line
    assert "SWEEP_TOKEN" not in outcome.output


def test_the_values_of_the_sweep_are_in_the_config_of_a_program_without_flags(run, wandb_client):
    outcome = run(
        """
        import json, wandb
        wandb.init(config={"lr": 5.0, "momentum": 0.9, "model": {"depth": 2}})
        wandb.log({"loss": wandb.config.lr, "momentum": wandb.config.momentum})
        print("found", json.dumps(dict(wandb.config), sort_keys=True))
        """,
        command=[str(wandb_client.python), "${program}"],
        parameters={
            "lr": {"value": 1e-5},
            "layers": {"value": [64, None, True]},
            "model": {"parameters": {"depth": {"value": 7}}},
            "name": {"value": 'a "b" \\ é 😀'},
        },
    )
    assert outcome.only()["best"] == 1e-5
    (line,) = [line for line in outcome.output.splitlines() if line.startswith("found")]
    assert json.loads(line.removeprefix("found")) == {
        "lr": 1e-5,
        "layers": [64, None, True],
        "model": {"depth": 7},
        "name": 'a "b" \\ é 😀',
        "momentum": 0.9,
    }
    assert outcome.only()["attributes"]["config"] == {"momentum": 0.9}


def test_rows_are_as_the_program_logs_them_and_what_is_no_number_is_left_out_once(run, user):
    outcome = run(
        """
        import math, wandb
        wandb.login(key="1" * 40)
        run = wandb.init()
        run.log({"train": {"loss": 1.0, "deep": {"acc": 0.5}}, "ok": True, "phase": "warm-up"})
        run.log({"a": 1}, commit=False)
        run.log({"b": 2})
        run.log({"page": wandb.Html("<p>hello</p>"), "list": [1, 2], "c": math.nan, "d": -math.inf})
        run.log({"page": wandb.Html("<p>hello</p>")})
        run.log({"table": wandb.Table(columns=["x", "y"], data=[[1, 2], [3, 4]]), "loss": 0.25})
        table = wandb.Table(columns=["x", "y"], data=[[1, 2], [3, 4]])
        run.log({"plot": wandb.plot.line(table, "x", "y", title="t")})
        run.log({"loss": 0.5}, step=10)
        run.log({"loss": 0.125}, step=4)
        open("note.txt", "w").write("note")
        run.save("note.txt")
        run.alert("Low accuracy", "below 0.5")
        run.summary["best_model"] = "model-7.pt"
        artifact = wandb.Artifact("weights", type="model")
        artifact.add_file("note.txt")
        run.log_artifact(artifact).wait()
        try:
            run.use_artifact("somebody-elses:latest")
        except Exception as error:
            print("refused", type(error).__name__)
        """
    )
    only = outcome.only()
    rows = outcome.rows()
    assert rows[:3] == [
        {"step": 0, "train.loss": 1.0, "train.deep.acc": 0.5, "ok": True},
        {"step": 1, "a": 1, "b": 2},
        {"step": 2, "c": NAN, "d": -math.inf},
    ]
    assert rows[3:] == [{"step": 4, "loss": 0.25}, {"step": 10, "loss": 0.5}]
    assert only["best"] == 0.25
    assert only["attributes"]["summary"]["best_model"] == "model-7.pt"
    assert "refused" in outcome.output
    assert not (user / ".netrc").exists()
    media = [message for message in outcome.notices if "tables" in message]
    assert media == ["images, tables, texts and the like are not kept; numbers are"]
    assert "alert of the program: Low accuracy: below 0.5" in outcome.notices


def test_summaries_that_the_program_defines_are_kept_and_the_best_value_comes_from_the_rows(run):
    outcome = run(
        """
        import wandb
        run = wandb.init()
        run.define_metric("loss", summary="min")
        run.define_metric("accuracy", summary="max")
        run.define_metric("noise", summary="none")
        for loss, accuracy in ((3.0, 0.1), (1.0, 0.9), (2.0, 0.5)):
            run.log({"loss": loss, "accuracy": accuracy, "noise": loss})
        run.summary["parameters"] = 1234
        """
    )
    only = outcome.only()
    assert only["best"] == 1.0
    summary = only["summary"]
    assert (summary["loss"], summary["loss.min"], summary["accuracy.max"]) == (2.0, 1.0, 0.9)
    assert summary["parameters"] == 1234
    assert "noise" not in summary


def test_a_second_init_goes_on_and_runs_at_once_are_left_out_with_one_line(run):
    outcome = run(
        """
        import wandb
        for fold in range(2):
            run = wandb.init(reinit=True)
            run.log({"loss": 2.0 - fold})
            run.log({"loss": 1.5 - fold})
            run.finish()
        beside = wandb.init(reinit="create_new")
        other = wandb.init(reinit="create_new")
        beside.log({"loss": 0.25})
        other.log({"accuracy": 1.0})
        other.finish()
        beside.finish()
        """
    )
    only = outcome.only()
    assert outcome.rows() == [
        {"step": step, "loss": loss} for step, loss in enumerate((2.0, 1.5, 1.0, 0.5, 0.25))
    ]
    assert only["best"] == 0.25
    (line,) = [message for message in outcome.notices if "several wandb runs" in message]
    assert "left out" in line


def test_worker_processes_with_runs_of_their_own_do_not_disturb_the_one_that_logs_the_metric(run):
    outcome = run(
        """
        import multiprocessing, wandb

        def work(rank):
            run = wandb.init(config={"rank": rank})
            for step in range(3):
                run.log({"gpu": rank})
            run.finish()

        if __name__ == "__main__":
            context = multiprocessing.get_context("spawn")
            workers = [context.Process(target=work, args=(rank,)) for rank in (1, 2)]
            for worker in workers:
                worker.start()
            run = wandb.init()
            for step in range(3):
                run.log({"loss": 1 / (step + 1)})
            for worker in workers:
                worker.join()
            run.finish()
        """
    )
    only = outcome.only()
    losses = [row["loss"] for row in outcome.rows() if "loss" in row]
    assert losses == [1.0, 0.5, 1 / 3]
    assert only["best"] == 1 / 3


def test_a_run_with_an_id_of_its_own_is_resumed_within_a_program(run):
    outcome = run(
        """
        import wandb
        for part in range(2):
            run = wandb.init(id="mine", resume="allow")
            print("resumed", run.resumed)
            run.log({"loss": 1.0 - part / 2})
            run.finish()
        """
    )
    assert [line for line in outcome.output.splitlines() if line.startswith("resumed")] == [
        "resumed False",
        "resumed True",
    ]
    assert outcome.rows() == [{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5}]


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("sys.exit(3)", "failed"),
        ("raise ValueError('no data')", "failed"),
        ("run.finish(exit_code=2)", "failed"),
        ("os._exit(0)", "finished"),
        ("run.mark_preempting(); sys.exit(1)", "pending"),
    ],
)
def test_the_end_of_the_program_is_the_end_of_the_run(run, ending, state):
    program = f"""
        import os, sys, time, wandb
        run = wandb.init()
        run.log({{"loss": 1.0}})
        time.sleep(1.5)
        {ending}
    """
    outcome = run(program, agent_options={"count": 1})
    assert outcome.only(state)
    assert outcome.rows() == [{"step": 0, "loss": 1.0}]


def test_ten_thousand_rows_arrive_once_and_in_order(run):
    outcome = run(
        """
        import wandb
        run = wandb.init()
        for step in range(10_000):
            run.log({"loss": step, "half": step / 2})
        """
    )
    assert outcome.rows() == [
        {"step": step, "loss": step, "half": step / 2} for step in range(10_000)
    ]


def test_a_program_that_never_uses_wandb_notices_nothing(run):
    outcome = run("print('hello')")
    outcome.only()
    assert not [message for message in outcome.notices if "wandb" in message]


@pytest.mark.parametrize("variable", ["WANDB_MODE", "WANDB_DISABLED"])
def test_a_user_who_has_turned_wandb_off_is_reminded_once(run, variable):
    value = "disabled" if variable == "WANDB_MODE" else "true"
    outcome = run(ARTICLE, variables={variable: value}, agent_options={"count": 1})
    (line,) = [message for message in outcome.notices if "turns wandb off" in message]
    assert line.startswith(variable)
    assert outcome.rows() == []


def test_offline_mode_is_captured_and_the_transaction_log_stays(run, settings):
    outcome = run(ARTICLE, variables={"WANDB_MODE": "offline"})
    assert len(outcome.rows()) == 3
    assert list(settings.runs_dir.glob("*/*/wandb/run-*/run-*.wandb"))
    (line,) = [message for message in outcome.notices if message.startswith("wandb: ")]
    assert "wandb sync" in line


def test_a_script_that_goes_offline_itself_is_pointed_out(run):
    outcome = run(ARTICLE.replace("config=args", 'config=args, mode="offline"'))
    assert [message for message in outcome.notices if "cannot be captured" in message]


def test_a_sweep_whose_mode_is_off_leaves_wandb_alone(run):
    program = "import os; print('base', os.environ.get('WANDB_BASE_URL'))"
    outcome = run(program, wandb="off")
    assert "base None" in outcome.output
