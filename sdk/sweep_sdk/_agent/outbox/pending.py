"""Attempts whose end has not been delivered to the backend, kept on disk.

There is one small file per attempt, ``<home>/pending/<run>.<attempt>.json``. It is written before
the program starts and removed once the end of the attempt has been delivered. If the agent dies, or
gives up delivering, ``sync`` finds the file and delivers what is left: the next agent on this
machine calls it, and so does the user with ``sweep-sdk sync``.

A living agent holds a lock on ``<home>/agents/<name>.lock``. The keepers of its programs inherit
the lock, so it is free only once all programs of the agent have ended as well.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from sweep_sdk._home.agent_lock import is_held, lock_file
from sweep_sdk._world import disk, processes, threads

if TYPE_CHECKING:
    from sweep_sdk._home.agent_lock import AgentLock


@dataclass(frozen=True)
class PendingDelivery:
    """An attempt whose end the backend has not confirmed.

    The attributes are the fields of its JSON file, which other versions read and write too.

    Attributes:
        place: The backend, as ``Transport.place`` names it.
        metric: Name of the sweep's metric.
        outcome: How the program ended, as fields of ``ProgramOutcome``; None until that is known.
        host: The machine on which the program runs.
        holder: Name of the agent that works on the attempt; None once it has given up delivering.
        key: The key of the hand-out; None if the backend does not require one.
    """

    place: str
    run: str
    attempt: int
    metrics_file: str
    metric: str | None
    outcome: dict[str, Any] | None = None
    host: str = ""
    holder: str | None = None
    key: str | None = None

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.run}.{self.attempt}.json"


class Outbox:
    """The pending deliveries in one data folder."""

    def __init__(self, home: disk.Path, agent_lock: AgentLock | None = None) -> None:
        """Use ``home`` as the data folder; nothing is written until ``save``.

        Args:
            home: The data folder.
            agent_lock: The lock of the agent that uses the outbox; None for a command.
        """
        self.home = home
        self._agent_lock = agent_lock
        self._folder = home / "pending"
        self._read: dict[str, tuple[_Stamp, PendingDelivery | None]] = {}
        self._skipped: set[str] = set()
        self._lock = threads.Lock()

    def save(self, pending: PendingDelivery) -> None:
        """Write the file of a pending delivery, replacing an earlier version of it.

        The agent's lock is restored first: without it, the other agents on this machine would take
        the attempt for one of a dead agent.

        Raises:
            OSError: It cannot be written.
        """
        if self._agent_lock is not None:
            self._agent_lock.restore()
        disk.make_private_folder(self.home, self._folder)
        path = self._folder / pending.file_name
        fresh = path.with_suffix(f".{processes.own_id()}.tmp")
        fresh.write_text(json.dumps(asdict(pending)), encoding="utf-8")
        fresh.replace(path)

    def remove(self, pending: PendingDelivery) -> None:
        """Remove the file of a pending delivery."""
        with contextlib.suppress(OSError):
            (self._folder / pending.file_name).unlink()

    def skip(self, pending: PendingDelivery) -> None:
        """Keep the file, but do not list the delivery again in this process."""
        self._skipped.add(pending.file_name)

    def contains(self, pending: PendingDelivery) -> bool:
        """Whether the delivery is still pending."""
        return (self._folder / pending.file_name).exists()

    def orphaned(self, place: str, host: str | None = None) -> list[PendingDelivery]:
        """Deliveries to one backend that no living agent is responsible for.

        Args:
            place: The backend, as ``Transport.place`` names it.
            host: Only attempts that ran on this machine; None for all. Where machines share the
                data folder, a lock may not be visible to the others (on some network file
                systems), so that their agents would look dead.
        """
        with self._lock:
            candidates = [
                pending
                for pending in self._all()
                if pending.place == place
                and host in (None, pending.host)
                and pending.file_name not in self._skipped
            ]
            return self._without_living_agent(candidates)

    def backends(self) -> set[str]:
        """The backends with deliveries that no living agent is responsible for."""
        with self._lock:
            return {pending.place for pending in self._without_living_agent(self._all())}

    def _all(self) -> list[PendingDelivery]:
        """All pending deliveries; only files that have changed since the last call are read."""
        try:
            names = sorted(path.name for path in self._folder.glob("*.json"))
        except OSError:
            names = []
        deliveries = [self._look(name) for name in names]
        for name in self._read.keys() - set(names):
            del self._read[name]
        return [pending for pending in deliveries if pending is not None]

    def _look(self, name: str) -> PendingDelivery | None:
        """The delivery in one file; None if the file is gone or damaged."""
        path = self._folder / name
        try:
            found = path.stat()
        except OSError:
            self._read.pop(name, None)
            return None
        stamp = found.st_mtime_ns, found.st_size, found.st_ino
        known = self._read.get(name)
        if known is None or known[0] != stamp:
            known = self._read[name] = (stamp, _read(path))
        return known[1]

    def _without_living_agent(self, deliveries: list[PendingDelivery]) -> list[PendingDelivery]:
        """Those whose agent is dead or has given up.

        The lock is tested first and the file read again afterwards: an agent that ends normally
        removes its files before it releases its lock.
        """
        holders = dict.fromkeys(pending.holder for pending in deliveries)
        alive = {name for name in holders if name and is_held(lock_file(self.home, name))}
        orphans = [pending for pending in deliveries if pending.holder not in alive]
        current = [(pending, self._look(pending.file_name)) for pending in orphans]
        return [
            found for pending, found in current if found and found.holder in (None, pending.holder)
        ]


#: Changes whenever a file does: modification time (ns), size (bytes), inode.
_Stamp = tuple[int, int, int]

#: Fields that only other versions know are ignored.
_FIELDS = tuple(field.name for field in fields(PendingDelivery))


def _read(path: disk.Path) -> PendingDelivery | None:
    """The delivery in a file; None if it is gone or damaged (a power cut while it was written)."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return PendingDelivery(**{name: found[name] for name in _FIELDS if name in found})
    except (OSError, ValueError, TypeError):
        return None
