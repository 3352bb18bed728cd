"""The Trainer of Hugging Face: ``Trainer(..., callbacks=[SweepCallback()])``."""

from __future__ import annotations

from typing import Any

from sweep_sdk.integrations._callback import TrainingRun, needing

with needing("transformers"):
    from transformers import TrainerCallback

#: As W&B names them: ``eval_loss`` becomes ``eval/loss``, and ``loss`` becomes ``train/loss``.
_SPLITS = ("eval_", "test_")


class SweepCallback(TrainerCallback):  # type: ignore[misc]  # the library is not installed here
    """Reports what the Trainer logs, under the names that W&B's callback uses."""

    def __init__(self) -> None:
        self._run = TrainingRun()

    def on_train_begin(self, args: Any, *_: Any, **__: Any) -> None:
        """Notice a stop from now on."""
        self._run.begin(args.world_size)

    def on_step_end(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
        """End the training if the run is stopped."""
        if self._run.should_stop:
            control.should_training_stop = True

    def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
        """Report the metrics of a step."""
        if state.is_world_process_zero:
            metrics = {_name(name): value for name, value in (logs or {}).items()}
            self._run.log(metrics, step=state.global_step)

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Leave SIGTERM to the program again."""
        self._run.end()


def _name(name: str) -> str:
    split = next((split for split in _SPLITS if name.startswith(split)), "")
    return f"{split[:-1] or 'train'}/{name.removeprefix(split)}"
