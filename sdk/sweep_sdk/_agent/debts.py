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
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._world import chance, disk, processes

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
        start: First byte of the batch that was sent last; all before it was confirmed.
        end: First byte after that batch.
        outcome: How the program ended, as fields of ``Outcome``; None until that is known.
        host: The machine on which the program runs.
        holder: Name of the agent that works on it; None when it has given up delivering.
    """

    place: str
    run: str
    attempt: int
    metrics_file: str
    metric: str | None
    start: int = 0
    end: int = 0
    outcome: dict[str, Any] | None = None
    host: str = ""
    holder: str | None = None

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.run}.{self.attempt}.json"


class Ledger:
    """The debts of this machine."""

    def __init__(self, home: disk.Path) -> None:
        """Look into a data folder; nothing is written yet."""
        self._debts = home / "pending"
        self._agents = home / "agents"

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
        return [
            debt
            for debt in self._all()
            if debt.place == place and host in (None, debt.host) and not self._is_attended(debt)
        ]

    def places(self) -> set[str]:
        """The backends with debts that no living agent looks after."""
        return {debt.place for debt in self._all() if not self._is_attended(debt)}

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
        try:
            paths = sorted(self._debts.glob("*.json"))
        except OSError:
            return []
        return [debt for path in paths if (debt := _read(path)) is not None]

    def _is_attended(self, debt: Debt) -> bool:
        if debt.holder is None:
            return False
        path = self._agents / f"{debt.holder}.lock"
        try:
            descriptor = disk.open_descriptor(path, disk.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            if disk.lock_if_free(descriptor):
                path.unlink(missing_ok=True)
                return False
            return True
        finally:
            disk.close(descriptor)


@dataclass(frozen=True)
class Attendance:
    """The mark of a living agent; whoever inherits the descriptor prolongs it."""

    name: str
    descriptor: int


def _read(path: disk.Path) -> Debt | None:
    """A debt, None if the file is gone by now or damaged (a power cut in the middle of it)."""
    try:
        return Debt(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
