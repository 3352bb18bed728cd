"""The disk: paths, descriptors of open files, and locks on them."""

from __future__ import annotations

import sys
from os import O_CREAT, O_RDWR, close
from os import open as open_descriptor
from pathlib import Path

__all__ = ["O_CREAT", "O_RDWR", "Path", "close", "lock_if_free", "open_descriptor"]

if sys.platform != "win32":
    import fcntl as _fcntl


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
