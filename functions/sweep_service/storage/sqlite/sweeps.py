"""Sweeps in SQLite: config versions, and the counter that gives out indices."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import Exhausted, NotFound, NotRunning, Stale, SweepDeleted
from sweep_service.model.records.records import Base, Counter, SweepHead, SweepMeta
from sweep_service.model.records.states import SweepState
from sweep_service.storage.codec import (
    decode_bases,
    decode_taken,
    encode_bases,
    encode_taken,
    from_json,
    to_json,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from sweep_service.storage.sqlite.database import Database

_MAX_INTEGER = 2**63 - 1
_DELETE_BATCH = 500
_SELECT_MARK = "SELECT 1 FROM deletions WHERE sweep = ?"

_SELECT_COUNTER = """SELECT state, next_index, index_limit, run_cap, bases, seed, change
    FROM sweeps WHERE sweep = ?"""

_ANYTHING = """SELECT 1 FROM sweeps WHERE sweep = ?1
    UNION ALL SELECT 1 FROM metas WHERE sweep = ?1
    UNION ALL SELECT 1 FROM leases WHERE sweep = ?1
    UNION ALL SELECT 1 FROM runs WHERE sweep = ?1
    UNION ALL SELECT 1 FROM observations WHERE sweep = ?1
    UNION ALL SELECT 1 FROM bands WHERE sweep = ?1
    UNION ALL SELECT 1 FROM attempts WHERE sweep = ?1
    UNION ALL SELECT 1 FROM error_tails WHERE sweep = ?1
    UNION ALL SELECT 1 FROM histories WHERE sweep = ?1
    UNION ALL SELECT 1 FROM points WHERE sweep = ?1
    LIMIT 1"""

_DELETIONS = (
    """DELETE FROM points WHERE (sweep, version, point) IN
        (SELECT sweep, version, point FROM points WHERE sweep = ? LIMIT ?)""",
    """DELETE FROM leases WHERE (sweep, idx) IN
        (SELECT sweep, idx FROM leases WHERE sweep = ? LIMIT ?)""",
    "DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE sweep = ? LIMIT ?)",
    """DELETE FROM observations WHERE (sweep, written_at, idx) IN
        (SELECT sweep, written_at, idx FROM observations WHERE sweep = ? LIMIT ?)""",
    """DELETE FROM bands WHERE (sweep, band, idx) IN
        (SELECT sweep, band, idx FROM bands WHERE sweep = ? LIMIT ?)""",
    """DELETE FROM attempts WHERE (sweep, idx, attempt) IN
        (SELECT sweep, idx, attempt FROM attempts WHERE sweep = ? LIMIT ?)""",
    """DELETE FROM error_tails WHERE rowid IN
        (SELECT rowid FROM error_tails WHERE sweep = ? LIMIT ?)""",
    "DELETE FROM histories WHERE rowid IN (SELECT rowid FROM histories WHERE sweep = ? LIMIT ?)",
)


class SweepTables:
    """The sweep methods of the store protocol."""

    _database: Database

    def create_sweep(self, meta: SweepMeta, counter: Counter) -> None:
        """See ``Store.create_sweep``."""
        try:
            self._create_sweep(meta, counter)
        except NotFound as error:  # the id is marked
            raise Stale(f"the sweep id {meta.sweep} was that of a deleted sweep") from error

    def delete_sweep(self, sweep: str) -> bool:
        """See ``Store.delete_sweep``; in batches, so that other sweeps go on meanwhile."""
        with self._database.write() as connection:
            if not _is_anything_there(connection, sweep):
                return False
            connection.execute("INSERT OR IGNORE INTO deletions (sweep) VALUES (?)", (sweep,))
            connection.execute("DELETE FROM sweeps WHERE sweep = ?", (sweep,))
            connection.execute("DELETE FROM metas WHERE sweep = ?", (sweep,))
        for statement in _DELETIONS:
            while self._delete_batch(statement, sweep) == _DELETE_BATCH:
                pass
        return True

    def get_meta(self, sweep: str, version: int) -> SweepMeta:
        """See ``Store.get_meta``."""
        rows = self._database.read(
            """SELECT sweep, version, project, name, document, created_at, create_key, taken
            FROM metas WHERE sweep = ? AND version = ?""",
            sweep,
            version,
        )
        if not rows:
            raise NotFound(f"no sweep '{sweep}' with config version {version}")
        *fields, document, created_at, create_key, taken = rows[0]
        last = (from_json(document), created_at, create_key, decode_taken(taken))
        return SweepMeta(*(*fields, *last))

    def get_counter(self, sweep: str) -> Counter:
        """See ``Store.get_counter``."""
        rows = self._database.read(_SELECT_COUNTER, sweep)
        if not rows and self._database.read(_SELECT_MARK, sweep):
            raise _deleted(sweep)
        return _counter(rows, sweep)

    def list_sweeps(
        self, project: str | None, after: tuple[float, str] | None, count: int
    ) -> list[SweepHead]:
        """See ``Store.list_sweeps``."""
        before = after or (math.inf, "")
        if project is None:
            rows = self._database.read(
                """SELECT sweep, project, name, created_at FROM sweeps
                WHERE (created_at, sweep) < (?, ?)
                ORDER BY created_at DESC, sweep DESC LIMIT ?""",
                *before,
                count,
            )
        else:
            rows = self._database.read(
                """SELECT sweep, project, name, created_at FROM sweeps
                WHERE project = ? AND (created_at, sweep) < (?, ?)
                ORDER BY created_at DESC, sweep DESC LIMIT ?""",
                project,
                *before,
                count,
            )
        return [SweepHead(*row) for row in rows]

    def claim_index(self, sweep: str) -> tuple[int, Counter]:
        """See ``Store.claim_index``."""
        with self._database.write() as connection:
            is_claimed = connection.execute(
                """UPDATE sweeps SET next_index = next_index + 1
                WHERE sweep = ? AND state = ?
                AND (index_limit IS NULL OR next_index < index_limit)""",
                (sweep, SweepState.RUNNING.value),
            ).rowcount
            counter = _read_counter(connection, sweep)
        if is_claimed:
            return counter.next_index - 1, counter
        if counter.state is not SweepState.RUNNING:
            raise NotRunning(f"sweep {sweep} is {counter.state.value}")
        raise Exhausted(f"sweep {sweep} has given out all its {counter.limit} indices")

    def finish_sweep(self, sweep: str, seen: Counter) -> Counter:
        """See ``Store.finish_sweep``."""
        with self._database.write() as connection:
            stands = _read_counter(connection, sweep)
            if stands.state is SweepState.FINISHED:
                return stands
            is_as_seen = (stands.next_index, stands.change) == (seen.next_index, seen.change)
            if stands.state is not SweepState.RUNNING or not is_as_seen:
                raise Stale(f"sweep {sweep} has changed since it was read")
            return _change(connection, sweep, replace(stands, state=SweepState.FINISHED))

    def set_state(
        self, sweep: str, state: SweepState, allowed_from: Sequence[SweepState], seen: Counter
    ) -> Counter:
        """See ``Store.set_state``."""
        with self._database.write() as connection:
            stands = _read_counter(connection, sweep)
            if stands.state is state and stands.change == seen.change + 1:
                return stands
            if stands.state not in allowed_from or stands.change != seen.change:
                raise Stale(f"sweep {sweep} is {stands.state.value}, or has changed since")
            return _change(connection, sweep, replace(stands, state=state))

    def set_limit(
        self, sweep: str, run_cap: int | None, limit: int | None, seen: Counter
    ) -> Counter:
        """See ``Store.set_limit``."""
        run_cap, limit = _bounded(run_cap), _bounded(limit)
        with self._database.write() as connection:
            stands = _read_counter(connection, sweep)
            wanted = (run_cap, limit, seen.change + 1)
            if (stands.run_cap, stands.limit, stands.change) == wanted:
                return stands
            if stands.change != seen.change or (limit is not None and stands.next_index > limit):
                raise Stale(f"sweep {sweep} has changed, or has given out more than {limit}")
            return _change(connection, sweep, replace(_relimited(stands, limit), run_cap=run_cap))

    def add_version(self, meta: SweepMeta, limit: int | None, seen: Counter) -> Counter:
        """See ``Store.add_version``."""
        limit, base = _bounded(limit), Base(seen.version + 1, seen.next_index)
        with self._database.write() as connection:
            stands = _read_counter(connection, meta.sweep)
            if stands.bases[-1] == base and _has_config(connection, meta, base.version):
                return stands
            if (stands.change, *_extent(stands)) != (seen.change, *_extent(seen)):
                raise Stale(f"sweep {meta.sweep} has changed since it was read")
            _put_meta(connection, meta, base.version)
            changed = replace(_relimited(stands, limit), bases=(*stands.bases, base))
            return _change(connection, meta.sweep, changed)

    def _create_sweep(self, meta: SweepMeta, counter: Counter) -> None:
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT create_key FROM sweeps WHERE sweep = ?", (meta.sweep,)
            ).fetchone()
            if row is None:
                _put_meta(connection, meta, meta.version)
                _put_counter(connection, meta, counter)
            elif row[0] != meta.create_key:
                raise Stale(f"the sweep id {meta.sweep} is taken")

    def _delete_batch(self, statement: str, sweep: str) -> int:
        with self._database.write() as connection:
            return connection.execute(statement, (sweep, _DELETE_BATCH)).rowcount


def _is_anything_there(connection: sqlite3.Connection, sweep: str) -> bool:
    """Whether any row belongs to a sweep; without its head it is what a deletion has left."""
    return connection.execute(_ANYTHING, (sweep,)).fetchone() is not None


def _read_counter(connection: sqlite3.Connection, sweep: str) -> Counter:
    rows = connection.execute(_SELECT_COUNTER, (sweep,)).fetchall()
    if not rows and connection.execute(_SELECT_MARK, (sweep,)).fetchone():
        raise _deleted(sweep)
    return _counter(rows, sweep)


def _deleted(sweep: str) -> SweepDeleted:
    return SweepDeleted(f"sweep {sweep} was deleted")


def _counter(rows: list[tuple[Any, ...]], sweep: str) -> Counter:
    if not rows:
        raise NotFound(f"no sweep '{sweep}'")
    state, next_index, limit, run_cap, bases, seed, change = rows[0]
    return Counter(
        SweepState(state), next_index, limit, run_cap, decode_bases(bases), int(seed), change
    )


def _extent(counter: Counter) -> tuple[int, int | None, int]:
    """What tells that a sweep still has the end that it was seen to have."""
    return counter.next_index, counter.limit, counter.version


def _relimited(counter: Counter, limit: int | None) -> Counter:
    """The counter under another limit: a sweep that ended by exhaustion runs again."""
    moved = replace(counter, limit=limit)
    is_resumed = counter.state is SweepState.FINISHED and counter.is_exhausted
    if is_resumed and not moved.is_exhausted:
        return replace(moved, state=SweepState.RUNNING)
    return moved


def _bounded(limit: int | None) -> int | None:
    """SQLite's integers have 64 bits; a grid may have more points than anybody can run."""
    return None if limit is None else min(limit, _MAX_INTEGER)


