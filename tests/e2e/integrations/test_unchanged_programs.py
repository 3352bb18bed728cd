"""Programs that know of no sweep: their libraries report to TensorBoard, MLflow or wandb."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[1] / "agent_process.py"
OPTIONS = {"row_interval_seconds": 0.02, "report_interval_seconds": 0.1}
ARGUMENTS = """
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    lr = parser.parse_args().lr
"""
TRAINER = """
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = BertForSequenceClassification(BertConfig(vocab_size=20, intermediate_size=8, **shape))
    data = [{"input_ids": torch.arange(5), "labels": n % 2} for n in range(8)]
    arguments = TrainingArguments(
        "out", learning_rate=lr, max_steps=4, logging_steps=1, eval_steps=2, use_cpu=True,
        eval_strategy="steps", save_strategy="no", report_to=TRACKER, disable_tqdm=True,
    )
    Trainer(model, arguments, train_dataset=data, eval_dataset=data).train()
"""
LIGHTNING = """
    import lightning
    import torch
    from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 1)

        def training_step(self, batch, index):
            loss = self.layer(batch).pow(2).mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=lr)

    data = torch.utils.data.DataLoader(torch.rand(8, 3), batch_size=4)
    trainer = lightning.Trainer(
        max_steps=4, log_every_n_steps=1, accelerator="cpu", devices=1, logger=LOGGER,
        enable_checkpointing=False, enable_progress_bar=False,
    )
    trainer.fit(Model(), data)
"""
WRITER = """
    from torch.utils.tensorboard import SummaryWriter
    writer = SummaryWriter()
    for step in range(4):
        writer.add_scalar("loss", lr * step, step)
        writer.add_scalar("typed", 1 / 3, step, new_style=True, double_precision=True)
        writer.add_scalars("pair", {"a": step, "b": 2 * step}, step)
    writer.close()
"""
MLFLOW = """
    import mlflow
    mlflow.set_tracking_uri(STORE)
    with mlflow.start_run():
        for step in range(4):
            mlflow.log_metrics({"loss": lr * step, "val/acc": float("inf")}, step=step)
        with mlflow.start_run(nested=True):
            mlflow.log_metric("loss", -100.0)
"""
BOOSTERS = {
    "xgboost": """
        import numpy as np, wandb, xgboost
        from wandb.integration.xgboost import WandbCallback
        wandb.init(project="p")
        x = np.random.default_rng(0).random((50, 3))
        data = xgboost.DMatrix(x, x.sum(1))
        xgboost.train({"eta": wandb.config.lr, "nthread": 1}, data, 4, [(data, "train")],
                      callbacks=[WandbCallback()])
        wandb.finish()
    """,
    "lightgbm": """
        import lightgbm, numpy as np, wandb
        from wandb.integration.lightgbm import log_summary, wandb_callback
        wandb.init(project="p")
        x = np.random.default_rng(0).random((50, 3))
        data = lightgbm.Dataset(x, x.sum(1))
        parameters = {"learning_rate": wandb.config.lr, "metric": "l2", "num_threads": 1}
        booster = lightgbm.train(parameters, data, 4, valid_sets=[data], valid_names=["train"],
                                 callbacks=[wandb_callback()])
        log_summary(booster)
        wandb.finish()
    """,
}
FILE_STORE = "os.path.abspath('mlruns')"
PROGRAMS = {
    "writer": (WRITER, "loss", {"tensorboard": "runs"}),
    "trainer-tensorboard": (
        TRAINER.replace("TRACKER", "'tensorboard'"), "train/loss", {"tensorboard": "out"},
    ),
    "lightning-tensorboard": (
        LIGHTNING.replace("LOGGER", "TensorBoardLogger('.')"), "loss",
        {"tensorboard": "lightning_logs"},
    ),
    "mlflow-files": (
        "    import os\n" + MLFLOW.replace("STORE", FILE_STORE), "loss", {"mlflow": "mlruns"},
    ),
    "mlflow-sqlite": (
        MLFLOW.replace("STORE", "'sqlite:///mlflow.db'"), "loss", {"mlflow": "mlflow.db"},
    ),
    "trainer-wandb": (TRAINER.replace("TRACKER", "'wandb'"), "train/loss", None),
    "lightning-wandb": (LIGHTNING.replace("LOGGER", "WandbLogger(project='p')"), "loss", None),
    "xgboost-wandb": (BOOSTERS["xgboost"], "train-rmse", None),
    "lightgbm-wandb": (BOOSTERS["lightgbm"], "train_l2", None),
}  # fmt: skip


@pytest.fixture
def curves(client, workplace, library_python, monkeypatch):
    """Runs a program for two learning rates; the values of its metric in each of the runs."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")

    def curves(program, metric, sources):
        Path("train.py").write_text(textwrap.dedent(ARGUMENTS) + textwrap.dedent(program))
        document = {
            "method": "grid",
            "program": "train.py",
            "command": [str(library_python), "${program}", "${args}"],
            "metric": {"name": metric},
            "parameters": {"lr": {"values": [0.5, 0.001]}},
        }
        if sources:
            document["metrics_from"] = sources
        sweep = client.create_sweep(document)["id"]
        done = subprocess.run(
            [sys.executable, AGENT, sweep, json.dumps(OPTIONS)],
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        runs = (f"{sweep}-0", f"{sweep}-1")
        assert [client.get_run(run)["state"] for run in runs] == ["finished"] * 2, done.stdout
        return [
            [row["metrics"][metric] for row in client.history(run, keys=(metric,))] for run in runs
        ]

    return curves


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_row_arrives(name, curves):
    first, second = curves(*PROGRAMS[name])
    assert (len(first), len(second)) == (4, 4)
    assert first != second
