"""Programs whose libraries report to wandb, unchanged, under an agent: no account, no callback."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

AGENT_PROCESS = Path(__file__).parents[1] / "agent_process.py"
HUGGING_FACE = """
    import torch
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = BertForSequenceClassification(BertConfig(vocab_size=20, intermediate_size=8, **shape))
    data = [{"input_ids": torch.arange(5), "labels": n % 2} for n in range(8)]
    arguments = TrainingArguments(
        "out", max_steps=4, logging_steps=1, eval_steps=2, eval_strategy="steps",
        save_strategy="no", report_to="wandb", use_cpu=True, disable_tqdm=True,
    )
    Trainer(model, arguments, train_dataset=data, eval_dataset=data).train()
"""
LIGHTNING = """
    import lightning
    import torch
    from lightning.pytorch.loggers import WandbLogger

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch, _):
            loss = self.layer(batch[0]).pow(2).mean()
            self.log("eval/loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    module, logger = Module(), WandbLogger(project="x", log_model="all")
    logger.watch(module, log="all", log_freq=1)
    data = torch.utils.data.TensorDataset(torch.randn(32, 4))
    lightning.Trainer(
        max_epochs=1, logger=logger, log_every_n_steps=1, accelerator="cpu",
        enable_progress_bar=False,
    ).fit(module, torch.utils.data.DataLoader(data, batch_size=8))
"""
TREES = """
    import lightgbm
    import numpy
    import wandb
    import xgboost
    from wandb.integration.lightgbm import log_summary, wandb_callback
    from wandb.integration.xgboost import WandbCallback

    run = wandb.init()
    inputs = numpy.random.default_rng(0).random((100, 3))
    data = xgboost.DMatrix(inputs, inputs[:, 0])
    xgboost.train(
        {"eta": 0.1}, data, 4, evals=[(data, "eval/loss")], verbose_eval=False,
        callbacks=[WandbCallback(log_model=True)],
    )
    data = lightgbm.Dataset(inputs, inputs[:, 0])
    callbacks = [wandb_callback()]
    booster = lightgbm.train({"verbose": -1}, data, 3, valid_sets=[data], callbacks=callbacks)
    log_summary(booster, save_model_checkpoint=True)
    run.finish()
"""
TENSORBOARD = """
    import wandb
    from torch.utils.tensorboard import SummaryWriter

    run = wandb.init(sync_tensorboard=True)
    writer = SummaryWriter("logs")
    for step in range(4):
        writer.add_scalar("eval/loss", 1 / (step + 1), step)
    writer.close()
    run.finish()
"""


@pytest.mark.parametrize(
    ("program", "metric", "n_values"),
    [
        pytest.param(HUGGING_FACE, "eval/loss", 2, id="huggingface"),
        pytest.param(LIGHTNING, "eval/loss", 4, id="lightning"),
        pytest.param(TREES, "eval/loss-rmse", 4, id="xgboost"),
        pytest.param(TREES, "training_l2", 3, id="lightgbm"),
        pytest.param(TENSORBOARD, "eval/loss", 4, id="tensorboard"),
    ],
)
def test_what_a_library_reports_to_wandb_is_in_the_sweep(
    client, workplace, library_python, program, metric, n_values
):
    (workplace / "train.py").write_text(textwrap.dedent(program))
    sweep = client.create_sweep(
        {
            "method": "grid",
            "program": "train.py",
            "command": [str(library_python), "${program}"],
            "metric": {"name": metric},
            "parameters": {"lr": {"values": [0.1]}},
        }
    )["id"]
    done = subprocess.run(
        [sys.executable, AGENT_PROCESS, sweep, "{}"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    run = client.get_run(f"{sweep}-0")
    assert run["state"] == "finished", done.stdout + done.stderr
    rows = client.thinned_history(run["id"], 1000).rows
    values = [row["metrics"][metric] for row in rows if metric in row["metrics"]]
    assert len(values) == n_values
    assert run["best"] == min(values)
    notices = [json.loads(line) for line in done.stdout.splitlines() if '"Notice"' in line]
    assert not [found for found in notices if "left out" in found["message"]]
