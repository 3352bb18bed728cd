"""The keeper: the parent process of one training program and of all of its descendants.

It runs without the package, from source text that the agent read when it was started, so that an
upgrade of the package does not affect running agents. Its arguments are::

    DESCRIPTORS BLOCKED_SIGNALS PROGRAM ARGUMENT...

The first descriptor is the status pipe. The others are held open while the keeper runs and are not
passed on to the program: a lock on one of them shows that the keeper is alive. The keeper is
started with all signals blocked, so that none ends it before it ignores them; BLOCKED_SIGNALS are
those to block in the program. Both arguments are numbers separated by commas.

Standard input is a pipe from the agent. A line ``signal N`` requests a signal to the program's
process group; the end of the pipe means that the agent is gone, so that the program must end too.
The keeper writes ``started PID`` to the status pipe, then ``exit STATUS`` (as from ``waitpid``); or
``failed ERRNO`` if the program cannot be executed, or ``unable ERRNO`` if the keeper lacks the
resources to try. The pipe is closed when nothing of the program is left.

On Linux the keeper is a child subreaper: a descendant whose parent ends becomes the keeper's child,
whatever its session or process group, and so is ended with the program. A process with
``SWEEP_KEEP=1`` in its environment is left alone, with all of its descendants.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # importing typing would delay the start of every run
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Prctl = Callable[..., Any]

GRACE_SECONDS = 2.0
#: Time after which a process that survives SIGKILL is given up: it hangs in the kernel.
GIVE_UP_SECONDS = 10.0
#: Interval between SIGKILLs to a program that hangs in the kernel.
_KILL_AGAIN_SECONDS = 1.0
_POLL_SECONDS = 0.02
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36
_UNCATCHABLE = {signal.SIGKILL, signal.SIGSTOP}
_KEPT = b"SWEEP_KEEP=1"
_HAS_PROC = os.path.exists("/proc/self/stat")


def main() -> None:
    """Start the program, supervise it, and end the processes it leaves behind."""
    descriptors = numbers_of(sys.argv[1])
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    status = descriptors[0]
    prctl = find_prctl()
    prctl(_SET_CHILD_SUBREAPER, 1)
    try:
        wakeups = ignore_signals()
        program = start(sys.argv[3:], status, prctl, numbers_of(sys.argv[2]))
    except OSError as error:  # out of file descriptors, processes or memory
        report(status, b"unable %d\n" % (error.errno or 0))
        return
    if program is None:
        return
    close_output()
    Keeper(program, status, wakeups).run()


def find_prctl() -> Prctl:
    """Linux's ``prctl``; a function without effect if it is not available."""
    if sys.platform != "linux":
        return lambda *_: None
    try:
        import ctypes

        prctl: Prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError, MemoryError):  # a hardened system
        return lambda *_: None
    return prctl


def ignore_signals() -> int:
    """Ignore all signals that can be ignored; returns a pipe that is written when a child ends."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in signal.valid_signals() - _UNCATCHABLE:
        _before[number] = signal.getsignal(number)
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return read_end


def numbers_of(text: str) -> list[int]:
    """The numbers in a list such as ``2,15``."""
    return [int(number) for number in text.split(",") if number]


def report(status: int, line: bytes) -> None:
    """Write to the status pipe. Errors are ignored: the end of standard input follows anyway."""
    with contextlib.suppress(OSError):
        os.write(status, line)


_before: dict[int, object] = {}


def start(command: list[str], status: int, prctl: Prctl, blocked: list[int]) -> int | None:
    """Start the program in its own session; if that fails, report it and return None.

    Raises:
        OSError: The system is out of processes or memory.
    """
    read_end, write_end = os.pipe()  # closed by a successful exec
    keeper = os.getpid()
    pid = os.fork()
    if not pid:
        become(command, write_end, prctl, keeper, blocked)
    os.close(write_end)
    problem = os.read(read_end, 100)
    os.close(read_end)
    if problem:
        os.waitpid(pid, 0)
        report(status, b"failed " + problem + b"\n")
        return None
    report(status, b"started %d\n" % pid)
    return pid


def become(
    command: list[str], problems: int, prctl: Prctl, keeper: int, blocked: list[int]
) -> None:
    """In the forked child, execute the program, or write why that is impossible."""
    try:
        os.setsid()
        prctl(_SET_PDEATHSIG, int(signal.SIGKILL))  # in case the keeper is killed
        if os.getppid() != keeper:  # it has been killed already
            os._exit(127)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.set_wakeup_fd(-1)
        for number, handler in _before.items():
            is_pythons_own = number in (signal.SIGPIPE, getattr(signal, "SIGXFSZ", None))
            is_ignored = handler is signal.SIG_IGN and not is_pythons_own
            signal.signal(number, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.execvpe(command[0], command, os.environ)  # noqa: S606  # nosec B606  the user's own
    except OSError as error:
        os.write(problems, b"%d" % (error.errno or 0))
    finally:
        os._exit(127)


def close_output() -> None:
    """Close the keeper's ends of the program's output pipes, so that only the program's count."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)


