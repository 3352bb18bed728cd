"""The disk: paths, descriptors of open files, and locks on them."""

from __future__ import annotations

import os as _os
import sys
from os import O_APPEND, O_CREAT, O_RDWR, O_WRONLY, close
from os import open as open_descriptor
from pathlib import Path

__all__ = [
    "O_APPEND",
    "O_CLOEXEC",
    "O_CREAT",
    "O_RDWR",
    "O_WRONLY",
    "Path",
    "close",
    "lock_if_free",
    "open_descriptor",
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

    It is given up when the last copy of the descriptor is closed, whoever holds it. On Windows it
    is never free.
    """
    if sys.platform == "win32":
        return False
    try:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except OSError:
        return False
    return True
