"""One training program: started in a process group of its own, signalled and waited for as one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sweep_sdk._agent.output import OutputPump

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from sweep_sdk._agent.launcher import Launch
    from sweep_sdk._agent.watchdog import Watchdog

_LEFTOVER_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.01
_OUTPUT_GRACE_SECONDS = 1.0


class LaunchFailed(Exception):
    """The program could not be started; the text says why, in one line."""


@dataclass(frozen=True)
class Exit:
    """How a process ended: by a code, or by a signal; neither where somebody else waited for it."""

    code: int | None
    signal: int | None

    @property
    def is_success(self) -> bool:
        """Whether it ended with code 0."""
        return self.code == 0


class Child:
    """A running program and everything in its process group."""

    def __init__(
        self, process: subprocess.Popen[bytes], output: OutputPump, watchdog: Watchdog
    ) -> None:
        self.pid = process.pid
        self.output = output
        self._process = process
        self._watchdog = watchdog
        self._lock = threading.Lock()
        self._is_reaped = False

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing if it has ended."""
        with self._lock:
            if not self._is_reaped:
                _signal_group(self.pid, number)

    def wait(self) -> Exit:
        """Wait for the program's end, and end what it has left behind in its group.

        Call it from one thread only.
        """
        status = self._reap()
        _end_leftovers(self.pid)
        self._watchdog.ended(self.pid)
        self.output.join(_OUTPUT_GRACE_SECONDS)
        if status is None:
            return Exit(None, None)
        return Exit(status, None) if status >= 0 else Exit(None, -status)

    def _reap(self) -> int | None:
        if hasattr(os, "waitid"):  # blocks, but leaves the zombie: signals still find their group
            try:
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:  # SIGCHLD is ignored, or this process waits for any child
                with self._lock:
                    self._is_reaped = True
                    self._process.poll()
                return None
        while True:
            with self._lock:
                status = self._process.poll()
                self._is_reaped = status is not None
            if status is not None:
                return status
            time.sleep(_POLL_SECONDS)


def start_child(
    launch: Launch,
    watchdog: Watchdog,
    show: Callable[[bytes, bool], None],
    notice: Callable[[str], None],
) -> Child:
    """Start a program.

    Raises:
        LaunchFailed: It cannot be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603  the command is the user's own
            launch.command,
            env=launch.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            preexec_fn=watchdog.before_exec,  # noqa: PLW1509  one write to a pipe, no locks
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LaunchFailed(_why(launch, error)) from None
    watchdog.started(process.pid)
    output = OutputPump(
        cast("IO[bytes]", process.stdout),
        cast("IO[bytes]", process.stderr),
        launch.log_file,
        show,
        notice,
    )
    return Child(process, output, watchdog)


def signal_name(number: int) -> str:
    """A signal's name, such as ``SIGKILL``."""
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _why(launch: Launch, error: Exception) -> str:
    program = launch.command[0]
    if isinstance(error, FileNotFoundError):
        return f"cannot start '{program}': no such program; check 'command' and 'program'"
    if isinstance(error, PermissionError):
        return f"cannot start '{program}': no permission to execute it; try 'chmod +x'"
    reason = getattr(error, "strerror", None) or str(error)
    return f"cannot start '{program}': {reason}"


def _end_leftovers(group: int) -> None:
    _signal_group(group, signal.SIGTERM)
    give_up_at = time.monotonic() + _LEFTOVER_GRACE_SECONDS
    while _signal_group(group, 0):
        if time.monotonic() > give_up_at:
            _signal_group(group, signal.SIGKILL)
            return
        time.sleep(_POLL_SECONDS)


def _signal_group(group: int, number: int) -> bool:
    """Whether the group was there to get the signal."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # members that changed their user; macOS: a zombie alone
        return False
    return True
