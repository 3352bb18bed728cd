"""Removes what this machine keeps of runs that are over: their folders, and the marks of agents.

Nothing goes that may still be needed: a run of which any attempt is not delivered, or is being
worked on, has a file in ``<home>/pending`` from its first moment until its end is delivered. A
folder is taken away under another name first and looked at once more, so that an agent that
begins the next attempt of the run just then finds it either untouched or not there at all.
"""

from __future__ import annotations

import contextlib
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._home.agent_lock import is_held
from sweep_sdk._world import chance, clock, disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SWEEP = re.compile(r"[a-z0-9]{8}")
_RUN = re.compile(r"[a-z0-9]{8}-(?:0|[1-9][0-9]{0,14})")
_DOOMED = re.compile(rf"\.({_RUN.pattern})\.removing-[0-9a-f]{{32}}")
#: Somebody may just be making it.
_FRESH_SECONDS = 60.0
_MARK_SECONDS = 3600.0
_ONCE_SECONDS = 86_400.0


@dataclass(frozen=True)
class FolderUsage:
    """What a run has left on this machine.

    Attributes:
        n_bytes: The sizes of its files.
        changed_at: When anything in it was changed last, in seconds since the epoch.
        kept: Why it stays: ``undelivered`` (or being worked on) or ``recent``; None: it may go.
    """

    sweep: str
    run: str
    path: Path
    n_bytes: int
    changed_at: float
    kept: str | None


def survey(home: Path, runs_dir: Path, older_than_seconds: float) -> Iterator[FolderUsage]:
    """The folders of runs, by sweep and run, with what may become of them.

    Args:
        home: Where agents note what they owe.
        runs_dir: The folder of the runs' own folders.
        older_than_seconds: Age in seconds; folders that changed later stay.
    """
    newest = clock.time() - max(older_than_seconds, _FRESH_SECONDS)
    owed = _owed_runs(home)
    for sweep in _folders(runs_dir, _SWEEP):
        for path in _folders(sweep, _RUN):
            n_bytes, changed_at = _contents(path)
            kept = "undelivered" if path.name in owed else None
            if kept is None and changed_at > newest:
                kept = "recent"
            yield FolderUsage(sweep.name, path.name, path, n_bytes, changed_at, kept)


def remove(home: Path, folder: FolderUsage) -> bool:
    """Remove a folder that may go; False where it may not any more, or somebody was faster."""
    doomed = folder.path.with_name(f".{folder.run}.removing-{chance.unique_key()}")
    try:
        folder.path.rename(doomed)
    except OSError:
        return False
    _, changed_at = _contents(doomed)
    with contextlib.suppress(OSError):
        doomed.touch()  # so that another cleaning sees that this one is at it
    if folder.run in _owed_runs(home) or changed_at > folder.changed_at:
        with contextlib.suppress(OSError):  # where an agent has made a new one, that counts
            doomed.rename(folder.path)
        return False
    disk.remove_tree(doomed)
    with contextlib.suppress(OSError):  # it is not empty
        folder.path.parent.rmdir()
    return True


def tidy(home: Path, runs_dir: Path) -> None:
    """Remove marks of dead agents, files that were being written, and cleanings cut short."""
    old = clock.time() - _MARK_SECONDS
    for path in (home / "agents").glob("*.lock"):
        if not path.with_suffix(".json").exists() and _is_older(path, old):
            with contextlib.suppress(OSError):
                is_held(path)  # one that is free goes
    for path in (home / "pending").glob("*.tmp"):
        if _is_older(path, old):
            with contextlib.suppress(OSError):
                path.unlink()
    for sweep in _folders(runs_dir, _SWEEP):
        for path in _folders(sweep, _DOOMED):
            if _is_older(path, old):
                _finish_removal(home, path)


def clean_once_a_day(home: Path, runs_dir: Path, older_than_seconds: float) -> tuple[int, int]:
    """Remove what may go, unless that was done within a day.

    Returns:
        How many folders, and how many bytes they held.
    """
    mark = home / "cleaned"
    if not _is_older(mark, clock.time() - _ONCE_SECONDS, is_missing_old=True):
        return 0, 0
    with contextlib.suppress(OSError):
        mark.touch()
    tidy(home, runs_dir)
    removed = [
        folder.n_bytes
        for folder in survey(home, runs_dir, older_than_seconds)
        if folder.kept is None and remove(home, folder)
    ]
    return len(removed), sum(removed)


def _owed_runs(home: Path) -> set[str]:
    """The runs with an attempt that is being worked on or not delivered, by names of files."""
    try:
        return {path.name.split(".", 1)[0] for path in (home / "pending").iterdir()}
    except FileNotFoundError:
        return set()


def _folders(parent: Path, pattern: re.Pattern[str]) -> list[Path]:
    """The real folders in a folder whose names are such as we give."""
    try:
        paths = sorted(parent.iterdir())
    except OSError:
        return []
    return [path for path in paths if pattern.fullmatch(path.name) and _is_real_folder(path)]


def _is_real_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _contents(folder: Path) -> tuple[int, float]:
    """The bytes in a folder, and the newest time of change in it."""
    n_bytes, changed_at, unseen = 0, 0.0, [folder]
    while unseen:
        path = unseen.pop()
        with contextlib.suppress(OSError):
            found = path.lstat()
            changed_at = max(changed_at, found.st_mtime)
            if stat.S_ISDIR(found.st_mode):
                unseen += path.iterdir()
            else:
                n_bytes += found.st_size
    return n_bytes, changed_at


def _finish_removal(home: Path, doomed: Path) -> None:
    """What a killed cleaning has left under its own name; put back where the run is owed."""
    found = _DOOMED.fullmatch(doomed.name)
    run = found.group(1) if found else ""
    if run in _owed_runs(home):
        with contextlib.suppress(OSError):
            doomed.rename(doomed.with_name(run))
    else:
        disk.remove_tree(doomed)


def _is_older(path: Path, then: float, *, is_missing_old: bool = False) -> bool:
    try:
        return path.stat().st_mtime < then
    except OSError:
        return is_missing_old
