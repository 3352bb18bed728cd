"""One training program: started under a keeper, signalled and waited for with all it starts."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sweep_sdk._agent.output import OutputPump

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from sweep_sdk._agent.launcher import Launch

_KEEPER = Path(__file__).with_name("keeper_main.py")
_OUTPUT_GRACE_SECONDS = 1.0
#: The machine, not the program, is at fault: the next attempt may well start.
_MACHINE_ERRNOS = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.EINTR)
)


class LaunchFailed(Exception):
    """The program could not be started; the text says why, in one line.

    Attributes:
        is_machines_fault: Whether the machine is at fault, and not the sweep's command.
    """

    def __init__(self, message: str, *, is_machines_fault: bool = False) -> None:
        self.is_machines_fault = is_machines_fault
        super().__init__(message)


@dataclass(frozen=True)
class Exit:
    """How a process ended: by a code, or by a signal; neither where nobody could tell."""

    code: int | None
    signal: int | None

    @property
    def is_success(self) -> bool:
        """Whether it ended with code 0."""
        return self.code == 0


class Child:
    """A running program and everything that descends from it."""

    def __init__(
        self, pid: int, keeper: subprocess.Popen[bytes], status: IO[bytes], output: OutputPump
    ) -> None:
        self.pid = pid
        self.output = output
        self._keeper = keeper
        self._status = status
        self._commands = cast("IO[bytes]", keeper.stdin)
        self._lock = threading.Lock()

    def signal(self, number: int) -> None:
        """Send a signal to the program's whole group; nothing if it has ended."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._commands.write(b"signal %d\n" % number)

    def wait(self) -> Exit:
        """Wait for the program's end, and until nothing that it has started is left.

        Call it from one thread only.
        """
        found = Exit(None, None)
        for line in self._status:
            if line.startswith(b"exit "):
                found = _exit_of(int(line.split()[1]))
        if found == Exit(None, None):  # somebody killed the keeper, and the kernel the program
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        with self._lock:
            self._commands.close()
        self._status.close()
        self._keeper.wait()
        self.output.join(_OUTPUT_GRACE_SECONDS)
        return found


def start_child(
    launch: Launch,
    show: Callable[[bytes, bool], None],
    notice: Callable[[str], None],
    held_descriptor: int | None = None,
) -> Child:
    """Start a program.

    Args:
        launch: What to start.
        show: Given what it prints; see ``OutputPump``.
        notice: Told if its log cannot be written.
        held_descriptor: A file that stays open until nothing of the program is left: a lock on it
            is free only when this process and all its programs are gone.

    Raises:
        LaunchFailed: It cannot be started.
    """
    status_end, told_end = os.pipe()
    held = () if held_descriptor is None else (held_descriptor,)
    try:
        keeper = subprocess.Popen(  # noqa: S603  the command is the user's own
            [sys.executable, "-I", "-S", str(_KEEPER), str(told_end), *launch.command],
            env=launch.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=(told_end, *held),
            start_new_session=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        os.close(status_end)
        raise _failure(launch, error, is_keepers=True) from None
    finally:
        os.close(told_end)
    status = os.fdopen(status_end, "rb")
    word, _, number = status.readline().partition(b" ")
    if word != b"started":
        _bury(keeper, status)
        problem = OSError(int(number or 0), os.strerror(int(number or 0)))
        raise _failure(launch, problem, is_keepers=word != b"failed")
    output = OutputPump(
        cast("IO[bytes]", keeper.stdout),
        cast("IO[bytes]", keeper.stderr),
        launch.log_file,
        show,
        notice,
    )
    return Child(int(number), keeper, status, output)


def signal_name(number: int) -> str:
    """A signal's name, such as ``SIGKILL``."""
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _exit_of(status: int) -> Exit:
    code = os.waitstatus_to_exitcode(status)
    return Exit(code, None) if code >= 0 else Exit(None, -code)


def _bury(keeper: subprocess.Popen[bytes], status: IO[bytes]) -> None:
    status.close()
    for stream in (keeper.stdin, keeper.stdout, keeper.stderr):
        if stream is not None:
            stream.close()
    keeper.wait()


def _failure(launch: Launch, error: Exception, *, is_keepers: bool) -> LaunchFailed:
    """Why a program could not be started; ``is_keepers``: its keeper could not."""
    program = launch.command[0]
    number = getattr(error, "errno", None)
    if number == errno.ENOENT and not is_keepers:
        why = "no such program; check 'command' and 'program'"
    elif number == errno.EACCES and not is_keepers:
        why = "no permission to execute it; try 'chmod +x'"
    elif number == errno.ENOENT:
        return LaunchFailed(
            f"cannot start '{program}': the agent's own Python, {sys.executable}, is gone",
            is_machines_fault=True,
        )
    else:
        why = getattr(error, "strerror", None) or str(error)
    is_machines_fault = number in _MACHINE_ERRNOS or (is_keepers and number in (None, 0))
    return LaunchFailed(
        f"cannot start '{program}': {why}",
        is_machines_fault=is_machines_fault and not isinstance(error, ValueError),
    )
