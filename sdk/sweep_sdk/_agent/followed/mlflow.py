"""Follows the metrics that a program logs to MLflow: in its file store, or in its SQLite file."""

from __future__ import annotations

import math
import os
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.followed.owner import RUN_TAG
from sweep_sdk._agent.followed.points import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sweep_sdk._agent.followed.owner import Owner

SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
_PARENT_TAG = "mlflow.parentRunId"
_NESTED = "the metrics of nested runs of MLflow are left out; those of their parents count"


class _Followed:
    """Base class of both kinds of store, for MLflow runs with the tag of this run."""

    def __init__(self, path: str, owner: Owner, notice: Callable[[str], None]) -> None:
        self._path = Path(path)
        self._run = owner.run
        self._notice = notice
        self._has_found = False

    @property
    def problem(self) -> str | None:
        """Why no values were found; None if some were."""
        if self._has_found:
            return None
        return f"the program logged nothing to MLflow in {self._path}"


class FileStore(_Followed):
    """A folder of experiments, each with a folder for every run.

    In that, every metric is a file with a line for each value: time in milliseconds, value, step.
    """

    def __init__(self, path: str, owner: Owner, notice: Callable[[str], None]) -> None:
        super().__init__(path, owner, notice)
        self._foreign: set[Path] = set()
        self._offsets: dict[Path, int] = {}

    def begin(self) -> None:
        """Skip what exists before the program starts."""
        self._foreign.update(run for run in self._runs() if not self._is_own(run))
        for file in (file for run in self._runs() for file in _metrics(run)):
            with suppress(OSError):
                self._offsets[file] = file.stat().st_size

    def read(self, *, is_final: bool) -> list[Point]:
        """The points written since the last call.

        Args:
            is_final: Whether nothing more will be written.
        """
        found = [
            point
            for run in self._runs()
            if self._is_own(run)
            for file in _metrics(run)
            for point in self._points(file, file.relative_to(run / "metrics").as_posix(), is_final)
        ]
        self._has_found = self._has_found or bool(found)
        return sorted(found, key=lambda point: (point.at, point.step))

    def _runs(self) -> list[Path]:
        """The folders of runs that may be the program's."""
        found = {run for experiment in _folders(self._path) for run in _folders(experiment)}
        return sorted(found - self._foreign)

    def _is_own(self, run: Path) -> bool:
        if _text(run / "tags" / RUN_TAG) != self._run:
            return False
        if (run / "tags" / _PARENT_TAG).exists():
            self._notice(_NESTED)
            return False
        return True

    def _points(self, file: Path, name: str, is_final: bool) -> Iterator[Point]:
        offset = self._offsets.get(file, 0)
        with suppress(OSError), file.open("rb") as opened:
            opened.seek(offset)
            for line in opened:
                if not line.endswith(b"\n") and not is_final:
                    return
                self._offsets[file] = self._offsets.get(file, 0) + len(line)
                with suppress(ValueError):
                    at, value, *step = line.split()[:3]
                    yield Point(name, float(value), int(step[0]) if step else 0, int(at) / 1000)


class SqliteStore(_Followed):
    """MLflow's database, as MLflow itself makes it on this machine."""

    def begin(self) -> None:
        """Skip what exists before the program starts."""
        self._last = 0
        for (last,) in self._select("SELECT max(rowid) FROM metrics"):
            self._last = last or 0

    def read(self, *, is_final: bool) -> list[Point]:  # noqa: ARG002  as of the others
        """The points written since the last call."""
        found = []
        for rowid, name, value, at, step, is_nan, parent in self._select(
            "SELECT m.rowid, m.key, m.value, m.timestamp, m.step, m.is_nan, p.value"
            " FROM metrics m JOIN tags t ON t.run_uuid = m.run_uuid AND t.key = ? AND t.value = ?"
            " LEFT JOIN tags p ON p.run_uuid = m.run_uuid AND p.key = ?"
            " WHERE m.rowid > ? ORDER BY m.rowid",
            RUN_TAG, self._run, _PARENT_TAG, self._last,
        ):  # fmt: skip
            self._last = rowid
            if parent is not None:
                self._notice(_NESTED)
                continue
            found.append(Point(name, math.nan if is_nan else _unbounded(value), step, at / 1000))
        self._has_found = self._has_found or bool(found)
        return found

    def _select(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement; none while the program makes or writes the database."""
        try:
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=1.0)) as connection:
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error:
            return []


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder; none where it cannot be read."""
    try:
        return [Path(entry) for entry in os.scandir(folder) if entry.is_dir()]
    except OSError:
        return []


def _metrics(run: Path) -> list[Path]:
    """The files of the metrics of a run, whose names may contain slashes."""
    walk = os.walk(run / "metrics")
    return sorted(Path(folder, name) for folder, _, names in walk for name in names)


def _unbounded(value: float) -> float:
    """MLflow stores infinity as the largest number."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
