"""The real backend in a simulated world: handlers as threads, and the store call by call."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from simulation.kernel import Kernel, Machine, Process, Thread, wall_time
from sweep_service import gateway
from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.errors import StoreUnavailable
from sweep_service.operations.services import Services
from sweep_service.storage.sqlite.store import SqliteStore

Reply = Callable[[int | None, dict[str, str], bytes], None]


class Stepped:
    """A store before each of whose calls the turn may pass, and the caller may die.

    Calls may fail too, before or after their effect.
    """

    def __init__(self, store: Any, kernel: Kernel, fails: Callable[[], bool]) -> None:
        self._store, self._kernel, self._fails = store, kernel, fails

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found) or name == "close":
            return found

        def call(*values: Any, **named: Any) -> Any:
            self._kernel.step(f"store {name}")
            if self._fails():
                raise StoreUnavailable("the database does not answer", retry_after_seconds=1.0)
            result = found(*values, **named)
            if self._fails():
                raise StoreUnavailable("no reply from the database", retry_after_seconds=1.0)
            return result

        setattr(self, name, call)  # for the next time
        return call


class Server:
    """One process of the backend: a function that is warm, or a server of one's own."""

    def __init__(
        self,
        kernel: Kernel,
        machine: Machine,
        name: str,
        store: SqliteStore,
        seed: object,
        fails: Callable[[], bool],
    ) -> None:
        self._fails = fails
        self._kernel, self.machine, self.name, self._store = kernel, machine, name, store
        self._seed = seed
        self._n_starts = 0
        self.process: Process | None = None
        self._open: dict[int, Reply] = {}
        self._n_requests = 0
        self.start()

    @property
    def is_up(self) -> bool:
        return self.process is not None and not self.process.is_dead

    def start(self) -> None:
        """Start it, with nothing in memory."""
        self._n_starts += 1
        waiting: list[Thread] = []
        self.process = self._kernel.spawn(
            self.machine, self.name, lambda: self._kernel.wait(waiting) and None
        )
        self.process.at_end.append(self._break_connections)
        machine, kernel = self.machine, self._kernel
        self._services = Services(
            store=Stepped(self._store, kernel, self._fails),  # type: ignore[arg-type]  every method of it
            clock=lambda: wall_time(kernel, machine),
            rng=random.Random(f"{self.name} {self._n_starts} {self._seed}"),
            wait_seconds=5.0,
        )

    def restart(self, store: SqliteStore) -> None:
        """End it, and start it over another store."""
        self.kill()
        self._store = store
        self.start()

    def kill(self) -> None:
        """End it, in the middle of whatever it does."""
        if self.process is not None:
            self._kernel.end(self.process, -9)

    def _break_connections(self) -> None:
        replies, self._open = list(self._open.values()), {}
        for reply in replies:
            reply(None, {}, b"")

    def handle(
        self, method: str, target: str, headers: dict[str, str], body: bytes, reply: Reply
    ) -> None:
        """Have a thread answer a request."""
        assert self.process is not None
        self._n_requests += 1
        number, services = self._n_requests, self._services
        self._open[number] = reply
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))

        def answer() -> None:
            found = gateway.handle(
                services, method, parts.path, query, headers, body, identity=LOCAL_ADMIN
            )
            reported = self._open.pop(number, None)
            if reported is not None:
                reported(found.status, dict(found.headers), found.body)

        self._kernel.start_thread(self.process, f"handler{number}", answer)


def new_store(folder: Path) -> SqliteStore:
    """A store over a file of its own."""
    path = folder / "sweeps.db"
    if not path.exists():
        path.write_bytes(_empty_database())
    return SqliteStore(path, local_file_systems=("tmpfs", "overlay"))


@cache
def _empty_database() -> bytes:
    """A file without sweeps, which takes some time to make."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweeps.db"
        SqliteStore(path, local_file_systems=("tmpfs", "overlay")).close()
        return path.read_bytes()
