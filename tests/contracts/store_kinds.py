"""The stores that the contract suite runs on. A new store only needs an entry in ``KINDS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dynamodb_kinds import ENDPOINT, moto_place, open_dynamodb, wire_place

from sweep_service.storage.sqlite.store import SqliteStore
from sweep_service.storage.store import Store


@dataclass(frozen=True)
class StoreKind:
    """How to come by one implementation.

    Attributes:
        place: Given a folder, yields the address of an empty place to keep sweeps (a text that
            another process can use), and clears it away afterwards.
        open: Yields a store at an address.
        bears_threads: Whether its place may be used by many threads at once.
        bears_processes: The same of processes.
        n_sequences: How many random sequences of writes the stateful test tries on it.
    """

    name: str
    place: Callable[[Path], AbstractContextManager[str]]
    open: Callable[[str], AbstractContextManager[Store]]
    bears_threads: bool
    bears_processes: bool
    n_sequences: int = 100


@contextmanager
def _sqlite_place(folder: Path) -> Iterator[str]:
    yield str(folder / "sweeps.db")


KINDS = [
    StoreKind("sqlite", _sqlite_place, SqliteStore, bears_threads=True, bears_processes=True),
    StoreKind(
        "moto", moto_place, open_dynamodb, bears_threads=False, bears_processes=False, n_sequences=3
    ),
]
if ENDPOINT is not None:
    KINDS.append(
        StoreKind(
            "wire",
            wire_place,
            open_dynamodb,
            bears_threads=True,
            bears_processes=True,
            n_sequences=20,
        )
    )


def open_store(name: str, address: str) -> AbstractContextManager[Store]:
    """The store of a kind, by its name, at an address that another process made."""
    return next(kind for kind in KINDS if kind.name == name).open(address)
