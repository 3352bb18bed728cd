"""Typical training scripts for wandb, ported by changing only the import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from sweep_sdk._backend.client import open_client
from sweep_sdk._settings import load_settings

PATIENCE_SECONDS = 120

INTRODUCTION = """
import random
import sweep_sdk as wandb

wandb.login()
run = wandb.init(
    entity="my-team", project="basic-intro", name="experiment", notes="A first try.",
    tags=["baseline", "paper1"], group="trials", job_type="train",
    config={"learning_rate": 0.02, "architecture": "CNN", "epochs": 4},
    reinit=True, save_code=True, settings=wandb.Settings(start_method="fork"),
)
offset = random.random() / 5
for epoch in range(run.config.epochs):
    loss = 2**-epoch * run.config.lr + offset
    wandb.log({"acc": 1 - loss, "loss": loss})
print(f"view {run.name} at {run.url}, {run.get_url()}, {run.path}, {run.dir}")
run.tags += ("done",)
wandb.run.summary["best_checkpoint"] = run.dir + "/best.pt"
wandb.finish()
"""

WITH_ARGPARSE = """
import argparse
import os
import sweep_sdk as wandb

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--seed", type=int, default=42)
args = parser.parse_args()

wandb.init(project="mnist")
wandb.config.update(args, allow_val_change=True)
config = wandb.config
wandb.watch(object(), log="all", log_freq=10)
best = 0.0
for epoch in range(1, config.epochs + 1):
    wandb.log({"train/loss": 1 / epoch, "epoch": epoch}, step=epoch)
    images = [wandb.Image([[0]], caption="Pred: 3 Truth: 5")]
    wandb.log({"examples": images, "loss": config.lr / epoch, "acc": epoch / 10}, step=epoch)
    if wandb.run.summary["acc"] > best:
        best = wandb.run.summary["acc"]
        wandb.run.summary["best_accuracy"] = best
wandb.save(os.path.join(wandb.run.dir, "model.h5"))
wandb.save("*.py", base_path=".", policy="now")
wandb.unwatch()
"""

WITH_DEFINED_METRICS = """
import sweep_sdk as wandb

with wandb.init(config=dict(batch_size=32)) as run:
    run.define_metric("epoch", hidden=True)
    run.define_metric("loss", step_metric="epoch", summary="min", goal="minimize")
    run.define_metric("acc", step_metric="epoch", summary="max", step_sync=True, overwrite=True)
    wandb.define_metric("val/*", step_metric="epoch", summary="mean")
    assert dict(run.config)["batch_size"] == run.config.get("batch_size") == 32
    assert {"lr", "batch_size"} <= set(run.config.keys())
    run.config.setdefaults({"lr": 5, "momentum": 0.9})
    for epoch in range(4):
        run.log({"epoch": epoch}, commit=False)
        run.log({"loss": run.config["lr"] * (2 - epoch) ** 2}, commit=False)
        run.log({"acc": epoch / 4, "val": {"f1": 0.25 * epoch}})
    run.alert(title="Low accuracy", text="below 0.5", level=wandb.AlertLevel.WARN)
    wandb.termlog("all done")
    run.name = f"run-{run.config.lr}"
    run.notes = "with defined metrics"
"""

WITH_MEDIA = """
import numpy as np
import sweep_sdk as wandb

run = wandb.init(job_type="evaluate", config_exclude_keys=["secret"], config={"secret": 1, "k": 2})
dataset = run.use_artifact("mnist:latest", type="dataset")
for path in dataset.files():
    raise AssertionError(path)
table = wandb.Table(columns=["image", "label"], data=[[1, 2]])
table.add_data(wandb.Image(np.zeros((4, 4))), 3)
table.add_column("score", [0.1, 0.2])
run.log({
    "loss": run.config.lr,
    "table": table,
    "gradients": wandb.Histogram(np.arange(10)),
    "sound": wandb.Audio(np.zeros(10), sample_rate=8000),
    "clip": wandb.Video("clip.mp4", fps=4),
    "cloud": wandb.Object3D(np.zeros((5, 3))),
    "page": wandb.Html("<b>x</b>"),
    "curve": wandb.plot.line(table, "image", "label", title="curve"),
    "confusion": wandb.plot.confusion_matrix(probs=None, y_true=[0], preds=[0], class_names=["a"]),
    "roc": wandb.plot.roc_curve([0], [[0.1, 0.9]]),
    "nested": {"precision": 0.5, "recall": np.float32(0.25)},
})
model = wandb.Artifact("model", type="model", metadata={"accuracy": 0.5})
model.add_file("model.pt")
model.metadata["epochs"] = 3
with model.new_file("notes.txt") as file:
    file.write("notes")
run.log_artifact(model, aliases=["latest", "best"]).wait()
run.link_artifact(model, "registry/model")
run.log_model(path="model.pt", name="model")
run.log_code(".")
run.summary.update({"confusion": np.eye(2), "precision": 0.5, "commit": "67217e15"})
run.finish(exit_code=0, quiet=True)
"""

WITH_CALLBACKS = """
import os
import sweep_sdk as wandb


