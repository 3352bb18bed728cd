"""The disk: paths, descriptors of open files, and locks on them."""

from __future__ import annotations

import contextlib
import errno as _errno
import os as _os
import stat as _stat
import sys
import weakref
from os import O_APPEND, O_CREAT, O_RDWR, O_WRONLY, close
from os import fstat as stat_descriptor
from os import open as open_descriptor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = [
    "O_APPEND",
    "O_CLOEXEC",
    "O_CREAT",
    "O_RDWR",
    "O_WRONLY",
    "Path",
    "change_mode",
    "close",
    "discard_link",
    "lock_if_free",
    "locked_for_process",
    "make_private_folder",
    "open_descriptor",
    "open_nameless",
    "open_to_read",
    "remove_tree",
    "replace_descriptor",
    "stat_descriptor",
    "write",
]

_PRIVATE_FOLDER = 0o700
_WRITABLE_BY_OTHERS = _stat.S_IWGRP | _stat.S_IWOTH

O_CLOEXEC: int = getattr(_os, "O_CLOEXEC", 0)

if sys.platform != "win32":
    import fcntl as _fcntl


def write(descriptor: int, data: bytes) -> int:
    """Write as much as possible, and return the number of bytes written."""
    return _os.write(descriptor, data)


def lock_if_free(descriptor: int) -> bool:
    """Whether the lock on an open file was free, and is held by that descriptor from now on.

    It is given up when the last copy of the descriptor is closed, in whichever process. On Windows
    it is never free.
    """
    if sys.platform == "win32":
        return False
    try:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def replace_descriptor(number: int, by: int) -> None:
    """Make a descriptor refer to the open file of another one, and close that one."""
    _os.dup2(by, number, inheritable=False)
    _os.close(by)


def change_mode(descriptor: int, mode: int) -> None:
    """Change the mode of an open file, on systems that have modes.

    Raises:
        OSError: The file belongs to another user.
    """
    if hasattr(_os, "fchmod"):
        _os.fchmod(descriptor, mode)


def open_to_read(path: Path) -> BinaryIO:
    """Open a file that is closed as soon as it is no longer referenced.

    Raises:
        OSError: The file cannot be opened.
    """
    descriptor = _os.open(path, _os.O_RDONLY | O_CLOEXEC)
    try:
        file = _os.fdopen(descriptor, "rb", closefd=False)
    except OSError:  # it is a folder
        _os.close(descriptor)
        raise
    weakref.finalize(file, _os.close, descriptor)
    return file


def open_nameless() -> int | None:
    """Open a file without a name, shared with forked processes; None if that is impossible."""
    if sys.platform == "win32":  # there is no fork on Windows
        return None
    import tempfile  # few need it

    with contextlib.suppress(OSError, AttributeError):  # not available on every system
        return _os.memfd_create("sweep-sdk")
    with contextlib.suppress(OSError), tempfile.TemporaryFile() as file:
        return _os.dup(file.fileno())
    return None


def make_private_folder(top: Path, folder: Path) -> None:
    """Create a folder, with its parents below ``top``, that only this user can access.

    The owner of the top folder is trusted, as is root. Other users who could create or replace a
    folder below it could redirect where files are written.

    Args:
        top: A folder that the user has chosen; created if it does not exist.
        folder: A folder in it, or the same one.

    Raises:
        OSError: A folder cannot be created, or other users could replace it.
    """
    top.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    if sys.platform == "win32":
        folder.mkdir(parents=True, exist_ok=True)
        return
    found = top.stat()
    if found.st_mode & _stat.S_IWOTH and not found.st_mode & _stat.S_ISVTX:
        words = f"everybody may replace what is in it, unless you run 'chmod +t {top}'"
        raise PermissionError(_errno.EACCES, words, str(top))
    own = _os.geteuid()
    trusted = {own, 0, found.st_uid}
    path = top
    for name in folder.relative_to(top).parts:
        path /= name
        path.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        itself, target = path.lstat(), path.stat()
        if not trusted.issuperset((itself.st_uid, target.st_uid)):
            raise PermissionError(_errno.EACCES, "it belongs to another user", str(path))
        if target.st_uid == own and target.st_mode & _WRITABLE_BY_OTHERS:
            path.chmod(_stat.S_IMODE(target.st_mode) & ~_WRITABLE_BY_OTHERS)


def discard_link(path: Path) -> None:
    """Remove a link at the path of a file that is to be written.

    Raises:
        OSError: It cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        found = path.lstat()
        if _stat.S_ISLNK(found.st_mode) or (_stat.S_ISREG(found.st_mode) and found.st_nlink > 1):
            path.unlink()


def remove_tree(folder: Path) -> None:
    """Remove a folder with its contents, as far as possible."""
    import shutil  # few need it

    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked_for_process(descriptor: int) -> Iterator[None]:
    """Hold the lock of an open file during a block; it ends with this process."""
    if sys.platform != "win32":
        _fcntl.lockf(descriptor, _fcntl.LOCK_EX)
    try:
        yield
    finally:
        if sys.platform != "win32":
            _fcntl.lockf(descriptor, _fcntl.LOCK_UN)
