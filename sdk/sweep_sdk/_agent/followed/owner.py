"""Finds out which run has written a file, in a folder that several runs may share."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Tag with which MLflow marks its runs as belonging to a run, because of a variable of the program.
RUN_TAG = "sweep_sdk.run"
_PID = re.compile(r"\.(\d+)\b")
_VARIABLE = b"SWEEP_RUN_ID="


@dataclass(frozen=True)
class Owner:
    """The run whose files are wanted.

    Attributes:
        run: The run's id.
        has_own_folder: Whether the folder belongs to this run only.
        is_alone: Whether the agent works on one run at a time.
    """

    run: str
    has_own_folder: bool
    is_alone: bool

    def wrote(self, writer: str, notice: Callable[[str], None]) -> bool:
        """Whether a program of the run wrote an event file.

        Args:
            writer: The writer in the file's name: ``HOST``, ``HOST.PID`` or more.
            notice: Called with a message if this cannot be determined.
        """
        if self.has_own_folder:
            return True
        host = socket.gethostname()
        if not f"{writer}.".startswith(f"{host}."):
            why = f"they were written on another machine, {writer}"
        else:
            pid = _PID.match(writer, len(host))
            run = run_of_process(pid[1]) if pid is not None else None
            if run is not None or self.is_alone:
                return run in (None, self.run)
            why = "the process that wrote them is not known, and the agent works on several runs"
        notice(
            f"event files are left out: {why}; give each run a folder of its own, such as"
            " tensorboard:${run_dir}/logs"
        )
        return False


def run_of_process(pid: str) -> str | None:
    """The run that a process of this machine belongs to; None if unknown."""
    try:
        variables = Path("/proc", pid, "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [variable for variable in variables if variable.startswith(_VARIABLE)]
    return os.fsdecode(found[0][len(_VARIABLE) :]) if found else None
