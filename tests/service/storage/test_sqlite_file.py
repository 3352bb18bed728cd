"""The SQLite file: its schema, damage, and concurrent users."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_service.errors import (
    Busy,
    InvalidRequest,
    NotFound,
    StoreGone,
    StoreUnavailable,
    StoreUnusable,
    SweepDeleted,
    TooLarge,
    TryAgain,
)
from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.records import (
    Base,
    ConfigVersion,
    EarlyStop,
    Lease,
    LiveSummary,
    Row,
    RowBatch,
    SweepStatus,
)
from sweep_service.model.records.states import SweepState
from sweep_service.storage.sqlite import database as sqlite_database
from sweep_service.storage.sqlite import schema as sqlite_schema
from sweep_service.storage.sqlite.errors import translating
from sweep_service.storage.sqlite.store import SqliteStore

META = ConfigVersion("k3v9x2ab", 1, "project", None, {}, 1000.0, "create-key")
COUNTER = SweepStatus(SweepState.RUNNING, 0, None, None, (Base(1, 0),), 7, 0)
SWEEP = META.sweep
NEXT_VERSION = sqlite_schema.SCHEMA_VERSION + 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweeps.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(path, busy_timeout_seconds=0.01) as store:
        store.create_sweep(META, COUNTER)
        yield store


def raw(path: Path) -> closing[sqlite3.Connection]:
    """The file as another program sees it."""
    return closing(sqlite3.connect(path, isolation_level=None))


def make_file(path: Path, version: int) -> None:
    """A file as the backend of an earlier schema made it."""
    with raw(path) as connection:
        for statement in itertools.chain.from_iterable(sqlite_schema.STEPS[:version]):
            connection.execute(sqlite_schema.dialect(statement, sqlite3.sqlite_version_info))
        connection.execute(f"PRAGMA application_id = {sqlite_schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")


class TestSchema:
    def test_log_and_version(self, store: SqliteStore, path: Path) -> None:
        with raw(path) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            version = connection.execute("PRAGMA user_version").fetchone()
            assert version == (sqlite_schema.SCHEMA_VERSION,)
            kinds = connection.execute("PRAGMA integrity_check").fetchall()
            assert kinds == [("ok",)]

    def test_a_reopened_file_has_the_same_data(self, path: Path) -> None:
        with SqliteStore(path) as store:
            store.create_sweep(META, COUNTER)
        with SqliteStore(path) as store:
            assert store.get_status(SWEEP) == COUNTER

    def test_newer_is_refused(self, store: SqliteStore, path: Path) -> None:
        store.close()
        with raw(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        with pytest.raises(StoreUnusable, match=r"newer sweep-sdk \(schema 99") as caught:
            SqliteStore(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)

    def test_older_is_migrated(
        self, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.close()
        step = ("ALTER TABLE sweeps ADD COLUMN note TEXT", "UPDATE sweeps SET note = sweep")
        monkeypatch.setattr(sqlite_schema, "STEPS", (*sqlite_schema.STEPS, step))
        monkeypatch.setattr(sqlite_schema, "SCHEMA_VERSION", NEXT_VERSION)
        for _ in range(2):
            with SqliteStore(path) as migrated:
                assert migrated.get_status(SWEEP) == COUNTER
        with raw(path) as connection:
            assert connection.execute("SELECT note FROM sweeps").fetchall() == [(SWEEP,)]
            assert connection.execute("PRAGMA user_version").fetchone() == (NEXT_VERSION,)

    def test_a_file_of_the_first_schema_is_read(self, path: Path) -> None:
        make_file(path, 1)
        with raw(path) as connection:
            connection.execute(
                """INSERT INTO leases (sweep, idx, attempt, key, agent, host, slot, lease_end,
                    released_attempt, losses, failures, is_stop_requested,
                    live_n_values, live_last, live_best)
                VALUES (?, 4, 1, 'key', 'agent', 'host', '', 1300.0, -1, 0, 0, 0, 2, 'NaN', 0.5)""",
                (SWEEP,),
            )
            connection.execute(
                """INSERT INTO observations
                    (sweep, written_at, idx, config_version, unit, value, state, is_stopped_early)
                VALUES (?, 1100.0, 3, 1, x'', 0.5, 'failed', 0)""",
                (SWEEP,),
            )
        with SqliteStore(path) as store:
            (lease,), (observation,) = store.list_leases(SWEEP), store.list_observations(SWEEP, 0)
            live = LiveSummary(1, 3, last=0.25, best=0.25, last_finite=0.25)
            assert store.save(SWEEP, lease, replace(lease, live=live)).live == live
        assert (lease.index, lease.live.best, lease.live.last_finite) == (4, 0.5, None)
        assert (observation.index, observation.value, observation.last) == (3, 0.5, None)

    def test_a_file_from_before_reasons_of_early_stops_were_kept(self, path: Path) -> None:
        make_file(path, 2)
        with raw(path) as connection:
            connection.execute(
                """INSERT INTO leases (sweep, idx, attempt, key, agent, host, slot, lease_end,
                    released_attempt, losses, failures, is_stop_requested, live_n_values)
                VALUES (?, 0, 1, 'key', 'agent', 'host', '0', 1300.0, -1, 0, 0, 0, 0)""",
                (SWEEP,),
            )
        stop = EarlyStop(9, 0.5, 0.25)
        with SqliteStore(path) as store:
            lease = store.get_lease(SWEEP, 0)
            assert lease == Lease(0, 1, "key", "agent", "host", "0", 1300.0)
            store.save(SWEEP, lease, replace(lease, early_stop=stop))
            assert store.list_leases(SWEEP) == [replace(lease, early_stop=stop)]

    @pytest.mark.parametrize("version", range(1, sqlite_schema.SCHEMA_VERSION))
    def test_a_file_of_every_earlier_schema_opens_unchanged(self, path: Path, version: int) -> None:
        """With a lease and a config, whose columns are those of the first schema."""
        make_file(path, version)
        with raw(path) as connection:
            connection.execute(
                """INSERT INTO metas
                    (sweep, version, project, name, document, created_at, create_key)
                VALUES (?, 1, 'project', NULL, '{}', 1000.0, 'create-key')""",
                (SWEEP,),
            )
            connection.execute(
                """INSERT INTO leases (sweep, idx, attempt, key, agent, host, slot, lease_end,
                    released_attempt, losses, failures, is_stop_requested, live_n_values)
                VALUES (?, 0, 1, 'key', 'agent', 'host', '0', 1300.0, -1, 0, 0, 0, 0)""",
                (SWEEP,),
            )
        for _ in range(2):
            with SqliteStore(path) as store:
                expected = Lease(0, 1, "key", "agent", "host", "0", 1300.0)
                assert store.list_leases(SWEEP) == [expected]
                assert store.get_config_version(SWEEP, 1) == META

    def test_a_failed_migration_changes_nothing(
        self, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.close()
        step = ("ALTER TABLE sweeps ADD COLUMN note TEXT", "UPDATE sweeps SET nonsense = 1")
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_schema, "STEPS", (*sqlite_schema.STEPS, step))
            patch.setattr(sqlite_schema, "SCHEMA_VERSION", NEXT_VERSION)
            with pytest.raises(sqlite3.OperationalError, match="nonsense"):
                SqliteStore(path)
        with SqliteStore(path) as unchanged:
            assert unchanged.get_status(SWEEP) == COUNTER

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE t (x)",
            "CREATE TABLE sweeps (sweep TEXT)",
            "CREATE VIEW v AS SELECT 1",
            "PRAGMA user_version = 1",
            "PRAGMA application_id = 5",
        ],
    )
    def test_another_programs_database_is_refused(self, path: Path, statement: str) -> None:
        with raw(path) as connection:
            connection.execute(statement)
        with pytest.raises(StoreUnusable, match="another program"):
            SqliteStore(path)

    def test_a_file_restored_from_a_dump_is_ours(self, store: SqliteStore, path: Path) -> None:
        store.close()
        restored = path.with_name("restored.db")
        with raw(path) as old, raw(restored) as new:
            new.executescript("\n".join(old.iterdump()))
        for _ in range(2):  # the second time by its header
            with SqliteStore(restored) as again:
                assert again.get_status(SWEEP) == COUNTER
        with raw(restored) as connection:
            header = connection.execute("PRAGMA application_id").fetchone()
            assert header == (sqlite_schema.APPLICATION_ID,)

    def test_a_dump_of_an_older_file_is_migrated(
        self, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.close()
        with raw(path) as connection:
            connection.execute("PRAGMA application_id = 0")
            connection.execute("PRAGMA user_version = 0")
        step = ("ALTER TABLE sweeps ADD COLUMN note TEXT", "UPDATE sweeps SET note = sweep")
        monkeypatch.setattr(sqlite_schema, "STEPS", (*sqlite_schema.STEPS, step))
        monkeypatch.setattr(sqlite_schema, "SCHEMA_VERSION", NEXT_VERSION)
        with SqliteStore(path) as migrated:
            assert migrated.get_status(SWEEP) == COUNTER
        with raw(path) as connection:
            assert connection.execute("SELECT note FROM sweeps").fetchall() == [(SWEEP,)]

    def test_a_file_with_a_foreign_table_is_refused(self, store: SqliteStore, path: Path) -> None:
        store.close()
        with raw(path) as connection:
            connection.execute("PRAGMA application_id = 0")
            connection.execute("PRAGMA user_version = 0")
            connection.execute("CREATE TABLE t (x)")
        with pytest.raises(StoreUnusable, match="another program"):
            SqliteStore(path)

    def test_an_empty_file_is_taken(self, path: Path) -> None:
        path.touch()
        with SqliteStore(path) as store:
            assert store.list_sweeps(None, None, 1) == []

    def test_an_old_library_gets_plain_tables(self) -> None:
        statement = "CREATE TABLE t (x INTEGER, y ANY NOT NULL)"
        plain = "CREATE TABLE t (x INTEGER, y NOT NULL)"
        assert sqlite_schema.dialect(statement, (3, 36, 0)) == plain
        assert sqlite_schema.dialect(statement, (3, 37, 0)) == f"{statement} STRICT"
        without = f"{statement} WITHOUT ROWID"
        assert sqlite_schema.dialect(without, (3, 40, 1)) == f"{without}, STRICT"
        column = "ALTER TABLE t ADD COLUMN z ANY"
        assert sqlite_schema.dialect(column, (3, 36, 0)) == "ALTER TABLE t ADD COLUMN z"
        assert sqlite_schema.dialect(column, (3, 37, 0)) == column
        index = "CREATE INDEX i ON t (x)"
        assert sqlite_schema.dialect(index, (3, 40, 1)) == index

    def test_a_too_old_library_is_reported(self) -> None:
        sqlite_schema.check_library((3, 15, 0))
        with pytest.raises(StoreUnusable, match=r"SQLite 3\.7\.17; the local store needs 3\.15\.0"):
            sqlite_schema.check_library((3, 7, 17))

    def test_tables_without_strict_types_work_too(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dialect = sqlite_schema.dialect
        monkeypatch.setattr(sqlite_schema, "dialect", lambda text, _: dialect(text, (3, 36, 0)))
        with SqliteStore(path) as store:
            for attempt, value in enumerate([float("nan"), float("inf"), 1.0, 0.1, -0.0]):
                store.append(SWEEP, 0, BandValue(attempt, 1, value))
                assert repr(store.list_band(SWEEP, attempt)) == repr({0: value})


class TestDamage:
    @pytest.mark.parametrize("content", [b"hello, I am a text file" * 99, b"\0" * 5000])
    def test_not_a_database(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(StoreUnusable, match="is not an SQLite database") as caught:
            SqliteStore(path)
        assert str(path) in str(caught.value)
        assert path.read_bytes() == content

    def test_damaged(self, store: SqliteStore, path: Path) -> None:
        for index in range(200):
            store.append(SWEEP, index, ErrorTail(1, "x" * 500))
        store.close()
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        with pytest.raises(StoreUnusable, match="is damaged"), SqliteStore(path) as damaged:
            damaged.get_status(SWEEP)

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("attempt to write a readonly database", StoreUnusable),
            ("unable to open database file", StoreUnusable),
            ("disk I/O error", StoreUnavailable),
            ("database or disk is full", StoreUnavailable),
            ("database is locked", Busy),
            ("database table is locked: sweeps", Busy),
            ("locking protocol", Busy),
            ("string or blob too big", TooLarge),
        ],
    )
    def test_one_line_for_each(self, path: Path, text: str, error: type[Exception]) -> None:
        with pytest.raises(error) as caught, translating(path):
            raise sqlite3.OperationalError(text)
        assert "\n" not in str(caught.value)

    def test_a_fault_of_ours_is_not_explained_away(self, path: Path) -> None:
        with pytest.raises(sqlite3.OperationalError), translating(path):
            raise sqlite3.OperationalError("no such column: nonsense")


class TestFullDisk:
    def test_is_reported_and_nothing_is_lost(self, store: SqliteStore, path: Path) -> None:
        for attempt in range(2):  # fill what is left of the one page that is allowed
            store.append(SWEEP, 0, ErrorTail(attempt, "kept"))
        with store._database.write() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
        with store._database._lent() as connection:
            connection.execute(f"PRAGMA max_page_count = {pages}")
        batch = RowBatch(1, 0, (Row(0, 1.0, {"text": "x" * 100_000}),))
        with pytest.raises(StoreUnavailable, match="full") as caught:
            store.append(SWEEP, 0, batch)
        assert caught.value.retry_after_seconds >= 10
        assert store.list_rows(SWEEP, 0, None, 5) == []
        assert store.get_error_tail(SWEEP, 0, 1) == "kept"
        store.append(SWEEP, 0, batch)  # a new connection, which is under no such limit
        assert store.list_rows(SWEEP, 0, None, 5) == [batch]


class TestOtherPrograms:
    def test_a_locked_file_is_busy_until_it_is_not(self, store: SqliteStore, path: Path) -> None:
        with raw(path) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Busy, match="locked by another program") as caught:
                store.claim_index(SWEEP)
            assert isinstance(caught.value, TryAgain)
            assert store.get_status(SWEEP) == COUNTER  # reads do not wait for writers
            other.execute("ROLLBACK")
        assert store.claim_index(SWEEP)[0] == 0

    def test_an_open_read_does_not_hold_up_writers(self, store: SqliteStore, path: Path) -> None:
        with raw(path) as other:
            other.execute("BEGIN")
            other.execute("SELECT * FROM sweeps").fetchall()
            assert store.claim_index(SWEEP)[0] == 0

    def test_a_new_file_that_is_locked_is_busy(self, path: Path) -> None:
        with raw(path) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(Busy):
                SqliteStore(path, busy_timeout_seconds=0.01)
        SqliteStore(path).close()


class TestLog:
    def test_is_emptied_as_soon_as_nobody_reads_it(
        self, store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite_database, "_MAX_LOG_BYTES", 200_000)
        monkeypatch.setattr(sqlite_database, "_TRIM_MILLISECONDS", 1)
        log = Path(f"{path}-wal")
        with raw(path) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM sweeps").fetchall()
            for n in range(300):
                store.append(SWEEP, n, ErrorTail(1, "x" * 3000))
            assert log.stat().st_size > 1_000_000  # and every write has succeeded
        for _ in range(200):
            store.claim_index(SWEEP)
        assert log.stat().st_size < 1_000_000
        assert store.get_error_tail(SWEEP, 299, 1) == "x" * 3000


class TestLife:
    def test_a_closed_store_does_nothing(self, store: SqliteStore) -> None:
        store.close()
        store.close()
        with pytest.raises(RuntimeError, match="closed"):
            store.get_status(SWEEP)
        with pytest.raises(RuntimeError, match="closed"):
            store.claim_index(SWEEP)

    def test_the_last_to_close_leaves_one_file(self, store: SqliteStore, path: Path) -> None:
        with SqliteStore(path) as other:
            other.claim_index(SWEEP)
        store.close()
        assert list(path.parent.iterdir()) == [path]

    def test_domain_errors_keep_the_connection(self, store: SqliteStore) -> None:
        with pytest.raises(NotFound):
            store.claim_index("other123")
        (before,) = store._database._open
        with pytest.raises(NotFound):
            store.get_status("other123")
        assert store._database._open == {before}

    def test_an_interrupted_write_leaves_nothing(self, store: SqliteStore) -> None:
        def interrupted() -> None:
            with store._database.write() as connection:
                connection.execute("DELETE FROM sweeps")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert store.get_status(SWEEP) == COUNTER
        assert store.claim_index(SWEEP)[0] == 0

    @pytest.mark.parametrize("index", [2**63, -(2**70)])
    def test_a_number_beyond_64_bits_is_reported(self, store: SqliteStore, index: int) -> None:
        with pytest.raises(InvalidRequest, match="cannot be stored"):
            store.append(SWEEP, index, ErrorTail(1, "text"))
        with pytest.raises(InvalidRequest):
            store.get_run(SWEEP, index)


class TestTheFileUnderTheFeet:
    """It is removed or replaced while a store works with it: nothing is said to be kept then."""

    def remove(self, path: Path) -> None:
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink()

    def replace(self, path: Path) -> None:
        copy = path.with_name("copy")
        shutil.copy(path, copy)
        self.remove(path)
        copy.rename(path)

    def overwrite(self, path: Path) -> None:
        """By a copy of before, without its log."""
        content = path.read_bytes()
        for end in ("-wal", "-shm"):
            Path(f"{path}{end}").unlink()
        path.write_bytes(content)

    def empty(self, path: Path) -> None:
        """In place: name and inode stay, and what is in memory or in the log looks right."""
        with raw(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        os.truncate(path, 0)

    def test_no_new_file_is_made_in_its_place(self, path: Path) -> None:
        """Not even where another connection is needed: its log would spoil what is put back."""
        with SqliteStore(path) as store:
            store.create_sweep(META, COUNTER)
            with store._database._lent():  # so that the next one needs a connection of its own
                self.remove(path)
                with pytest.raises(StoreGone):
                    store.get_status(SWEEP)
            assert list(path.parent.iterdir()) == []

    @pytest.mark.parametrize("how", ["remove", "replace", "overwrite", "empty"])
    def test_it_is_reported_and_nothing_is_acknowledged(self, path: Path, how: str) -> None:
        with SqliteStore(path) as store:
            store.create_sweep(META, COUNTER)
            getattr(self, how)(path)
            for call in (
                lambda: store.get_status(SWEEP),
                lambda: store.list_runs(SWEEP, 0, 5),
                lambda: store.claim_index(SWEEP),
                lambda: store.append(SWEEP, 0, ErrorTail(1, "tail")),
            ):
                with pytest.raises(StoreGone, match=re.escape(str(path))):
                    call()

    def test_what_is_committed_while_it_goes_is_not_acknowledged(self, path: Path) -> None:
        with SqliteStore(path) as store:
            store.create_sweep(META, COUNTER)
            with pytest.raises(StoreGone), store._database.write():
                self.remove(path)

    def test_connections_that_are_opened_later_see_it_too(self, path: Path) -> None:
        with SqliteStore(path) as store, SqliteStore(path.with_name("other.db")) as other:
            store.create_sweep(META, COUNTER)
            other.create_sweep(META, COUNTER)
            with store._database._lent():  # so that the next one needs a connection of its own
                self.replace(path)
                with pytest.raises(StoreGone):
                    store.get_status(SWEEP)
            assert other.get_status(SWEEP)

    def test_when_the_right_file_is_back_it_goes_on(self, path: Path) -> None:
        ends = ("", "-wal", "-shm")
        with SqliteStore(path) as store:
            store.create_sweep(META, COUNTER)
            for end in ends:
                Path(f"{path}{end}").rename(f"{path}.away{end}")
            with pytest.raises(StoreGone):
                store.claim_index(SWEEP)
            for end in ends:
                Path(f"{path}.away{end}").rename(f"{path}{end}")
            assert store.claim_index(SWEEP)[0] == 0

    def test_others_that_come_and_go_do_not_look_like_it(self, path: Path) -> None:
        with SqliteStore(path) as store:
            store.create_sweep(META, COUNTER)
            for _ in range(3):
                with SqliteStore(path) as other:
                    other.claim_index(SWEEP)
            assert store.get_status(SWEEP).next_index == 3

    def test_a_log_that_went_while_nobody_had_it_open_does_not_either(self, path: Path) -> None:
        with SqliteStore(path) as store:
            store.create_sweep(META, COUNTER)
            with pytest.raises(ZeroDivisionError), store._database.write():
                _ = 1 / 0  # drops the only connection
            log = Path(f"{path}-wal")
            assert not log.exists()
            Path(f"{path}.keeps-the-inode-in-use").write_text("")
            assert store.claim_index(SWEEP)[0] == 0


class TestAnOlderCopyPutOverTheFile:
    """Its name and its inode stay, so only its content shows it."""

    SWEEP = "k3v9x2ab"

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteStore]:
        """A store that has claimed indices since a copy of its file was made."""
        path = tmp_path / "sweeps.db"
        meta = ConfigVersion(self.SWEEP, 1, "p", None, {"method": "random"}, 1000.0, "key")
        status = SweepStatus(SweepState.RUNNING, 0, 100, None, (Base(1, 0),), 7)
        with SqliteStore(path) as store:
            store.create_sweep(meta, status)
            store.claim_index(self.SWEEP)
            self.empty_log(path)
            shutil.copyfile(path, tmp_path / "old.db")
            for _ in range(3):
                store.claim_index(self.SWEEP)
            self.empty_log(path)
            yield store

    @staticmethod
    def empty_log(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0

    @pytest.mark.parametrize("method", ["get_status", "claim_index"])
    def test_is_noticed_before_an_index_is_given_out_twice(
        self, store: SqliteStore, tmp_path: Path, method: str
    ) -> None:
        shutil.copyfile(tmp_path / "old.db", tmp_path / "sweeps.db")
        for _ in range(2):
            with pytest.raises(StoreGone, match="put the right file back"):
                getattr(store, method)(self.SWEEP)
        with SqliteStore(tmp_path / "old.db") as old:
            assert old.get_status(self.SWEEP).next_index == 1
        with closing(sqlite3.connect(tmp_path / "sweeps.db")) as connection:
            assert connection.execute("SELECT next_index FROM sweeps").fetchone() == (1,)

    @pytest.mark.parametrize("method", ["get_status", "claim_index"])
    def test_a_file_without_a_sweep_that_was_in_it_is_another_one(
        self, store: SqliteStore, tmp_path: Path, method: str
    ) -> None:
        store.get_status(self.SWEEP)
        with closing(sqlite3.connect(tmp_path / "sweeps.db")) as connection, connection:
            connection.execute("DELETE FROM sweeps")
        with pytest.raises(StoreGone):
            getattr(store, method)(self.SWEEP)
        store.delete_sweep(self.SWEEP)
        with pytest.raises(SweepDeleted):
            getattr(store, method)(self.SWEEP)

    def test_a_slow_reader_is_not_taken_for_one(self, store: SqliteStore) -> None:
        """What counts is what was known before a read began, not what others have read since."""
        status = store.get_status(self.SWEEP)
        store.claim_index(self.SWEEP)
        assert store._not_older(status, status.change) == status
        assert store.claim_index(self.SWEEP)[0] == 5

    def test_a_claim_that_is_not_committed_yet_is_not_expected_of_readers(
        self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Threads read the status while another one is between its claim and its commit."""
        seen = []
        decide = store._not_older

        def read_meanwhile(status: SweepStatus, least: int) -> SweepStatus:
            if not seen:  # the claim's own check, inside its transaction
                seen.append(status.change)
                with ThreadPoolExecutor(1) as pool:
                    seen.append(pool.submit(store.get_status, self.SWEEP).result().change)
            return decide(status, least)

        monkeypatch.setattr(store, "_not_older", read_meanwhile)
        store.claim_index(self.SWEEP)
        assert seen == [5, 4]
        assert store.get_status(self.SWEEP).change == 5
