"""SQL statements use keys and short transactions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_service.errors import Stale
from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.records import (
    AttemptRecord,
    Base,
    ConfigVersion,
    Lease,
    Observation,
    Outcome,
    Row,
    RowBatch,
    Run,
    SweepStatus,
)
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.sqlite.store import SqliteStore

SWEEP = "k3v9x2ab"
META = ConfigVersion(SWEEP, 1, "project", None, {}, 1000.0, "create-key")
COUNTER = SweepStatus(SweepState.RUNNING, 0, None, None, (Base(1, 0),), 7, 0)
LEASE = Lease(0, 1, "key", "agent", "host", "0", 1300.0)
RUN = Run(0, {"lr": 0.1}, 1, 1, "key", "agent", "host", 1001.0, 1001.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweeps.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(path) as store:
        store.create_sweep(META, COUNTER)
        yield store


def traced(store: SqliteStore, work: Callable[[], object]) -> list[str]:
    """The statements that the one connection executes, values filled in."""
    statements: list[str] = []
    (connection,) = store._database._open
    connection.set_trace_callback(statements.append)
    work()
    connection.set_trace_callback(None)
    assert store._database._open == {connection}
    return statements


def use_everything(store: SqliteStore) -> None:
    store.list_sweeps(None, None, 5)
    store.list_sweeps("project", (1e9, "x"), 5)
    store.claim_index(SWEEP)
    counter = store.get_status(SWEEP)
    store.save(SWEEP, counter, replace(counter, state=SweepState.PAUSED))
    store.add_config_version(replace(META, version=2))
    store.get_config_version(SWEEP, 2)
    store.save(SWEEP, None, LEASE)
    lease = store.save(SWEEP, LEASE, replace(LEASE, losses=1))
    with pytest.raises(Stale):
        store.save(SWEEP, LEASE, replace(LEASE, losses=2))
    store.get_lease(SWEEP, 0)
    store.list_leases(SWEEP)
    store.save(SWEEP, None, RUN)
    store.save(SWEEP, RUN, replace(RUN, outcome=Outcome(RunState.FINISHED, 1600.0)))
    store.get_run(SWEEP, 0)
    store.list_runs(SWEEP, 0, 5)
    store.list_run_heads(SWEEP)
    store.append(SWEEP, 0, Observation(0, 1, (), 0.5, RunState.FINISHED, False, 1600.0))
    store.list_observations(SWEEP, 5.0)
    store.append(SWEEP, 0, BandValue(0, 1, 0.5))
    store.list_band(SWEEP, 0)
    store.append(SWEEP, 0, RowBatch(1, 0, (Row(0, 1.0, {}),)))
    store.list_rows(SWEEP, 0, (0, 0), 5)
    store.append(SWEEP, 0, AttemptRecord(0, 1, "agent", "host", RunState.CRASHED, 1001.0, 1400.0))
    store.list_attempt_records(SWEEP, 0)
    store.append(SWEEP, 0, ErrorTail(1, "tail"))
    store.get_error_tail(SWEEP, 0, 1)
    store.drop_band(SWEEP, 0, 0, 1)
    store.claim_point(SWEEP, 1, "point", 0)
    store.list_points(SWEEP, 1)
    store.delete_run_data(SWEEP, 0, 1)
    store.delete(SWEEP, lease)
    store.delete_sweep(SWEEP)


def test_no_statement_reads_a_whole_table_or_sorts(store: SqliteStore, path: Path) -> None:
    statements = traced(store, lambda: use_everything(store))
    queries = [sql for sql in statements if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", sql)]
    assert len(queries) > 40
    with closing(sqlite3.connect(path)) as connection:
        for sql in queries:
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN {sql.replace('Inf', '9e999')}"
            ).fetchall()
            steps = [step[3] for step in plan]
            assert not [s for s in steps if "SCAN" in s or "TEMP B-TREE" in s], (sql, steps)


def test_only_writes_take_the_write_lock(store: SqliteStore) -> None:
    def read() -> None:
        store.get_status(SWEEP)
        store.list_leases(SWEEP)
        store.list_runs(SWEEP, 0, 5)

    assert not [sql for sql in traced(store, read) if "BEGIN" in sql]
    claimed = traced(store, lambda: store.claim_index(SWEEP))
    claimed = list(dict.fromkeys(claimed))  # a statement is reported again for its trigger
    assert (claimed[0], claimed[-1], len(claimed)) == ("BEGIN IMMEDIATE", "COMMIT", 4)


def test_a_large_sweep_is_deleted_in_short_transactions(store: SqliteStore) -> None:
    n_rows = 2600
    with store._database.write() as connection:
        connection.executemany(
            "INSERT INTO bands (sweep, band, idx, attempt, value) VALUES (?, 0, ?, 1, 0.5)",
            [(SWEEP, index) for index in range(n_rows)],
        )
    statements = traced(store, lambda: store.delete_sweep(SWEEP))
    assert store.list_band(SWEEP, 0) == {}
    transactions = "\n".join(statements).split("COMMIT")
    of_bands = [text for text in transactions if "DELETE FROM bands" in text]
    assert len(of_bands) >= n_rows / 500
    assert {text.count("DELETE FROM bands") for text in of_bands} == {1}


def test_threads_that_come_and_go_leave_few_connections_open(store: SqliteStore) -> None:
    for _ in range(3):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: store.claim_index(SWEEP), range(64)))
    assert store.get_status(SWEEP).next_index == 192
    with ExitStack() as stack:  # as many readers at once
        for _ in range(12):
            stack.enter_context(store._database._lent())
        assert len(store._database._open) >= 12
    assert len(store._database._open) == len(store._database._idle) == 8
