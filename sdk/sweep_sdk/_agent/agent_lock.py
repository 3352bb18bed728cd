"""The lock by which the other agents on a machine can tell that an agent is alive.

An agent holds a lock on ``<home>/agents/<name>.lock``, where the name is unique to the process. The
keepers of its programs inherit the open file, so the lock is free only once the agent and all of
its programs have ended, however they ended.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._world import chance, disk

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600


@dataclass(frozen=True)
class AgentLock:
    """The lock of a living agent.

    Attributes:
        name: Unique to the agent.
        descriptor: Of the locked file; a process that inherits it holds the lock too.
    """

    name: str
    descriptor: int


def lock_file(home: disk.Path, name: str) -> disk.Path:
    """The file that an agent locks."""
    return home / "agents" / f"{name}.lock"


@contextlib.contextmanager
def agent_lock(home: disk.Path) -> Iterator[AgentLock]:
    """Hold the lock of a new agent while the block runs.

    Raises:
        OSError: The data folder cannot be written.
    """
    name = chance.unique_key()
    path = lock_file(home, name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    descriptor = disk.open_descriptor(path, disk.O_RDWR | disk.O_CREAT, _PRIVATE_FILE)
    try:
        disk.lock_if_free(descriptor)
        yield AgentLock(name, descriptor)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        disk.close(descriptor)


def is_held(lock: disk.Path) -> bool:
    """Whether an agent or a keeper holds this lock; a lock file that nobody holds is removed."""
    try:
        descriptor = disk.open_descriptor(lock, disk.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        if disk.lock_if_free(descriptor):
            lock.unlink(missing_ok=True)
            return False
        return True
    finally:
        disk.close(descriptor)
