"""The process that follows the files of other trackers during one attempt.

Run by path, without site packages::

    python -I -S follow_main.py METRICS_FILE '{"run": "k3v9x2ab-0", ...}'

The last argument is a ``Task`` as JSON. Every value that appears in the files becomes a row of the
metrics file, as if the program had logged it. Messages on standard output are ``["ready", null]``
once existing values have been recorded, so that the program can start, and ``["notice", TEXT]``.

It is a separate process because the folder may be on a network file system that hangs, and because
it continues to the last row if the agent is killed.
"""

from __future__ import annotations

import json
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))

from sweep_sdk._agent.followed.owner import Owner
from sweep_sdk._agent.followed.points import RowBuilder
from sweep_sdk._agent.followed.tensorboard import TensorBoardFolder
from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.writer import MetricsFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._agent.followed.mlflow import FileStore, SqliteStore

    Followed = TensorBoardFolder | FileStore | SqliteStore

#: Time between reads, and its minimum as a multiple of the duration of a read.
PAUSE_SECONDS = 0.5
PAUSE_FACTOR = 10


@dataclass(frozen=True)
class Task:
    """The files to follow.

    Attributes:
        run: The id of the run.
        sources: Kind (``tensorboard`` or ``mlflow``) and path of each source, and whether the path
            belongs to this run only.
        is_alone: Whether the agent works on one run at a time.
    """

    run: str
    sources: list[tuple[str, str, bool]]
    is_alone: bool


class Follower:
    """Writes new values of all sources to the metrics file."""

    def __init__(self, task: Task, file: MetricsFile, notice: Callable[[str], None]) -> None:
        self._file = file
        self._notice = notice
        self._sources = [(_opened(task, *source, notice), RowBuilder()) for source in task.sources]

    def begin(self) -> None:
        """Record what exists before the program starts."""
        for source, _ in self._sources:
            source.begin()

    def read(self, *, is_final: bool = False) -> None:
        """Write new rows."""
        trouble = self._file.retry()
        for source, builder in self._sources:
            for row in builder.rows(source.read(is_final=is_final)):
                trouble = self._file.append(line_format.encode_row(*row)) or trouble
        if trouble:
            self._notice(trouble)

    def finish(self) -> None:
        """Write the last rows, and report sources that were missing."""
        self.read(is_final=True)
        for problem in (self._file.close(), *(source.problem for source, _ in self._sources)):
            if problem:
                self._notice(problem)


def _opened(
    task: Task, kind: str, path: str, is_own: bool, notice: Callable[[str], None]
) -> Followed:
    owner = Owner(task.run, is_own, task.is_alone)
    if kind == "tensorboard":
        return TensorBoardFolder(path, owner, notice)
    from sweep_sdk._agent.followed.mlflow import SQLITE_SUFFIXES, FileStore, SqliteStore

    store = SqliteStore if path.endswith(SQLITE_SUFFIXES) else FileStore
    return store(path, owner, notice)


def main() -> None:
    """Follow the files until the pipe ends: the program has ended, or its agent is gone."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with suppress(OSError, ValueError):  # as in the search for printed metrics
            signal.signal(number, signal.SIG_IGN)
    shown: set[str] = set()

    def notice(text: str) -> None:
        if text not in shown:
            shown.add(text)
            _send("notice", text)

    follower = Follower(Task(**json.loads(sys.argv[2])), MetricsFile(sys.argv[1]), notice)
    follower.begin()
    _send("ready", None)
    pause = PAUSE_SECONDS
    while not select.select([sys.stdin], [], [], pause)[0]:
        began_at = time.monotonic()
        follower.read()
        pause = max(PAUSE_SECONDS, PAUSE_FACTOR * (time.monotonic() - began_at))
    follower.finish()


def _send(kind: str, value: Any) -> None:
    with suppress(OSError):  # the agent is gone, but the rows are written
        print(json.dumps([kind, value]), flush=True)  # noqa: T201  the agent reads it


if __name__ == "__main__":
    main()
