"""Starts the process that follows the files of other trackers during a run."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.followed.owner import RUN_TAG
from sweep_sdk._agent.printed.row_process import RowProcess
from sweep_service.model.language.followed import KINDS, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sweep_sdk._agent.followed.follow_main import Task

_MAIN = Path(__file__).with_name("follow_main.py")
#: Variable with tags, as JSON, that MLflow adds to each run that a program starts.
_MLFLOW_CONTEXT = "MLFLOW_RUN_CONTEXT"
#: Time for the process to record what exists before the program starts.
READY_SECONDS = 10.0


def sources_of(config: Mapping[str, Any], more: tuple[Source, ...]) -> tuple[Source, ...]:
    """The places where the programs of a sweep write metrics.

    Args:
        config: The sweep's normalised config.
        more: The agent's own sources, which replace those of the same kind.
    """
    own = {source.kind for source in more}
    found = config.get("metrics_from") or {}
    kept = (Source(kind, found[kind]) for kind in KINDS if kind in found and kind not in own)
    return (*kept, *more)


def variables_for(
    sources: tuple[Source, ...], run: str, environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment variables that make a program's MLflow runs recognizable."""
    if not any(source.kind == "mlflow" for source in sources):
        return {}
    try:
        tags = dict(json.loads(environment.get(_MLFLOW_CONTEXT) or "{}"))
    except (ValueError, TypeError):
        tags = {}
    return {_MLFLOW_CONTEXT: json.dumps(tags | {RUN_TAG: run})}


@contextmanager
def followed_metrics(
    task: Task,
    metrics_file: Path,
    notice: Callable[[str], None],
    held_descriptor: int | None,
    stopping: threading.Event | None = None,
) -> Iterator[None]:
    """Follow the files of a program while it runs, if there are any.

    Args:
        task: The files to follow.
        metrics_file: The metrics file of the attempt.
        notice: Called with messages for the user.
        held_descriptor: A file that stays open until the last row is written.
        stopping: Set if the agent has to end, which shortens the final wait.

    Raises:
        LaunchFailed: The process cannot be started.
    """
    if not task.sources:
        yield
        return
    followed = FollowedMetrics(task, metrics_file, notice, held_descriptor)
    try:
        followed.await_ready()
        yield
    finally:
        followed.close(stopping)


class FollowedMetrics(RowProcess):
    """Follows files in a separate process."""

    WHAT = "metrics in the files of other trackers"

    def __init__(
        self,
        task: Task,
        metrics_file: Path,
        notice: Callable[[str], None],
        held_descriptor: int | None = None,
    ) -> None:
        """Start the process; see ``followed_metrics``."""
        self._is_ready = threading.Event()
        super().__init__(_MAIN, metrics_file, asdict(task), notice, held_descriptor)

    def await_ready(self) -> None:
        """Wait, for a limited time, until the process has recorded what exists already."""
        if not self._is_ready.wait(READY_SECONDS):
            self._notice(f"the search for {self.WHAT} has not begun after {READY_SECONDS:g} s")

    def _take(self, kind: str, _value: Any) -> None:
        if kind == "ready":
            self._is_ready.set()

    def _read(self) -> None:
        super()._read()
        self._is_ready.set()
        if not self._pipe.closed:
            self._notice(f"the search for {self.WHAT} has failed; no more of them are recorded")
