"""The disk: paths, descriptors of open files, and locks on them."""

from __future__ import annotations

import contextlib
import os as _os
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
    "lock_if_free",
    "locked_for_process",
    "open_descriptor",
    "open_nameless",
    "open_to_read",
    "remove_tree",
    "replace_descriptor",
    "stat_descriptor",
    "write",
]

O_CLOEXEC: int = getattr(_os, "O_CLOEXEC", 0)

if sys.platform != "win32":
    import fcntl as _fcntl


def write(descriptor: int, data: bytes) -> int:
    """Write as much as there is room for; how many bytes that was."""
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
    """Make a descriptor refer to the open file of another one, which is closed."""
    _os.dup2(by, number, inheritable=False)
    _os.close(by)


def change_mode(descriptor: int, mode: int) -> None:
    """Change the mode of an open file; where systems have none, nothing.

    Raises:
        OSError: It is another user's.
    """
    if hasattr(_os, "fchmod"):
        _os.fchmod(descriptor, mode)


def open_to_read(path: Path) -> BinaryIO:
    """A file that is closed as soon as nobody refers to it any more.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor = _os.open(path, _os.O_RDONLY | O_CLOEXEC)
    try:
        file = _os.fdopen(descriptor, "rb", closefd=False)
    except OSError:  # a folder
        _os.close(descriptor)
        raise
    weakref.finalize(file, _os.close, descriptor)
    return file


def open_nameless() -> int | None:
    """A file without a name, which forked processes have in common; None where none can be made."""
    if sys.platform == "win32":  # processes do not fork there
        return None
    import tempfile  # few need it

    with contextlib.suppress(OSError, AttributeError):  # not on every system, nor every container
        return _os.memfd_create("sweep-sdk")
    with contextlib.suppress(OSError), tempfile.TemporaryFile() as file:
        return _os.dup(file.fileno())
    return None


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that is possible."""
    import shutil  # few need it

    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked_for_process(descriptor: int) -> Iterator[None]:
    """Hold the lock of an open file for a block, against other processes; it ends with this one."""
    if sys.platform != "win32":
        _fcntl.lockf(descriptor, _fcntl.LOCK_EX)
    try:
        yield
    finally:
        if sys.platform != "win32":
            _fcntl.lockf(descriptor, _fcntl.LOCK_UN)
