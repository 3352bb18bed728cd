"""The metrics file, which its reader keeps open from the beginning, whatever becomes of its path.

A folder of runs may be removed while a program writes. An open file can still be read, and has all
that the program writes to the file that it has open itself.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sweep_sdk._metrics.writer import INCOMPLETE
from sweep_sdk._world import disk

if TYPE_CHECKING:
    from typing import BinaryIO


class Source:
    """A growing file, kept open as soon as it exists."""

    def __init__(self, path: disk.Path) -> None:
        """Open the file at ``path``, if it exists already."""
        self._path = path
        self._file: BinaryIO | None = None
        with contextlib.suppress(OSError):
            self.file()

    def file(self) -> BinaryIO | None:
        """The open file; None as long as it does not exist.

        Raises:
            OSError: It exists and cannot be opened.
        """
        if self._file is None:
            try:
                self._file = disk.open_to_read(self._path)
            except FileNotFoundError:
                return None
        return self._file

    def is_replaced(self) -> bool:
        """Whether another file than the open one is at the path now."""
        if self._file is None:
            return False
        try:
            there, held = self._path.stat(), disk.stat_descriptor(self._file.fileno())
        except OSError:  # no file is there: the open one is still the program's
            return False
        return (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino)

    def is_incomplete(self) -> bool:
        """Whether lines are missing: the program could not write them, or the file is gone."""
        if self._file is None:
            return True
        try:
            found = disk.stat_descriptor(self._file.fileno())
        except OSError:
            return False
        return bool(found.st_mode & INCOMPLETE)

    def close(self) -> None:
        """Close the file; the next use opens the file that is at the path then."""
        self._file = None
