"""Whose files are in a folder: several runs, and others, may write to it at the same time."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: The tag of a run of MLflow that belongs to a run; a variable of the program makes MLflow set it.
RUN_TAG = "sweep_sdk.run"
_PID = re.compile(r"\.(\d+)\b")
_VARIABLE = b"SWEEP_RUN_ID="


@dataclass(frozen=True)
class Owner:
    """The run.

    Attributes:
        run: Its id.
        has_own_folder: Whether the folder is that of this run alone.
        is_alone: Whether the agent works on one run at a time.
    """

    run: str
    has_own_folder: bool
    is_alone: bool

    def wrote(self, writer: str, notice: Callable[[str], None]) -> bool:
        """Whether a program of the run wrote an event file.

        Args:
            writer: What the file's name says: ``HOST``, ``HOST.PID`` or more.
            notice: Called if this cannot be found out.
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
    """The run that a process of this machine belongs to; None if it is not known."""
    try:
        variables = Path("/proc", pid, "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [variable for variable in variables if variable.startswith(_VARIABLE)]
    return os.fsdecode(found[0][len(_VARIABLE) :]) if found else None
