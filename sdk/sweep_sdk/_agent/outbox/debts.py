"""What an agent still owes the backend for an attempt, kept on disk from its first moment.

One small file an attempt, ``<home>/pending/<run>.<attempt>.json``. It is there before the program
starts and goes when the attempt's end has been delivered. What a dead agent leaves behind, or one
that could not deliver, is paid by ``_sync``: by the next agent on this machine, or by the user.

An agent is known to be alive by a lock on ``<home>/agents/<name>.lock``, which the keepers of its
programs share: it is free only when the agent's programs have been ended too.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from sweep_sdk._world import chance, disk, processes, threads

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600


@dataclass(frozen=True)
class Debt:
    """An attempt whose end the backend has not confirmed.

    Attributes:
        place: The backend, as ``Transport.place`` names it.
        metric: Name of the sweep's metric.
        outcome: How the program ended, as fields of ``Outcome``; None until that is known.
        host: The machine on which the program runs.
        holder: Name of the agent that works on it; None when it has given up delivering.
        key: The key of the hand-out; None from a backend that does not ask for it.
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


class Ledger:
    """The debts of this machine."""

    def __init__(self, home: disk.Path) -> None:
        """Look into a data folder; nothing is written yet."""
        self.home = home
        self._debts = home / "pending"
        self._agents = home / "agents"
        self._read: dict[str, tuple[_Stamp, Debt | None]] = {}
        self._aside: set[str] = set()
        self._lock = threads.Lock()

    def keep(self, debt: Debt) -> None:
        """Write down a debt as it stands, replacing what was there.

        Raises:
            OSError: It cannot be written.
        """
        self._debts.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        path = self._debts / debt.file_name
        fresh = path.with_suffix(f".{processes.own_id()}.tmp")
        fresh.write_text(json.dumps(asdict(debt)), encoding="utf-8")
        fresh.replace(path)

    def settle(self, debt: Debt) -> None:
        """Forget a debt that was paid."""
        with contextlib.suppress(OSError):
            (self._debts / debt.file_name).unlink()

    def put_aside(self, debt: Debt) -> None:
        """Leave a debt where it is, and do not name it again in this process."""
        self._aside.add(debt.file_name)

    def owes(self, debt: Debt) -> bool:
        """Whether a debt is still written down here."""
        return (self._debts / debt.file_name).exists()

    def unattended(self, place: str, host: str | None = None) -> list[Debt]:
        """Debts to a backend that no living agent looks after.

        Args:
            place: The backend.
            host: Of a folder that machines share, see only what is of this one: on some network
                file systems locks do not reach other machines, and their agents look dead.
        """
        with self._lock:
            candidates = [
                debt
                for debt in self._all()
                if debt.place == place
                and host in (None, debt.host)
                and debt.file_name not in self._aside
            ]
            return self._owed(candidates)

    def places(self) -> set[str]:
        """The backends with debts that no living agent looks after."""
        with self._lock:
            return {debt.place for debt in self._owed(self._all())}

    @contextlib.contextmanager
    def attendance(self) -> Iterator[Attendance]:
        """Be known as a living agent for the time of a block.

        Raises:
            OSError: The data folder cannot be written.
        """
        self._agents.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        name = chance.unique_key()
        path = self._agents / f"{name}.lock"
        descriptor = disk.open_descriptor(path, disk.O_RDWR | disk.O_CREAT, _PRIVATE_FILE)
        try:
            disk.lock_if_free(descriptor)
            yield Attendance(name, descriptor)
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
            disk.close(descriptor)

    def _all(self) -> list[Debt]:
        """All debts, of which only those that have changed since the last look are read."""
        try:
            names = sorted(path.name for path in self._debts.glob("*.json"))
        except OSError:
            names = []
        debts = [self._look(name) for name in names]
        for name in self._read.keys() - set(names):
            del self._read[name]
        return [debt for debt in debts if debt is not None]

    def _look(self, name: str) -> Debt | None:
        """A debt as it stands; None if it is gone by now, or damaged."""
        path = self._debts / name
        try:
            stamp = _stamp(path)
        except OSError:
            self._read.pop(name, None)
            return None
        known = self._read.get(name)
        if known is None or known[0] != stamp:
            known = self._read[name] = (stamp, _read(path))
        return known[1]

    def _owed(self, debts: list[Debt]) -> list[Debt]:
        """Those that nobody looks after.

        First it is seen whether the holder is alive, and then what it owes: an agent that ends well
        settles its debts before it lets go of its mark.
        """
        holders = dict.fromkeys(debt.holder for debt in debts)
        alive = {holder for holder in holders if holder is not None and self._is_alive(holder)}
        orphans = [debt for debt in debts if debt.holder not in alive]
        stands = [(debt, self._look(debt.file_name)) for debt in orphans]
        return [found for debt, found in stands if found and found.holder in (None, debt.holder)]

    def _is_alive(self, holder: str) -> bool:
        return is_held(self._agents / f"{holder}.lock")


def is_held(lock: disk.Path) -> bool:
    """Whether an agent, or a keeper of its programs, holds its lock; one that is free goes."""
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


@dataclass(frozen=True)
class Attendance:
    """The mark of a living agent; whoever inherits the descriptor prolongs it."""

    name: str
    descriptor: int


#: Tells a file from what it was: time of change, size, inode.
_Stamp = tuple[int, int, int]

#: What other versions have noted besides is passed over.
_FIELDS = tuple(field.name for field in fields(Debt))


def _stamp(path: disk.Path) -> _Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: disk.Path) -> Debt | None:
    """A debt, None if the file is gone by now or damaged (a power cut in the middle of it)."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Debt(**{name: found[name] for name in _FIELDS if name in found})
    except (OSError, ValueError, TypeError):
        return None
