"""Copies a program's output to its log file and to the watcher, and keeps its last lines."""

from __future__ import annotations

import os
import selectors
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import IO

_CHUNK_BYTES = 65_536
_TAIL_BYTES = 65_536
_MAX_TAIL_CHARACTERS = 16_000
_MAX_TAIL_LINES = 100


class OutputPump:
    """Copies a child's stdout and stderr byte for byte until both are closed.

    One thread reads both, so that the log preserves their order.
    """

    def __init__(
        self,
        stdout: IO[bytes],
        stderr: IO[bytes],
        log_file: Path,
        show: Callable[[bytes, bool], None],
        notice: Callable[[str], None],
    ) -> None:
        """Start to copy.

        Args:
            stdout: The child's stdout; closed at its end.
            stderr: The child's stderr; closed at its end.
            log_file: The file to append to.
            show: Called with each piece and whether it is from stderr; must not block for long.
            notice: Called once with a message if the log file cannot be written.
        """
        self._pipes = {stdout: False, stderr: True}
        self._log_file = log_file
        self._show = show
        self._notice = notice
        self._tail = b""
        self._log: int | None = None
        self._thread = threading.Thread(target=self._copy, name="output", daemon=True)
        self._thread.start()

    def join(self, timeout_seconds: float) -> None:
        """Wait until everything is copied; a process outside the group may keep a pipe open."""
        self._thread.join(timeout_seconds)

    def stderr_tail(self) -> str:
        """The last lines of stderr; lines that were overwritten in their last state."""
        text = self._tail.decode("utf-8", "replace").replace("\r\n", "\n").replace("\x00", "")
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
        return "\n".join(lines[-_MAX_TAIL_LINES:]).strip("\n")[-_MAX_TAIL_CHARACTERS:]

    def _copy(self) -> None:
        self._open_log()
        with selectors.DefaultSelector() as selector:
            for pipe, is_stderr in self._pipes.items():
                selector.register(pipe, selectors.EVENT_READ, is_stderr)
            while selector.get_map():
                for key, _ in selector.select():
                    data = os.read(key.fd, _CHUNK_BYTES)
                    if data:
                        self._take(data, is_stderr=key.data)
                    else:
                        selector.unregister(key.fileobj)
        for pipe in self._pipes:
            pipe.close()
        if self._log is not None:
            os.close(self._log)

    def _take(self, data: bytes, *, is_stderr: bool) -> None:
        self._write_log(data)
        if is_stderr:
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
        self._show(data, is_stderr)

    def _open_log(self) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            self._log = os.open(self._log_file, flags, 0o600)
        except OSError as error:
            self._fail(error)

    def _write_log(self, data: bytes) -> None:
        if self._log is None:
            return
        try:
            while data:
                data = data[os.write(self._log, data) :]
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Report an error once. Later pieces are tried again, since space may have been freed."""
        self._notice(f"cannot write the log {self._log_file}: {error.strerror}")
        self._notice = lambda _: None
