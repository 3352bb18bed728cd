"""A helper process of a training program, which adds rows to its metrics file."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

from sweep_sdk._agent.process.child import LaunchFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Time without progress after which the process counts as hung.
PATIENCE_SECONDS = 30.0
#: The same at the end of a run, if the agent has to end.
HURRY_SECONDS = 5.0
POLL_SECONDS = 0.5


class RowProcess:
    """The helper process. It ends when its standard input is closed by the agent.

    It is run without site packages, and prints messages to its agent as JSON lists, one per line:
    ``["notice", TEXT]`` and others of its kind.

    Attributes:
        pid: The id of the process.
    """

    #: Description of what the process finds, for messages.
    WHAT: ClassVar[str]

    def __init__(
        self,
        main: Path,
        metrics_file: Path,
        task: object,
        notice: Callable[[str], None],
        held_descriptor: int | None,
    ) -> None:
        """Start the process.

        Args:
            main: The script to run, with the metrics file and the task as arguments.
            metrics_file: The metrics file of the attempt.
            task: The task, which is passed on as JSON.
            notice: Called with each message for the user.
            held_descriptor: A file that stays open until the last row is written; see
                ``start_child``.

        Raises:
            LaunchFailed: The process cannot be started.
        """
        self._notice = notice
        held = () if held_descriptor is None else (held_descriptor,)
        try:
            self._process = subprocess.Popen(  # noqa: S603  sweep-sdk's own program
                [sys.executable, "-I", "-S", str(main), str(metrics_file), json.dumps(task)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                pass_fds=held,
                start_new_session=True,
            )
        except OSError as error:
            raise LaunchFailed(
                f"cannot start the search for {self.WHAT}: {error.strerror}",
                is_machines_fault=True,
            ) from None
        self.pid = self._process.pid
        self._pipe = cast("IO[bytes]", self._process.stdin)
        name = self.WHAT.replace(" ", "-")
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    def close(self, stopping: threading.Event | None = None) -> None:
        """Wait until all rows are written, for a bounded time.

        Args:
            stopping: Set if the agent has to end; then the time is short.
        """
        self._pipe.close()
        began_at = time.monotonic()
        while True:
            self._reader.join(POLL_SECONDS)
            if not self._reader.is_alive():
                break
            is_hurried = stopping is not None and stopping.is_set()
            if time.monotonic() - began_at > (HURRY_SECONDS if is_hurried else PATIENCE_SECONDS):
                self._process.kill()
                self._notice(f"the search for {self.WHAT} took too long: the last ones are missing")
                break
        self._process.wait()
        self._reader.join()
        cast("IO[bytes]", self._process.stdout).close()

    def _take(self, kind: str, value: Any) -> None:
        """Handle a message other than a notice."""
        raise NotImplementedError

    def _read(self) -> None:
        for line in cast("IO[bytes]", self._process.stdout):
            if not line.endswith(b"\n"):  # the process was killed while writing it
                return
            kind, value = json.loads(line)
            if kind == "notice":
                self._notice(value)
            else:
                self._take(kind, value)
