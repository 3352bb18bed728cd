"""LightGBM: ``lightgbm.train(..., callbacks=[SweepCallback()])``, and its scikit-learn models."""

from __future__ import annotations

from typing import Any

from sweep_sdk.integrations._callback import TrainingRun, needing

with needing("lightgbm"):
    from lightgbm.callback import EarlyStopException


class SweepCallback:
    """Reports every evaluation as ``DATA_METRIC``, such as ``valid_0_auc``, as W&B's does."""

    #: Before LightGBM's own early stopping, which has 30.
    order = 20

    def __init__(self) -> None:
        self._run = TrainingRun()

    def __call__(self, env: Any) -> None:
        """Report the metrics of an iteration.

        Raises:
            EarlyStopException: The run is stopped; LightGBM ends the training.
        """
        if env.iteration == env.begin_iteration:
            self._run.begin(env.params.get("num_machines", 1))
        metrics: dict[str, float] = {}
        for data, metric, value, _, *deviation in env.evaluation_result_list or ():
            metrics[f"{data}_{metric}"] = value
            if deviation and deviation[0] is not None:  # of the folds of `lightgbm.cv`
                metrics[f"{data}_{metric}-stdv"] = deviation[0]
        if metrics:
            self._run.log(metrics, step=env.iteration)
        is_stopped = self._run.should_stop
        if is_stopped or env.iteration == env.end_iteration - 1:
            self._run.end()
        if is_stopped:
            raise EarlyStopException(env.iteration, env.evaluation_result_list or [])
