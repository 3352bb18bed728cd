"""Checks the store after each write, by the records that the write has changed.

Only writes change what the store keeps, so this is a check after every step of a world.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from simulation.judge import Broken
from sweep_service.model.records.entries import ErrorTail
from sweep_service.model.records.records import AttemptRecord, Lease, RowBatch, Run, SweepStatus
from sweep_service.operations.rows import read_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulation.world import World

#: The methods of a store that write.
WRITES = (
    *("save", "delete", "append", "claim_index", "claim_point", "drop_band", "delete_run_data"),
    *("create_sweep", "add_config_version", "add_event", "delete_sweep"),
)
_SWEEP = "SELECT state, next_index, index_limit FROM sweeps WHERE sweep = ?"
_RUN = "SELECT attempt, key, revision, state, config FROM runs WHERE sweep = ? AND idx = ?"
_LEASE = "SELECT attempt, key, revision FROM leases WHERE sweep = ? AND idx = ?"
_TABLES = """SELECT name FROM sqlite_master AS tables WHERE type = 'table' AND EXISTS
    (SELECT 1 FROM pragma_table_info(tables.name) WHERE name = 'sweep')"""
_ACKNOWLEDGED = re.compile(r"-(\d+)/(reports|finish)$")
_MARKS = "deletions"  # that a sweep was deleted


@dataclass(frozen=True)
class KeptRun:
    """A run as the store has it; its state is None until it ends."""

    attempt: int
    key: str
    revision: int
    state: str | None
    config: str


@dataclass(frozen=True)
class KeptLease:
    """A lease as the store has it."""

    attempt: int
    key: str
    revision: int


class Ledger:
    """Compares what the store keeps with what it kept before, and with what was acknowledged."""

    def __init__(self, world: World, path: Path) -> None:
        self._world, self._path = world, path
        self._connection: sqlite3.Connection | None = None
        self._next_index = 0
        self._is_canceled = False
        self._runs: dict[int, KeptRun] = {}
        self._leases: dict[int, KeptLease] = {}

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def left_of_the_sweep(self) -> dict[str, int]:
        """How many rows of the sweep each table has, without the mark that it was deleted."""
        counts = {
            table: self._select(f"SELECT count(*) FROM {table} WHERE sweep = ?")[0][0]
            for (table,) in self._connected().execute(_TABLES).fetchall()
            if table != _MARKS
        }
        return {table: n for table, n in counts.items() if n}

    def wrote(self, method: str, values: tuple[Any, ...]) -> None:
        """Judge what a call of the store has written, even if the call was interrupted.

        Raises:
            Broken: It should not have.
        """
        world = self._world
        if world.is_database_away or not world.sweep:
            return
        if world.judge.is_sweep_deleted:
            world.judge.check_nothing_is_left(self.left_of_the_sweep())
            return
        if method in ("claim_index", "delete_sweep") or _has(values, SweepStatus):
            self.check_sweep()
        if method == "delete" or _has(values, Lease):
            self.check_lease(values[-1].index)
        if _has(values, Run):
            self.check_run(values[-1].index)
        if method == "delete_run_data":
            self.check_rows(values[1])
        if method == "append" and isinstance(values[2], RowBatch | AttemptRecord | ErrorTail):
            self.check_rows(values[1])

    def answered(self, method: str, path: str, status: int) -> None:
        """Judge what the store has of a run for which the backend has acknowledged something.

        Raises:
            Broken: It is not there.
        """
        world = self._world
        if world.is_database_away or not 200 <= status < 300:
            return
        if world.judge.is_sweep_deleted:
            world.judge.check_nothing_is_left(self.left_of_the_sweep())
            return
        match = _ACKNOWLEDGED.search(path)
        if method != "POST" or match is None:
            return
        index = int(match[1])
        if match[2] == "reports":
            self.check_rows(index)
        self.check_run(index)
        self.check_lease(index)

    def check_all(self) -> None:
        """Judge everything that the store keeps of the sweep, except the rows.

        Raises:
            Broken: Something is not as it should be.
        """
        self.check_sweep()
        for index in range(self._next_index):
            self.check_run(index)
            self.check_lease(index)

    def check_sweep(self) -> None:
        """The next index never decreases or exceeds its limit; a canceled sweep stays canceled."""
        found = self._select(_SWEEP)
        if not found:
            self._check_is_deleting("the sweep")
            return
        state, next_index, limit = found[0]
        if next_index < self._next_index:
            raise Broken(f"the next index was {self._next_index}, and now it is {next_index}")
        if limit is not None and next_index > limit:
            raise Broken(f"{next_index} indices were given out, of at most {limit}")
        if self._is_canceled and state != "canceled":
            raise Broken(f"the sweep was canceled, and now it is {state}")
        self._next_index, self._is_canceled = next_index, state == "canceled"

    def check_run(self, index: int) -> None:
        """A run keeps its configuration and its end; its attempts and amendments only grow."""
        found = self._select(_RUN, index)
        before = self._runs.get(index)
        name = f"{self._world.sweep}-{index}"
        if not found:
            if before is not None:
                self._check_is_deleting(name)
            return
        now = self._runs[index] = KeptRun(*found[0])
        if before is not None:
            _check_change(name, before, now)
        elif self._world.is_each_point_once:
            self._check_point(name, index, now)
        self._world.judge.check_end(name, now.state)

    def _check_point(self, name: str, index: int, run: KeptRun) -> None:
        for other, known in self._runs.items():
            if other != index and known.config == run.config:
                raise Broken(f"{name} and {self._world.sweep}-{other} are kept with {run.config}")

    def check_lease(self, index: int) -> None:
        """An attempt has one holder; the next one begins when that has been silent for long.

        A lease is deleted only when its run has ended. A request that found the run missing may
        open a lease after the run has ended; such a lease is cleared away later.
        """
        found = self._select(_LEASE, index)
        before = self._leases.get(index)
        name = f"{self._world.sweep}-{index}"
        if not found:
            if self._leases.pop(index, None) is not None:
                self._check_may_be_free(name, index)
            return
        now = self._leases[index] = KeptLease(*found[0])
        judge = self._world.judge
        if now.attempt < judge.newest(name) and not self._has_ended(index):
            raise Broken(
                f"{name} is leased as attempt {now.attempt}, and attempt {judge.newest(name)} was"
                " handed out before"
            )
        if before is None or before.revision != now.revision:
            return
        if before.attempt == now.attempt and before.key != now.key:
            raise Broken(f"attempt {now.attempt} of {name} was leased to two who asked")
        if before.attempt != now.attempt:
            judge.check_holder(name, now.attempt)

    def check_rows(self, index: int) -> None:
        """Every acknowledged row of a run is kept; each row is kept once and in order."""
        world = self._world
        kept: dict[int, list[int]] = {}
        for batch in read_all(world.own_services, world.sweep, index):
            numbers = kept.setdefault(batch.attempt, [])
            numbers += [int(row.metrics["n"]) for row in batch.rows if "n" in row.metrics]
        if kept or not world.is_deleting:
            world.judge.check_rows_of(f"{world.sweep}-{index}", kept)

    def _check_may_be_free(self, name: str, index: int) -> None:
        """A lease is deleted when its run has ended, or with its sweep."""
        if not self._world.is_deleting and not self._has_ended(index):
            raise Broken(f"the lease of {name} was deleted, and the run has not ended")

    def _has_ended(self, index: int) -> bool:
        found = self._select(_RUN, index)
        return bool(found) and KeptRun(*found[0]).state is not None

    def _check_is_deleting(self, name: str) -> None:
        if not self._world.is_deleting:
            raise Broken(f"the store has lost {name}")

    def _select(self, sql: str, *index: int) -> list[tuple[Any, ...]]:
        return self._connected().execute(sql, (self._world.sweep, *index)).fetchall()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, isolation_level=None)
        return self._connection


def judged(world: World, method: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """The method, followed by a judgement of what it has written."""

    @wraps(real)
    def call(store: Any, *values: Any, **named: Any) -> Any:
        try:
            return real(store, *values, **named)
        finally:  # one that was cut short has written, too
            try:
                world.ledger.wrote(method, values)
            except Broken as broken:
                world.fail(broken)

    return call


def _has(values: tuple[Any, ...], kind: type) -> bool:
    return bool(values) and isinstance(values[-1], kind)


def _check_change(name: str, before: KeptRun, now: KeptRun) -> None:
    if now.config != before.config:
        raise Broken(f"{name} was kept with {before.config}, and now with {now.config}")
    if now.revision < before.revision or now.attempt < before.attempt:
        raise Broken(
            f"{name} was at attempt {before.attempt} (amended {before.revision} times), and is now"
            f" at {now.attempt} ({now.revision})"
        )
    if now.revision == before.revision:
        if before.state is not None and now.state != before.state:
            raise Broken(f"{name} was kept as {before.state}, and now as {now.state}")
        if now.attempt == before.attempt and now.key != before.key:
            raise Broken(f"attempt {now.attempt} of {name} was kept with two keys")
