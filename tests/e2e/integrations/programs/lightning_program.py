import lightning
import torch
from common import end, n_steps, run

from sweep_sdk.integrations.lightning import SweepCallback

torch.manual_seed(0)


class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch, index):
        loss = self.layer(batch).pow(2).mean()
        self.log("train_loss", loss)
        self.log("lr", run.config.lr)
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", self.layer(batch).pow(2).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=run.config.lr)


data = torch.utils.data.DataLoader(torch.rand(8, 3), batch_size=4)
trainer = lightning.Trainer(
    max_steps=n_steps, log_every_n_steps=1, accelerator="cpu", devices=1, logger=False,
    enable_checkpointing=False, enable_progress_bar=False, callbacks=[SweepCallback()],
)  # fmt: skip
trainer.fit(Model(), data, data)
end(trainer.global_step)