class Logger:
    def __init__(self, run):
        self.run = run

    def on_batch(self, step, logs):
        self.run.log({f"batch/{name}": value for name, value in logs.items()}, commit=False)

    def on_epoch(self, epoch, logs):
        self.run.log(logs | {"epoch": epoch}, commit=True)


wandb.setup()
run = wandb.init(resume="allow", id=wandb.util.generate_id(), mode="online", force=True,
                 sync_tensorboard=True, dir="logs", anonymous="allow", monitor_gym=False)
assert wandb.run is run and not run.resumed and not run.disabled
if run.resumed:
    wandb.restore("checkpoint.pt")
logger = Logger(run)
for epoch in range(3):
    for step in range(2):
        logger.on_batch(step, {"loss": 1 / (1 + step)})
    logger.on_epoch(epoch, {"loss": run.config.lr / (1 + epoch)})
run.mark_preempting()
wandb.join() if hasattr(wandb, "join") else wandb.finish()
wandb.teardown()
"""

SCRIPTS = {
    "introduction": INTRODUCTION,
    "argparse": WITH_ARGPARSE,
    "defined metrics": WITH_DEFINED_METRICS,
    "media": WITH_MEDIA,
    "callbacks": WITH_CALLBACKS,
}

SWEEP = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
parameters:
  lr: {values: [0.1, 0.2]}
"""

IN_ONE_FILE = """
import sweep_sdk as wandb

sweep_configuration = {
    "name": "sweepdemo",
    "method": "random",
    "metric": {"goal": "minimize", "name": "validation_loss"},
    "parameters": {"lr": {"min": 0.0001, "max": 0.1}, "epochs": {"values": [2, 3]}},
}


def main():
    with wandb.init(project="my-first-sweep") as run:
        for epoch in range(run.config["epochs"]):
            wandb.log({"epoch": epoch, "validation_loss": wandb.config.lr / (1 + epoch)})


sweep_id = wandb.sweep(sweep=sweep_configuration, entity="team", project="my-first-sweep")
wandb.agent(sweep_id, function=main, count=3, entity="team", project="my-first-sweep")
"""


@pytest.fixture
def environment(tmp_path):
    """A clean environment, with a data folder of its own and this Python first on PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    search_path = [str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
    return kept | {"SWEEP_HOME": str(tmp_path / "home"), "PATH": os.pathsep.join(search_path)}


def run(words, folder, environment):
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def runs_of_only_sweep(environment):
    with open_client(load_settings(environment)) as client:
        (head,) = client.list_sweeps()
        return [client.get_run(found["id"]) for found in client.list_runs(head["id"])]


def after_agent(script, tmp_path, environment):
    """The runs of a sweep over a script, and what the agent has printed."""
    (tmp_path / "train.py").write_text(dedent(script))
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    registered = run(["sweep-sdk", "sweep", "sweep.yaml", "--json"], tmp_path, environment)
    assert registered.returncode == 0, registered.stderr
    (sweep,) = [r["id"] for r in client_sweeps(environment)]
    done = run(["sweep-sdk", "agent", sweep], tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return runs_of_only_sweep(environment), done.stdout + done.stderr


def client_sweeps(environment):
    with open_client(load_settings(environment)) as client:
        return list(client.list_sweeps())


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_moved_script_keeps_running(script, tmp_path, environment):
    runs, printed = after_agent(script, tmp_path, environment)
    assert [found["state"] for found in runs] == ["finished", "finished"], printed
    assert [found["config"] for found in runs] == [{"lr": 0.1}, {"lr": 0.2}]
    assert all(found["best"] is not None for found in runs)
    notes = [line for line in printed.splitlines() if "sweep-sdk: " in line]
    assert all(notes.count(line) <= len(runs) for line in notes), "once a run"


def test_what_a_moved_script_notes_is_kept(tmp_path, environment):
    (first, _), _ = after_agent(INTRODUCTION, tmp_path, environment)
    noted = first["attributes"]
    assert noted["name"] == "experiment"
    assert noted["notes"] == "A first try."
    assert noted["tags"] == ["baseline", "paper1", "done"]
    assert (noted["group"], noted["job_type"]) == ("trials", "train")
    assert noted["config"] == {"learning_rate": 0.02, "architecture": "CNN", "epochs": 4}
    assert noted["summary"]["best_checkpoint"].endswith("best.pt")
    listed = run(
        ["sweep-sdk", "runs", first["sweep"], "--tag", "done", "--name", "experiment", "--csv"],
        tmp_path, environment,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == 3


def test_defined_metrics_have_their_summaries(tmp_path, environment):
    (first, _), _ = after_agent(WITH_DEFINED_METRICS, tmp_path, environment)
    summary = first["summary"]
    assert summary["loss.min"] == 0
    assert summary["acc.max"] == 0.75
    assert summary["val.f1"] == 0.75
    assert first["attributes"]["config"] == {"batch_size": 32, "momentum": 0.9}


def test_a_sweep_and_its_agent_in_one_file(tmp_path, environment):
    (tmp_path / "all.py").write_text(IN_ONE_FILE)
    done = run([sys.executable, "all.py"], tmp_path, environment)
    assert done.returncode == 0, done.stderr
    assert [found["state"] for found in runs_of_only_sweep(environment)] == ["finished"] * 3
