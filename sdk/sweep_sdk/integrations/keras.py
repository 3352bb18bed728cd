"""Keras: ``model.fit(..., callbacks=[SweepCallback()])``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk.integrations._callback import TrainingRun, needing

if TYPE_CHECKING:
    from collections.abc import Mapping

with needing("keras"):
    from keras.callbacks import Callback


class SweepCallback(Callback):  # type: ignore[misc]  # the library is not installed here
    """Reports the metrics of every epoch: ``loss``, ``val_loss`` and so on."""

    def __init__(self, prefix: str = "") -> None:
        """Choose the names of the metrics.

        Args:
            prefix: Put in front of every name; ``epoch/`` gives the names of W&B's
                ``WandbMetricsLogger``.
        """
        super().__init__()
        self._prefix = prefix
        self._run = TrainingRun()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Notice a stop from now on."""
        self._run.begin()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """End the training if the run is stopped."""
        if self._run.should_stop:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report the metrics of the epoch."""
        metrics = {f"{self._prefix}{name}": value for name, value in (logs or {}).items()}
        self._run.log(metrics, step=epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Leave SIGTERM to the program again."""
        self._run.end()
