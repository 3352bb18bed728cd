"""Removes the folders of runs that are over, and files of agents that are dead.

Nothing that may still be needed is removed: a run with an attempt that is in progress or not
delivered has a file in ``<home>/pending`` until its outcome is delivered. A folder is first renamed
and checked once more, so that an agent that begins the next attempt of the run at this moment finds
the folder either untouched or gone.
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
#: Age below which a folder may be being created.
_FRESH_SECONDS = 60.0
_MARK_SECONDS = 3600.0
_ONCE_SECONDS = 86_400.0


@dataclass(frozen=True)
class FolderUsage:
    """The folder of a run on this machine.

    Attributes:
        n_bytes: Total size of its files.
        changed_at: Time of the last change in it, in seconds since the epoch.
        kept: Why it is kept: ``undelivered`` (or in progress) or ``recent``; None if it can be
            removed.
    """

    sweep: str
    run: str
    path: Path
    n_bytes: int
    changed_at: float
    kept: str | None


def survey(home: Path, runs_dir: Path, older_than_seconds: float) -> Iterator[FolderUsage]:
    """The folders of runs in order of sweep and run, and whether they can be removed.

    Args:
        home: The data folder, which has the pending deliveries.
        runs_dir: The parent folder of the runs' folders.
        older_than_seconds: Minimum age since the last change.
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
    """Remove a folder; False if it is needed again or another process has removed it."""
    doomed = folder.path.with_name(f".{folder.run}.removing-{chance.unique_key()}")
    try:
        folder.path.rename(doomed)
    except OSError:
        return False
    _, changed_at = _contents(doomed)
    with contextlib.suppress(OSError):
        doomed.touch()  # shows other cleanings that this one is at work
    if folder.run in _owed_runs(home) or changed_at > folder.changed_at:
        with contextlib.suppress(OSError):  # fails if an agent has made a new folder, which counts
            doomed.rename(folder.path)
        return False
    disk.remove_tree(doomed)
    with contextlib.suppress(OSError):  # fails if it is not empty
        folder.path.parent.rmdir()
    return True


def tidy(home: Path, runs_dir: Path) -> None:
    """Remove files of dead agents, temporary files, and the rest of interrupted cleanings."""
    old = clock.time() - _MARK_SECONDS
    for path in (home / "agents").glob("*.lock"):
        if not path.with_suffix(".json").exists() and _is_older(path, old):
            with contextlib.suppress(OSError):
                is_held(path)  # removes the file of a free lock
    for path in (home / "pending").glob("*.tmp"):
        if _is_older(path, old):
            with contextlib.suppress(OSError):
                path.unlink()
    for sweep in _folders(runs_dir, _SWEEP):
        for path in _folders(sweep, _DOOMED):
            if _is_older(path, old):
                _finish_removal(home, path)


def clean_once_a_day(home: Path, runs_dir: Path, older_than_seconds: float) -> tuple[int, int]:
    """Remove folders that can be removed, at most once a day.

    Returns:
        Number of folders and bytes removed.
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
    """The runs with an attempt that is in progress or not delivered, from the names of files."""
    try:
        return {path.name.split(".", 1)[0] for path in (home / "pending").iterdir()}
    except FileNotFoundError:
        return set()


def _folders(parent: Path, pattern: re.Pattern[str]) -> list[Path]:
    """The subfolders whose names match a pattern, without symbolic links."""
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
    """The total size of a folder, and the time of the last change in it."""
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
    """Finish the removal of a killed cleaning, or put the folder back if the run needs it."""
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
