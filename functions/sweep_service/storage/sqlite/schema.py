"""Schema of the SQLite store, and the steps that migrate older files.

``PRAGMA user_version`` counts the steps that have been applied to a file; ``PRAGMA application_id``
marks the file as sweep-sdk's. Small rows that are only found by their key are stored in the key's
b-tree (WITHOUT ROWID); rows with documents are not, because wide rows make that b-tree deep.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sweep_service.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: "Swp1" read as a big-endian integer.
APPLICATION_ID = 0x53777031
_OLDEST_SQLITE = (3, 15, 0)  # row values
_STRICT_SQLITE = (3, 37, 0)

_FIRST_TABLES = (
    """CREATE TABLE sweeps (
        sweep TEXT NOT NULL PRIMARY KEY,
        project TEXT NOT NULL,
        name TEXT,
        created_at REAL NOT NULL,
        create_key TEXT NOT NULL,
        state TEXT NOT NULL,
        next_index INTEGER NOT NULL,
        index_limit INTEGER,
        run_cap INTEGER,
        bases TEXT NOT NULL,
        seed TEXT NOT NULL,
        change INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX sweeps_by_time ON sweeps (created_at, sweep)",
    "CREATE INDEX sweeps_of_project ON sweeps (project, created_at, sweep)",
    """CREATE TABLE metas (
        sweep TEXT NOT NULL,
        version INTEGER NOT NULL,
        project TEXT NOT NULL,
        name TEXT,
        document TEXT NOT NULL,
        created_at REAL NOT NULL,
        create_key TEXT NOT NULL,
        PRIMARY KEY (sweep, version)
    )""",
    """CREATE TABLE leases (
        sweep TEXT NOT NULL,
        idx INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        key TEXT NOT NULL,
        agent TEXT NOT NULL,
        host TEXT NOT NULL,
        slot TEXT NOT NULL,
        lease_end REAL NOT NULL,
        suspect_at REAL,
        released_attempt INTEGER NOT NULL,
        losses INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        is_stop_requested INTEGER NOT NULL,
        live_offset INTEGER,
        live_n_values INTEGER NOT NULL,
        live_last ANY,
        live_best ANY,
        live_step INTEGER,
        unit BLOB,
        PRIMARY KEY (sweep, idx)
    ) WITHOUT ROWID""",
    """CREATE TABLE runs (
        sweep TEXT NOT NULL,
        idx INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        key TEXT NOT NULL,
        agent TEXT NOT NULL,
        host TEXT NOT NULL,
        created_at REAL NOT NULL,
        started_at REAL NOT NULL,
        config_version INTEGER NOT NULL,
        state TEXT,
        best ANY,
        config TEXT NOT NULL,
        suggestion TEXT NOT NULL,
        outcome TEXT,
        PRIMARY KEY (sweep, idx)
    )""",
    """CREATE TABLE observations (
        sweep TEXT NOT NULL,
        written_at REAL NOT NULL,
        idx INTEGER NOT NULL,
        config_version INTEGER NOT NULL,
        unit BLOB NOT NULL,
        value ANY NOT NULL,
        state TEXT NOT NULL,
        is_stopped_early INTEGER NOT NULL,
        PRIMARY KEY (sweep, written_at, idx)
    ) WITHOUT ROWID""",
    """CREATE TABLE bands (
        sweep TEXT NOT NULL,
        band INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        value ANY NOT NULL,
        PRIMARY KEY (sweep, band, idx)
    ) WITHOUT ROWID""",
    """CREATE TABLE histories (
        sweep TEXT NOT NULL,
        idx INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        first_row INTEGER NOT NULL,
        batch TEXT NOT NULL,
        PRIMARY KEY (sweep, idx, attempt, first_row)
    )""",
    """CREATE TABLE attempts (
        sweep TEXT NOT NULL,
        idx INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        agent TEXT NOT NULL,
        host TEXT NOT NULL,
        state TEXT NOT NULL,
        started_at REAL NOT NULL,
        ended_at REAL NOT NULL,
        exit_code INTEGER,
        signal INTEGER,
        PRIMARY KEY (sweep, idx, attempt)
    ) WITHOUT ROWID""",
    """CREATE TABLE error_tails (
        sweep TEXT NOT NULL,
        idx INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        tail TEXT NOT NULL,
        PRIMARY KEY (sweep, idx, attempt)
    )""",
)

