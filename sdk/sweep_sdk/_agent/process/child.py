"""One training program, started under a keeper, with all of its descendants."""

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

from sweep_sdk._agent.process.output import OutputPump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from sweep_sdk._agent.process.launcher import ProgramSpec

#: Read at import: an upgrade of the package must not make runs of running agents fail.
_KEEPER = Path(__file__).with_name("keeper_main.py").read_bytes()
#: Executes a program read from a pipe; the arguments are the descriptor and the size.
_READ_AND_EXECUTE = (
    "import sys; pop = sys.argv.pop; text = open(int(pop(1)), 'rb').read(int(pop(1)));"
    " exec(compile(text, 'keeper_main.py', 'exec'))"
)
_OUTPUT_GRACE_SECONDS = 1.0
#: Errors of the command line itself, which would fail in the same way on every machine.
_COMMANDS_ERRNOS = frozenset((errno.E2BIG, errno.ENAMETOOLONG))
_WHY = {
    errno.ENOENT: "no such program; check 'command' and 'program'",
    errno.EACCES: "no permission to execute it; try 'chmod +x'",
    errno.ENOEXEC: "it is neither a program for this machine nor a script that begins with '#!'",
}


class LaunchFailed(Exception):
    """The program could not be started; the message says why in one line.

    Attributes:
        is_machines_fault: Whether the machine is at fault rather than this run's command line. An
            agent checks the program before its first run, so a program that cannot be found later
            is the machine's fault too.
    """

    def __init__(self, message: str, *, is_machines_fault: bool = True) -> None:
        self.is_machines_fault = is_machines_fault
        super().__init__(message)


@dataclass(frozen=True)
class Exit:
    """How a process ended: with a code or by a signal; both are None if that is unknown."""

    code: int | None
    signal: int | None

    @property
    def is_success(self) -> bool:
        """Whether it ended with code 0."""
        return self.code == 0

    @property
    def is_unknown(self) -> bool:
        """Whether it is unknown how the process ended."""
        return self.code is None and self.signal is None


class Child:
    """A running program with all of its descendants."""

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
        """Send a signal to the program's process group, unless it has ended."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._commands.write(b"signal %d\n" % number)
            if number == signal.SIGKILL:  # a stopped keeper would not read the request
                self._keeper.send_signal(signal.SIGCONT)

    def wait(self) -> Exit:
        """Wait until the program and all of its descendants have ended.

        May only be called from one thread.
        """
        found = Exit(None, None)
        for line in self._status:
            if line.startswith(b"exit "):
                found = _exit_of(int(line.split()[1]))
        if found.is_unknown:  # the keeper was killed, and the kernel has ended the program
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        with self._lock:
            self._commands.close()
        self._status.close()
        self._keeper.wait()
        self.output.join(_OUTPUT_GRACE_SECONDS)
        return found


def start_child(
    launch: ProgramSpec,
    show: Callable[[bytes, bool], None],
    notice: Callable[[str], None],
    held_descriptor: int | None = None,
) -> Child:
    """Start a program.

    Args:
        launch: The program.
        show: Called with the program's output; see ``OutputPump``.
        notice: Called with a message if the log cannot be written.
        held_descriptor: A file that the keeper holds open until nothing of the program is left: a
            lock on it is free only when this process and all of its programs are gone.

    Raises:
        LaunchFailed: The program cannot be started.
    """
    keeper, status = _start_keeper(launch, held_descriptor)
    word, _, number = status.readline().partition(b" ")
    if word != b"started":
        raise _failure_of(launch, word, int(number or 0), _bury(keeper, status))
    try:
        output = OutputPump(
            cast("IO[bytes]", keeper.stdout),
            cast("IO[bytes]", keeper.stderr),
            launch.log_file,
            show,
            notice,
        )
    except RuntimeError as error:  # the limit of threads is reached
        _bury(keeper, status)
        raise _cannot_start(launch, str(error)) from None
    return Child(int(number), keeper, status, output)


def signal_name(number: int) -> str:
    """The name of a signal, such as ``SIGKILL``."""
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _exit_of(status: int) -> Exit:
    code = os.waitstatus_to_exitcode(status)
    return Exit(code, None) if code >= 0 else Exit(None, -code)


def _start_keeper(
    launch: ProgramSpec, held_descriptor: int | None
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start the process that will start the program.

    Returns:
        The process, and the pipe on which it reports.
    """
    held = () if held_descriptor is None else (held_descriptor,)
    try:
        status, reports = _pipe()
    except OSError as error:
        raise _failure(launch, error) from None
    try:
        with reports:
            return _spawn_keeper(launch, (reports.fileno(), *held)), status
    except ValueError as error:  # the command line has a null character
        status.close()
        raise _cannot_start(launch, str(error), is_machines_fault=False) from None
    except (OSError, MemoryError, subprocess.SubprocessError) as error:
        status.close()
        raise _failure(launch, error) from None


