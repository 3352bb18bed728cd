"""Follows TensorBoard's event files in a folder while a program writes them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sweep_sdk._agent.followed.points import Point
from sweep_sdk._agent.followed.tfevents import (
    HEADER_BYTES,
    MAX_RECORD_BYTES,
    BadRecord,
    data_bytes,
    scalars_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from sweep_sdk._agent.followed.owner import Owner

#: The writer follows the time: a host, usually a process id, a number. Profilers write empty files.
_NAME = re.compile(r".*tfevents\.\d+\.(?P<writer>(?!.*profile-empty).+)")
#: Folders of parts of one training, whose names become part of the metric names.
_PARTS = ("train", "training", "val", "valid", "validation", "eval", "evaluation", "test")


@dataclass
class _EventFile:
    """An event file that belongs to the run.

    Attributes:
        prefix: Prefix of the tags.
        offset: Offset of the next record.
    """

    path: Path
    prefix: str
    offset: int = 0


class TensorBoardFolder:
    """The event files that one run's program writes below a folder."""

    def __init__(self, folder: str, owner: Owner, notice: Callable[[str], None]) -> None:
        self._folder = Path(folder)
        self._owner = owner
        self._notice = notice
        self._seen: set[Path] = set()
        self._files: list[_EventFile] = []
        self._roots: list[Path] = []

    def begin(self) -> None:
        """Skip files that exist before the program starts, since writers create new ones."""
        self._seen.update(self._found())

    def read(self, *, is_final: bool) -> list[Point]:
        """The points written since the last call.

        Args:
            is_final: Whether nothing more will be written, so that incomplete records are damaged.
        """
        for path in self._found():
            if path not in self._seen:
                self._seen.add(path)
                if self._is_own(path.name):
                    self._files.append(_EventFile(path, self._prefix(path.parent)))
        return [point for file in self._files for point in self._points(file, is_final)]

    @property
    def problem(self) -> str | None:
        """Why no values were found; None if some were."""
        return None if self._files else f"the program wrote no event file in {self._folder}"

    def _found(self) -> list[Path]:
        """All event files in order of creation."""
        found = [
            Path(folder, name)
            for folder, folders, names in os.walk(self._folder)
            if folders.sort() is None  # in place, for the walk
            for name in names
            if _NAME.fullmatch(name)
        ]
        return sorted(found, key=lambda path: (path.name, path))

    def _is_own(self, name: str) -> bool:
        match = _NAME.fullmatch(name)
        return match is not None and self._owner.wrote(match["writer"], self._notice)

    def _prefix(self, folder: Path) -> str:
        """The prefix that distinguishes a folder from the program's other folders.

        The first folder is the root. Folders within it are named relative to it, as TensorBoard
        shows them; folders elsewhere are roots too.
        """
        for root in self._roots:
            if folder.is_relative_to(root):
                inner = folder.relative_to(root).as_posix()
                return "" if inner == "." else f"{inner}/"
        is_part = folder.name in _PARTS and folder != self._folder
        self._roots.append(folder.parent if is_part else folder)
        return self._prefix(folder)

    def _points(self, file: _EventFile, is_final: bool) -> Iterator[Point]:
        try:
            with file.path.open("rb") as opened:
                size = os.fstat(opened.fileno()).st_size
                yield from self._records(file, opened, size, is_final)
        except OSError as error:
            if is_final:
                self._notice(f"cannot read {file.path}: {error.strerror}")

    def _records(
        self, file: _EventFile, opened: BinaryIO, size: int, is_final: bool
    ) -> Iterator[Point]:
        """The points of all complete records from the file's offset on."""
        while file.offset + HEADER_BYTES <= size:
            opened.seek(file.offset)
            try:
                length = data_bytes(opened.read(HEADER_BYTES))
            except BadRecord:
                if is_final:
                    self._notice(f"{file.path} is damaged at byte {file.offset}: the rest is lost")
                return
            end = file.offset + HEADER_BYTES + length + 4
            if end > size:
                return
            if length <= MAX_RECORD_BYTES:
                try:
                    found = scalars_of(opened.read(length), opened.read(4))
                except BadRecord:
                    if end == size and not is_final:  # it may still be on its way to the disk
                        return
                    self._notice(f"a record of {file.path} is damaged and left out")
                else:
                    for tag, value in found.values:
                        yield Point(file.prefix + tag, value, found.step, found.at)
            file.offset = end