#: Last finite values, for ``impute: latest``.
_LAST_VALUES = (
    "ALTER TABLE leases ADD COLUMN live_last_finite ANY",
    "ALTER TABLE observations ADD COLUMN last ANY",
)
#: Reasons of early stops.
_EARLY_STOPS = ("ALTER TABLE leases ADD COLUMN early_stop TEXT",)

#: Whether the holder of a lease is being preempted.
_PREEMPTION = ("ALTER TABLE leases ADD COLUMN is_preempting INTEGER NOT NULL DEFAULT 0",)

#: Claimed points of finite spaces.
_POINTS = (
    """CREATE TABLE points (
        sweep TEXT NOT NULL,
        version INTEGER NOT NULL,
        point TEXT NOT NULL,
        idx INTEGER NOT NULL,
        PRIMARY KEY (sweep, version, point)
    ) WITHOUT ROWID""",
)

#: Number of the next row to count, for each lease.
_ROW_NUMBERS = ("ALTER TABLE leases ADD COLUMN live_next_row INTEGER",)

#: Marks of deleted sweeps, for which all writes are refused (see ``_guard``).
_DELETIONS = ("CREATE TABLE deletions (sweep TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",)

#: Message of the triggers for deleted sweeps.
DELETED = "the sweep was deleted"

_GUARD = """CREATE TRIGGER IF NOT EXISTS no_deleted_{table} BEFORE INSERT ON {table}
    WHEN EXISTS (SELECT 1 FROM deletions WHERE sweep = NEW.sweep)
    BEGIN SELECT RAISE(ABORT, '{text}'); END"""

#: Revisions of runs, and requested amendments.
_AMENDMENTS = (
    "ALTER TABLE leases ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE leases ADD COLUMN amendment TEXT",
    "ALTER TABLE runs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE observations ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
)

#: Attributes that programs have noted about runs in progress.
_NOTES = ("ALTER TABLE runs ADD COLUMN attributes TEXT",)

#: Points taken before a config version began.
_TAKEN = ("ALTER TABLE metas ADD COLUMN taken TEXT",)

#: Number of writes of leases and runs (sweeps already have the column), and triggers that refuse
#: writes that do not count: those of older releases that had opened the file before.
UPGRADE_NEEDED = "not damaged: a newer sweep-sdk has upgraded this file; upgrade this one too"
_CHANGES = (
    "ALTER TABLE leases ADD COLUMN change INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN change INTEGER NOT NULL DEFAULT 0",
)
#: Access tokens; events of sweeps; time and author of the last change of a command; idempotency
#: keys of attempts.
_ACCESS = (
    """CREATE TABLE tokens (
        sha256 TEXT NOT NULL PRIMARY KEY,
        record TEXT NOT NULL,
        change INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE events (
        sweep TEXT NOT NULL,
        at REAL NOT NULL,
        id TEXT NOT NULL,
        record TEXT NOT NULL,
        PRIMARY KEY (sweep, at, id)
    ) WITHOUT ROWID""",
    "ALTER TABLE metas ADD COLUMN command_at REAL",
    "ALTER TABLE metas ADD COLUMN command_by TEXT",
    "ALTER TABLE attempts ADD COLUMN holder_key TEXT",
    "ALTER TABLE deletions ADD COLUMN note TEXT",
)
#: What is shown of sweeps and runs: labels, earlier attempts, names of metrics, final counts.
_SHOWN = (
    "ALTER TABLE runs ADD COLUMN attempts TEXT",
    "ALTER TABLE runs ADD COLUMN labels TEXT",
    "ALTER TABLE leases ADD COLUMN live_names TEXT",
    """CREATE TABLE infos (
        sweep TEXT NOT NULL PRIMARY KEY,
        labels TEXT,
        final TEXT,
        change INTEGER NOT NULL
    ) WITHOUT ROWID""",
)
#: Points that people have added.
_ADDED = ("ALTER TABLE metas ADD COLUMN added TEXT",)
_COUNTED = ("sweeps", "leases", "runs")
_COUNT = """CREATE TRIGGER IF NOT EXISTS counted_{table} BEFORE UPDATE ON {table}
    WHEN NEW.change <= OLD.change
    BEGIN SELECT RAISE(ABORT, '{text}'); END"""