def _change(connection: sqlite3.Connection, sweep: str, counter: Counter) -> Counter:
    changed = replace(counter, change=counter.change + 1)
    connection.execute(
        """UPDATE sweeps SET state = ?, index_limit = ?, run_cap = ?, bases = ?, change = ?
        WHERE sweep = ?""",
        (
            changed.state.value,
            changed.limit,
            changed.run_cap,
            encode_bases(changed.bases),
            changed.change,
            sweep,
        ),
    )
    return changed


def _put_counter(connection: sqlite3.Connection, meta: SweepMeta, counter: Counter) -> None:
    connection.execute(
        """INSERT INTO sweeps (sweep, project, name, created_at, create_key, state, next_index,
            index_limit, run_cap, bases, seed, change)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            meta.sweep,
            meta.project,
            meta.name,
            meta.created_at,
            meta.create_key,
            counter.state.value,
            counter.next_index,
            _bounded(counter.limit),
            _bounded(counter.run_cap),
            encode_bases(counter.bases),
            str(counter.seed),
            counter.change,
        ),
    )


def _put_meta(connection: sqlite3.Connection, meta: SweepMeta, version: int) -> None:
    connection.execute(
        """INSERT OR REPLACE INTO metas
            (sweep, version, project, name, document, created_at, create_key, taken)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            meta.sweep,
            version,
            meta.project,
            meta.name,
            to_json(meta.document),
            meta.created_at,
            meta.create_key,
            encode_taken(meta.taken),
        ),
    )


def _has_config(connection: sqlite3.Connection, meta: SweepMeta, version: int) -> bool:
    found = connection.execute(
        "SELECT document, taken FROM metas WHERE sweep = ? AND version = ?", (meta.sweep, version)
    ).fetchone()
    return bool(found == (to_json(meta.document), encode_taken(meta.taken)))
