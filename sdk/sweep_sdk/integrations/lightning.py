"""Lightning: ``Trainer(callbacks=[SweepCallback()])``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk.integrations._callback import TrainingRun, needing

if TYPE_CHECKING:
    from collections.abc import Mapping

with needing("lightning", "pytorch_lightning"):
    try:
        from lightning.pytorch import Callback
        from lightning.pytorch.loggers import Logger
        from lightning.pytorch.utilities import rank_zero_only
    except ModuleNotFoundError:
        from pytorch_lightning import Callback
        from pytorch_lightning.loggers import Logger
        from pytorch_lightning.utilities import rank_zero_only


class SweepCallback(Callback):  # type: ignore[misc]  # the library is not installed here
    """Reports what modules log with ``self.log``, beside the trainer's own loggers."""

    def __init__(self) -> None:
        self._run = TrainingRun()
        self._logger = _Logger(self._run)

    def setup(self, trainer: Any, *_: Any, **__: Any) -> None:
        """Add a logger to the trainer."""
        if self._logger not in trainer.loggers:
            trainer.loggers = [*trainer.loggers, self._logger]

    def on_train_start(self, trainer: Any, *_: Any) -> None:
        """Notice a stop from now on."""
        self._run.begin(trainer.world_size)

    def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
        """End the training if the run is stopped."""
        if self._run.should_stop:
            trainer.should_stop = True

    def on_train_end(self, *_: Any) -> None:
        """Leave SIGTERM to the program again."""
        self._run.end()

    def on_exception(self, *_: Any) -> None:
        """Leave SIGTERM to the program again."""
        self._run.end()


class _Logger(Logger):  # type: ignore[misc]  # the library is not installed here
    name = version = "sweep"

    def __init__(self, run: TrainingRun) -> None:
        super().__init__()
        self._run = run

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Keep nothing: the sweep has chosen the values."""

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Report the metrics of a step."""
        self._run.log(metrics, step)
