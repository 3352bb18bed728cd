"""One tiny process beside each agent, which ends the agent's children should the agent be killed.

Without it a killed agent's child would go on, while another agent is handed the same run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

_PROGRAM = Path(__file__).with_name("watchdog_main.py")


class Watchdog:
    """Knows the process groups that shall not outlive this process.

    Nothing happens to them as long as this process lives; ``close`` ends the watchdog, and with
    it whatever was announced and not taken back.
    """

    def __init__(self, held_descriptor: int | None = None) -> None:
        """Start it.

        Args:
            held_descriptor: A file that stays open until the watchdog has done its work: a lock
                on it is free only when this process and its children are gone.
        """
        self._held = () if held_descriptor is None else (held_descriptor,)
        self._groups: set[int] = set()
        self._lock = threading.Lock()  # not for before_exec: a forked child may find it taken
        self._start()

    def before_exec(self) -> None:
        """Announce the calling process; for a child between fork and exec.

        It is the child that writes, so there is no instant in which it runs unknown.
        """
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # the watchdog may be dead
        self._write(b"+%d\n" % os.getpid())
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def started(self, group: int) -> None:
        """Note a child that has announced itself, but maybe to a watchdog that is gone by now."""
        with self._lock:
            self._groups.add(group)
            self._write(b"+%d\n" % group)

    def ended(self, group: int) -> None:
        """Take back a group whose leader has been waited for."""
        with self._lock:
            self._groups.discard(group)
            self._write(b"-%d\n" % group)

    def ensure(self) -> bool:
        """Start it anew if somebody killed it; whether that was so."""
        with self._lock:
            if self._process.poll() is None:
                return False
            os.close(self._pipe)
            self._start()
            for group in self._groups:
                self._write(b"+%d\n" % group)
            return True

    def close(self) -> None:
        """End the watchdog."""
        os.close(self._pipe)
        self._process.wait()

    def _start(self) -> None:
        read_end, self._pipe = os.pipe()
        try:
            # A session of its own: signals to the agent's group or terminal must not reach it.
            self._process = subprocess.Popen(  # noqa: S603  our own file, no user input
                [sys.executable, "-I", "-S", str(_PROGRAM)],
                stdin=read_end,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=self._held,
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(read_end)

    def _write(self, line: bytes) -> None:
        """Pipe writes this short are atomic. A dead watchdog must not fail a run."""
        with contextlib.suppress(OSError):
            os.write(self._pipe, line)
