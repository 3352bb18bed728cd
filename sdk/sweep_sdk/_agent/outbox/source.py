"""The metrics file as its reader has it: open from the beginning, whatever becomes of its name.

A folder of runs may be tidied away while a program writes. What is open can be read on, and holds
all that the program writes to what it has open itself.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sweep_sdk._metrics.writer import INCOMPLETE
from sweep_sdk._world import disk

if TYPE_CHECKING:
    from typing import BinaryIO


class Source:
    """A file that grows, kept open from when it is first seen."""

    def __init__(self, path: disk.Path) -> None:
        """Take the file under ``path``; it need not exist yet."""
        self._path = path
        self._file: BinaryIO | None = None
        with contextlib.suppress(OSError):
            self.file()

    def file(self) -> BinaryIO | None:
        """The open file; None as long as there has been none.

        Raises:
            OSError: There is one that cannot be opened.
        """
        if self._file is None:
            try:
                self._file = disk.open_to_read(self._path)
            except FileNotFoundError:
                return None
        return self._file

    def is_replaced(self) -> bool:
        """Whether another file than the open one has the name by now."""
        if self._file is None:
            return False
        try:
            stands, held = self._path.stat(), disk.stat_descriptor(self._file.fileno())
        except OSError:  # nothing has the name: what is open goes on
            return False
        return (stands.st_dev, stands.st_ino) != (held.st_dev, held.st_ino)

    def is_incomplete(self) -> bool:
        """Whether it lacks lines that its program has not been able to write, or is gone itself."""
        if self._file is None:
            return True
        try:
            found = disk.stat_descriptor(self._file.fileno())
        except OSError:
            return False
        return bool(found.st_mode & INCOMPLETE)

    def close(self) -> None:
        """Let go of the file; the next use opens what has the name then."""
        self._file = None