def _spawn_keeper(launch: ProgramSpec, descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start a keeper and send it its own program; see ``keeper_main`` for the descriptors."""
    reading, writing = _pipe()
    with writing:
        with reading, _signals_blocked() as mask:
            source = [str(reading.fileno()), str(len(_KEEPER))]
            numbers = ",".join(map(str, descriptors))
            keeper = subprocess.Popen(  # noqa: S603  the command is the user's own
                [
                    *(sys.executable, "-I", "-S", "-c", _READ_AND_EXECUTE),
                    *(*source, numbers, mask, *launch.command),
                ],
                env=launch.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(reading.fileno(), *descriptors),
                start_new_session=True,
            )
        # The keeper reads this many bytes rather than to the end of the pipe, because a process
        # that is forked at this moment would hold the pipe open.
        with contextlib.suppress(BrokenPipeError), writing:  # the status pipe reports the cause
            writing.write(_KEEPER)
    return keeper


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """The reading and the writing end of a new pipe."""
    read_end, write_end = os.pipe()
    return os.fdopen(read_end, "rb"), os.fdopen(write_end, "wb")


@contextlib.contextmanager
def _signals_blocked() -> Iterator[str]:
    """Start processes within this block with all signals blocked.

    A keeper unblocks them once it ignores them; before that, each of them would end it.

    Yields:
        The signals blocked before, which the program inherits: numbers separated by commas.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield ",".join(str(int(number)) for number in before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _bury(keeper: subprocess.Popen[bytes], status: IO[bytes]) -> str:
    """Dismiss a keeper whose program has not started, and return its last output."""
    status.close()
    cast("IO[bytes]", keeper.stdin).close()  # the keeper ends its program, if it has one
    cast("IO[bytes]", keeper.stdout).close()
    with cast("IO[bytes]", keeper.stderr) as stderr:
        words = stderr.read().decode("utf-8", "replace").strip()
    keeper.wait()
    return words.rpartition("\n")[2]


def _failure_of(launch: ProgramSpec, word: bytes, number: int, last_words: str) -> LaunchFailed:
    """The error for what a keeper has reported instead of the program's start."""
    if word == b"failed":
        why = _WHY.get(number) or os.strerror(number)
        return _cannot_start(launch, why, is_machines_fault=number not in _COMMANDS_ERRNOS)
    if word == b"unable":
        return _cannot_start(launch, os.strerror(number))
    detail = f": {last_words}" if last_words else ""
    return _cannot_start(launch, f"the process that was to start it has ended at once{detail}")


def _failure(launch: ProgramSpec, error: BaseException) -> LaunchFailed:
    """The error for a keeper that could not be started."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return _cannot_start(launch, f"the agent's own Python, {sys.executable}, is gone")
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _cannot_start(launch, why, is_machines_fault=number not in _COMMANDS_ERRNOS)


def _cannot_start(launch: ProgramSpec, why: str, *, is_machines_fault: bool = True) -> LaunchFailed:
    message = f"cannot start '{launch.command[0]}': {why}"
    return LaunchFailed(message, is_machines_fault=is_machines_fault)
