"""XGBoost: ``xgboost.train(..., callbacks=[SweepCallback()])``, and its scikit-learn models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk.integrations._callback import TrainingRun, needing

if TYPE_CHECKING:
    from collections.abc import Mapping

with needing("xgboost"):
    from xgboost import collective
    from xgboost.callback import TrainingCallback


class SweepCallback(TrainingCallback):  # type: ignore[misc]  # the library is not installed here
    """Reports every evaluation as ``DATA-METRIC``, such as ``validation_0-rmse``, as W&B's does."""

    def __init__(self) -> None:
        super().__init__()
        self._run = TrainingRun()

    def before_training(self, model: Any) -> Any:
        """Notice a stop from now on."""
        self._run.begin(collective.get_world_size())
        return model

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, list[Any]]]
    ) -> bool:
        """Report the metrics of an iteration; True ends the training."""
        if collective.get_rank() == 0:
            found = {
                f"{data}-{metric}": values[-1]
                for data, metrics in evals_log.items()
                for metric, values in metrics.items()
            }
            self._run.log(_with_deviations(found), step=epoch)
        return self._run.should_stop

    def after_training(self, model: Any) -> Any:
        """Leave SIGTERM to the program again."""
        self._run.end()
        return model


def _with_deviations(found: Mapping[str, Any]) -> dict[str, Any]:
    """Values of ``xgboost.cv`` are a mean and a standard deviation."""
    metrics: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, tuple):
            metrics[name], metrics[f"{name}-std"] = value
        else:
            metrics[name] = value
    return metrics
