"""Writer of the metrics file, designed for minimal cost in a training loop."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from sweep_sdk._process.forks import renew_in_children
from sweep_sdk._world import disk, threads

_MAX_UNWRITTEN_BYTES = 16_000_000
_MODE = 0o600
_FOLDER_MODE = 0o700
#: Mode bit of a file that lacks lines because its program could not write them. Unlike text, it can
#: be set on a full disk.
INCOMPLETE = 0o100


class MetricsFile:
    """Appends lines with one write each; lines that a full disk rejects wait in memory.

    Safe for threads, signal handlers and forked processes: the file is opened in append mode, so
    that lines of several writers are not mixed.
    """

    def __init__(self, path: str, *, makes_folder: bool = False) -> None:
        """Append to a file, which is opened when the first line is written.

        Args:
            path: Path of the file, which is created if it does not exist.
            makes_folder: Whether to create the folder too, in case it has been removed.
        """
        self._path = path
        self._makes_folder = makes_folder
        self._descriptor: int | None = None
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """In a forked child, discard the waiting lines and the lock, which belong to the parent.

        The descriptor is shared.
        """
        self._unwritten: deque[bytes] = deque()
        self._n_unwritten_bytes = 0
        self._has_lost_lines = False
        self._is_marked = False
        self._lock = threads.RLock()  # a signal handler may log in the middle of a line

    def append(self, line: bytes) -> str | None:
        """Write a line; returns the reason if it could not be written yet."""
        with self._lock:
            self._unwritten.append(line)
            self._n_unwritten_bytes += len(line)
            return self._try()

    def retry(self) -> str | None:
        """Try to write the waiting lines; returns the reason if they cannot be written yet."""
        with self._lock:
            return self._try() if self._unwritten else None

    def close(self) -> str | None:
        """Close the file, which ``append`` reopens; returns a message if lines are waiting."""
        with self._lock:
            self.retry()
            if self._descriptor is not None:
                disk.close(self._descriptor)
                self._descriptor = None
            n_lines = len(self._unwritten)
        return f"{n_lines} lines could not be written to {self._path}" if n_lines else None

    def _try(self) -> str | None:
        try:
            self._flush()
        except OSError as error:
            reason = self._wait(error)
            self._mark(is_complete=False)
            return reason
        if self._is_marked and not self._has_lost_lines:
            self._mark(is_complete=True)
        return None

    def _mark(self, *, is_complete: bool) -> None:
        """Record in the file's mode whether lines are missing."""
        with suppress(OSError):
            if self._descriptor is not None:
                mode = disk.stat_descriptor(self._descriptor).st_mode
                disk.change_mode(self._descriptor, _marked(mode, is_complete))
            else:
                path = disk.Path(self._path)
                path.chmod(_marked(path.stat().st_mode, is_complete))
            self._is_marked = not is_complete

    def _flush(self) -> None:
        if self._descriptor is None:
            flags = disk.O_WRONLY | disk.O_CREAT | disk.O_APPEND | disk.O_CLOEXEC
            if self._makes_folder:
                folder = disk.Path(self._path).parent
                folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
            self._descriptor = disk.open_descriptor(self._path, flags, _MODE)
        while self._unwritten:
            line = self._unwritten.popleft()
            n_written = 0
            try:
                n_written = disk.write(self._descriptor, line)
            finally:
                self._n_unwritten_bytes -= n_written
                if n_written < len(line):
                    self._unwritten.appendleft(line[n_written:])

    def _wait(self, error: OSError) -> str:
        reason = f"cannot write {self._path}: {error.strerror}"
        if self._n_unwritten_bytes <= _MAX_UNWRITTEN_BYTES:
            return f"{reason}; metrics wait in memory"
        first = self._unwritten.popleft()  # the file may have the beginning of this line
        while self._n_unwritten_bytes > _MAX_UNWRITTEN_BYTES and self._unwritten:
            self._n_unwritten_bytes -= len(self._unwritten.popleft())
        self._unwritten.appendleft(first)
        self._has_lost_lines = True
        return f"{reason}; older metrics are lost"


def _marked(mode: int, is_complete: bool) -> int:
    return mode & 0o777 & ~INCOMPLETE if is_complete else mode & 0o777 | INCOMPLETE