class Keeper:
    """Supervises one running program."""

    def __init__(self, program: int, status: int, wakeups: int) -> None:
        self._program = program
        self._status = status
        self._wakeups = wakeups
        self._has_ended = False
        self._is_agent_there = True
        self._unread = b""
        self._kill_at: float | None = None

    def run(self) -> None:
        """Supervise until nothing of the program is left."""
        while not self._has_ended:
            self._wait()
            self._reap()
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._signal_program(signal.SIGKILL)
                self._kill_at = time.monotonic() + _KILL_AGAIN_SECONDS
        end_all(self._reap, self._program)

    def _wait(self) -> None:
        timeout = None
        if self._kill_at is not None:
            timeout = max(self._kill_at - time.monotonic(), 0.0)
        sources = [self._wakeups] + ([0] if self._is_agent_there else [])
        ready = select.select(sources, [], [], timeout)[0]
        if self._wakeups in ready:
            os.read(self._wakeups, 4096)
        if 0 in ready:
            self._hear()

    def _hear(self) -> None:
        """Handle requests of the agent; end the program if the agent is gone."""
        data = os.read(0, 4096)
        if not data:
            self._is_agent_there = False
            self._signal_program(signal.SIGTERM)
            self._signal_program(signal.SIGCONT)
            self._kill_at = time.monotonic() + GRACE_SECONDS
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._signal_program(int(line.split()[1]))

    def _signal_program(self, number: int) -> None:
        """Signal the program's group or, with stop, continue and kill signals, all descendants."""
        if self._has_ended:
            return
        send(-self._program, number)
        if number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT):
            for pid in descendants():
                send(pid, number)

    def _reap(self) -> bool:
        """Reap children that have ended; returns whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self._program:
                self._has_ended = True
                report(self._status, b"exit %d\n" % status)


def end_all(reap: Callable[[], bool], group: int) -> None:
    """End the processes that the program left behind: with SIGTERM, later with SIGKILL."""
    began_at = time.monotonic()
    number = signal.SIGTERM
    signalled: set[int] = set()
    while True:
        reap()
        left = descendants() if _HAS_PROC else [-group] if send(-group, 0) else []
        if not left:
            reap()  # children that have ended since would otherwise stay zombies
            return
        waited = time.monotonic() - began_at
        if waited > GIVE_UP_SECONDS:
            return
        if waited > GRACE_SECONDS:
            number, signalled = signal.SIGKILL, set()
        for pid in left:
            if pid not in signalled:
                signalled.add(pid)
                send(pid, number)
                send(pid, signal.SIGCONT)
        time.sleep(_POLL_SECONDS)


def descendants() -> list[int]:
    """The descendants of this process that are not to be kept; empty if unknown."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            parent = parent_of(name)
            if parent is not None:
                children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    open_ = list(children.get(os.getpid(), ()))
    while open_:
        pid = open_.pop()
        if not is_kept(pid):
            found.append(pid)
            open_ += children.get(pid, ())
    return found


def parent_of(pid: str) -> int | None:
    """The parent of a running process; None if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[1])


def is_kept(pid: int) -> bool:
    """Whether the process is marked to outlive its run."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return _KEPT in file.read().split(b"\0")
    except OSError:
        return False


def send(pid: int, number: int) -> bool:
    """Send a signal to a process, or to a group if negative; returns whether it may exist."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # the process has another user; on macOS also: only zombies are left
        return False
    return True


if __name__ == "__main__":
    main()
    os._exit(0)
