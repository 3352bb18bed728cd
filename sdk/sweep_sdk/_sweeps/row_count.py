"""One sequence of row numbers for a process and the children forked from it."""

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

    It is kept in a file without a name, which forked processes have in common. Its lock is that of
    the system, so a process that ends in the middle of its turn lets the others go on.
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
        """In a forked child: a thread of the parent may have held the lock."""
        self._lock = threads.Lock()

    @contextlib.contextmanager
    def turn(self, n_rows: int) -> Iterator[int]:
        """Have the turn for a block; the number of the first of ``n_rows`` new rows.

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