#: Step n migrates a file from version n to version n + 1.
STEPS: tuple[Sequence[str], ...] = (
    _FIRST_TABLES,
    _LAST_VALUES,
    _EARLY_STOPS,
    _PREEMPTION,
    _POINTS,
    _ROW_NUMBERS,
    _DELETIONS,
    _AMENDMENTS,
    _NOTES,
    _TAKEN,
    _CHANGES,
    _ACCESS,
    _SHOWN,
    _ADDED,
)
SCHEMA_VERSION = len(STEPS)


def is_current(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file has this schema and sweep-sdk's header.

    Raises:
        StoreUnusable: The file belongs to another program or has a newer schema.
    """
    return _version(connection, path) == SCHEMA_VERSION and _header(connection)[0] != 0


def upgrade(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables of a new file or migrate an older one, in the caller's transaction.

    The version is read again, since a concurrent process may have upgraded the file already.

    Raises:
        StoreUnusable: The file belongs to another program or has a newer schema.
    """
    check_library(sqlite3.sqlite_version_info)
    for table in _COUNTED:  # steps may change records
        connection.execute(f"DROP TRIGGER IF EXISTS counted_{table}")
    for step in STEPS[_version(connection, path) :]:
        for statement in step:
            connection.execute(dialect(statement, sqlite3.sqlite_version_info))
    _guard(connection)
    for table in _COUNTED:
        connection.execute(_COUNT.format(table=table, text=UPGRADE_NEEDED))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _guard(connection: sqlite3.Connection) -> None:
    """Create triggers that refuse rows of deleted sweeps, on every table that belongs to sweeps.

    A request that had read the sweep before its deletion would otherwise leave rows behind
    forever. Triggers apply to every program that writes to the file, whatever its version.
    """
    shape = _shape(connection)
    for table, columns in shape.items():
        if "sweep" in columns and "deletions" in shape and table != "deletions":
            connection.execute(_GUARD.format(table=table, text=DELETED))


def check_library(version: tuple[int, ...]) -> None:
    """Check that the SQLite library supports the statements that the store uses.

    Raises:
        StoreUnusable: The library is too old.
    """
    if version < _OLDEST_SQLITE:
        found, needed = (".".join(map(str, v)) for v in (version, _OLDEST_SQLITE))
        raise StoreUnusable(f"this Python has SQLite {found}; the local store needs {needed}")


def dialect(statement: str, version: tuple[int, ...]) -> str:
    """Adapt a statement to the SQLite library: tables are STRICT if it supports that.

    Otherwise, columns of type ANY get no type: with that name, older libraries convert values.
    """
    if version < _STRICT_SQLITE:
        return statement.replace(" ANY", "")
    if not statement.startswith("CREATE TABLE"):
        return statement
    return f"{statement}, STRICT" if statement.endswith("WITHOUT ROWID") else f"{statement} STRICT"


def _version(connection: sqlite3.Connection, path: Path) -> int:
    application, version = _header(connection)
    if application == 0 and version == 0:
        return _version_of_shape(connection, path)
    if application != APPLICATION_ID:
        raise _of_another_program(path)
    if version > SCHEMA_VERSION:
        raise StoreUnusable(
            f"{path} was written by a newer sweep-sdk (schema {version}, this one knows"
            f" {SCHEMA_VERSION}): upgrade sweep-sdk, or name another file in SWEEP_LOCAL_DB"
        )
    return version


def _header(connection: sqlite3.Connection) -> tuple[int, int]:
    """``application_id`` and ``user_version`` of the file."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _version_of_shape(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a file without sweep-sdk's header: a new one, or one restored from a dump.

    A dump (``sqlite3 FILE .dump``) contains the tables and rows, but not the header.

    Raises:
        StoreUnusable: The file has tables of another program.
    """
    shape = _shape(connection)
    if not shape:
        return 0
    with closing(sqlite3.connect(":memory:")) as model:
        for number, step in enumerate(STEPS, start=1):
            for statement in step:
                model.execute(dialect(statement, sqlite3.sqlite_version_info))
            if _shape(model) == shape:
                return number
    raise _of_another_program(path)


def _shape(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """The columns of every table and view, by name."""
    query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
    names = [name for (name,) in connection.execute(query) if not name.startswith("sqlite_")]
    columns = "SELECT name FROM pragma_table_info(?)"
    return {name: tuple(c for (c,) in connection.execute(columns, (name,))) for name in names}


def _of_another_program(path: Path) -> StoreUnusable:
    return StoreUnusable(
        f"{path} is the database of another program; name another file in SWEEP_LOCAL_DB"
    )
