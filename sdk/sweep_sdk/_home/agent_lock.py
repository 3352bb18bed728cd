"""The lock with which an agent shows others on the machine that it is running.

An agent holds a lock on ``<home>/agents/<name>.lock``, where the name is unique to the process. The
keepers of its programs inherit the open file, so the lock is free only once the agent and all of
its programs have ended, however they ended.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sweep_sdk._world import chance, disk, threads

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIVATE_FILE = 0o600
_TRIES = 3


@dataclass(frozen=True)
class AgentLock:
    """The lock of a running agent.

    Attributes:
        home: The data folder.
        name: Name unique to the agent.
        descriptor: Descriptor of the locked file; a process that inherits it holds the lock too.
    """

    home: disk.Path
    name: str
    descriptor: int
    _restoring: threads.Lock = field(
        default_factory=lambda: threads.Lock()  # noqa: PLW0108  simulated worlds replace it
    )

    def restore(self) -> None:
        """Lock a new file if this one has been removed, together with the data folder.

        Otherwise other agents would consider this one dead. The descriptor keeps its number.

        Raises:
            OSError: The data folder cannot be written.
        """
        path = lock_file(self.home, self.name)
        with self._restoring:
            for _ in range(_TRIES):
                if _is_at(path, self.descriptor):
                    return
                descriptor = _open_lock_file(path)
                if disk.lock_if_free(descriptor):
                    disk.replace_descriptor(self.descriptor, descriptor)
                else:  # another agent is testing the lock at this moment
                    disk.close(descriptor)


def lock_file(home: disk.Path, name: str) -> disk.Path:
    """The file that an agent locks."""
    return home / "agents" / f"{name}.lock"


@contextlib.contextmanager
def agent_lock(home: disk.Path) -> Iterator[AgentLock]:
    """Hold the lock of a new agent during a block.

    Raises:
        OSError: The data folder cannot be written.
    """
    name = chance.unique_key()
    path = lock_file(home, name)
    descriptor = _open_lock_file(path)
    try:
        disk.lock_if_free(descriptor)
        yield AgentLock(home, name, descriptor)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        disk.close(descriptor)


def _open_lock_file(path: disk.Path) -> int:
    disk.make_private_folder(path.parents[1], path.parent)
    return disk.open_descriptor(path, disk.O_RDWR | disk.O_CREAT, _PRIVATE_FILE)


def _is_at(path: disk.Path, descriptor: int) -> bool:
    """Whether an open file is still at a path."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    opened = disk.stat_descriptor(descriptor)
    return (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)


def is_held(lock: disk.Path) -> bool:
    """Whether an agent or a keeper holds this lock; the file of a free lock is removed."""
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
