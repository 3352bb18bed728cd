"""Sweeps in SQLite: registration, listing, deletion, config versions and events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sweep_service.errors import NotFound, Stale
from sweep_service.model.records.records import ConfigVersion
from sweep_service.model.records.shown import SweepHead
from sweep_service.storage.codec import (
    decode_event,
    decode_taken,
    encode_event,
    encode_taken,
    from_json,
    to_json,
)
from sweep_service.storage.sqlite.records import counter_values

if TYPE_CHECKING:
    import sqlite3

    from sweep_service.access.events import Event
    from sweep_service.model.records.records import SweepStatus
    from sweep_service.storage.sqlite.database import Database

_DELETE_BATCH = 500

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
    UNION ALL SELECT 1 FROM events WHERE sweep = ?1
    UNION ALL SELECT 1 FROM infos WHERE sweep = ?1
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
    """DELETE FROM events WHERE (sweep, at, id) IN
        (SELECT sweep, at, id FROM events WHERE sweep = ? LIMIT ?)""",
    "DELETE FROM infos WHERE sweep IN (SELECT sweep FROM infos WHERE sweep = ? LIMIT ?)",
    "DELETE FROM histories WHERE rowid IN (SELECT rowid FROM histories WHERE sweep = ? LIMIT ?)",
)


class SweepTables:
    """The sweep methods of the store protocol."""

    _database: Database

    def create_sweep(self, meta: ConfigVersion, counter: SweepStatus) -> None:
        try:
            self._create_sweep(meta, counter)
        except NotFound as error:  # the id belongs to a deleted sweep
            raise Stale(f"the sweep id {meta.sweep} was that of a deleted sweep") from error

    def delete_sweep(self, sweep: str, note: str = "") -> bool:
        """Delete a sweep as in ``Store``, in batches between which other sweeps are served."""
        with self._database.write() as connection:
            if not _is_anything_there(connection, sweep):
                return False
            connection.execute(
                "INSERT OR IGNORE INTO deletions (sweep, note) VALUES (?, ?)", (sweep, note)
            )
            connection.execute("DELETE FROM sweeps WHERE sweep = ?", (sweep,))
            connection.execute("DELETE FROM metas WHERE sweep = ?", (sweep,))
        for statement in _DELETIONS:
            while self._delete_batch(statement, sweep) == _DELETE_BATCH:
                pass
        return True

    def get_config_version(self, sweep: str, version: int) -> ConfigVersion:
        rows = self._database.read(
            """SELECT sweep, version, project, name, document, created_at, create_key, taken,
                command_at, command_by, added
            FROM metas WHERE sweep = ? AND version = ?""",
            sweep,
            version,
        )
        if not rows:
            raise NotFound(f"no sweep '{sweep}' with config version {version}")
        *fields, document, created_at, create_key, taken, command_at, command_by, added = rows[0]
        written = (from_json(document), created_at, create_key, decode_taken(taken))
        points = () if added is None else tuple(from_json(added))
        return ConfigVersion(*(*fields, *written, command_at, command_by, points))

    def list_sweeps(
        self, project: str | None, after: tuple[float, str] | None, count: int
    ) -> list[SweepHead]:
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

    def add_config_version(self, meta: ConfigVersion) -> bool:
        with self._database.write() as connection:
            _put_meta(connection, meta)
            stored = connection.execute(
                "SELECT document, taken, added FROM metas WHERE sweep = ? AND version = ?",
                (meta.sweep, meta.version),
            ).fetchone()
        return bool(stored == (to_json(meta.document), encode_taken(meta.taken), _points(meta)))

    def add_event(self, sweep: str, event: Event) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO events (sweep, at, id, record) VALUES (?, ?, ?, ?)",
                (sweep, event.at, event.id, encode_event(event)),
            )

    def list_events(self, sweep: str, count: int) -> list[Event]:
        rows = self._database.read(
            "SELECT record FROM events WHERE sweep = ? ORDER BY at DESC, id DESC LIMIT ?",
            sweep,
            count,
        )
        return [decode_event(text) for (text,) in rows]

    def _create_sweep(self, meta: ConfigVersion, counter: SweepStatus) -> None:
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT create_key FROM sweeps WHERE sweep = ?", (meta.sweep,)
            ).fetchone()
            if row is None:
                _put_meta(connection, meta)
                _put_counter(connection, meta, counter)
            elif row[0] != meta.create_key:
                raise Stale(f"the sweep id {meta.sweep} is taken")

    def _delete_batch(self, statement: str, sweep: str) -> int:
        with self._database.write() as connection:
            return connection.execute(statement, (sweep, _DELETE_BATCH)).rowcount


def _is_anything_there(connection: sqlite3.Connection, sweep: str) -> bool:
    """Whether any row belongs to a sweep, such as those left by an interrupted deletion."""
    return connection.execute(_ANYTHING, (sweep,)).fetchone() is not None


def _put_counter(connection: sqlite3.Connection, meta: ConfigVersion, counter: SweepStatus) -> None:
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
            *counter_values(counter),
        ),
    )


def _put_meta(connection: sqlite3.Connection, meta: ConfigVersion) -> None:
    connection.execute(
        """INSERT OR IGNORE INTO metas
            (sweep, version, project, name, document, created_at, create_key, taken, command_at,
            command_by, added)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            meta.sweep,
            meta.version,
            meta.project,
            meta.name,
            to_json(meta.document),
            meta.created_at,
            meta.create_key,
            encode_taken(meta.taken),
            meta.command_at,
            meta.command_by,
            _points(meta),
        ),
    )


def _points(meta: ConfigVersion) -> str | None:
    return to_json(meta.added) if meta.added else None
