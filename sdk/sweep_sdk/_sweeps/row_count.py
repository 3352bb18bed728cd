"""A sequence of row numbers shared by a process and its forked children."""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING

from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.forks import renew_in_children
from sweep_sdk._world import disk, processes, threads

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH = 8


class RowCount:
    """A counter shared by threads and forked processes.

    It is kept in an unnamed file that forked processes share. Its lock belongs to the system, so a
    process that ends during its turn does not block the others.
    """

    def __init__(self) -> None:
        self._owner = processes.own_id()
        self._number = 0
        self._file = disk.open_nameless()
        if self._file is not None:
            weakref.finalize(self, disk.close, self._file)
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """In a forked child, replace the lock, which a thread of the parent may hold."""
        self._lock = threads.Lock()

    @contextlib.contextmanager
    def turn(self, n_rows: int) -> Iterator[int]:
        """Reserve ``n_rows`` row numbers during a block; yields the first.

        Raises:
            UsageError: This is a child process, and there is no file that it could share.
        """
        with self._lock, self._shared():
            number = self._read()
            self._write(number + n_rows)
            yield number

    @contextlib.contextmanager
    def _shared(self) -> Iterator[None]:
        if self._file is None:
            if processes.own_id() != self._owner:
                raise UsageError(
                    "a run that was asked for in another process cannot be used here: let that"
                    " process log and tell, or make a folder for temporary files (TMPDIR) writable"
                )
            yield
            return
        with disk.locked_for_process(self._file):
            yield

    def _read(self) -> int:
        if self._file is None:
            return self._number
        return int.from_bytes(os.pread(self._file, _WIDTH, 0), "little")

    def _write(self, number: int) -> None:
        if self._file is None:
            self._number = number
        else:
            os.pwrite(self._file, number.to_bytes(_WIDTH, "little"), 0)
