"""How the statements reach their rows: by keys, in short transactions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from sweep_service.model.records.records import (
    AttemptRecord,
    Base,
    Counter,
    EarlyStop,
    Lease,
    LiveSummary,
    Observation,
    Outcome,
    Row,
    RowBatch,
    Run,
    SweepMeta,
)
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.sqlite.store import SqliteStore

SWEEP = "k3v9x2ab"
META = SweepMeta(SWEEP, 1, "project", None, {}, 1000.0, "create-key")
COUNTER = Counter(SweepState.RUNNING, 0, None, None, (Base(1, 0),), 7, 0)
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
    counter = store.get_counter(SWEEP)
    store.list_sweeps(None, None, 5)
    store.list_sweeps("project", (1e9, "x"), 5)
    store.claim_index(SWEEP)
    counter = store.set_state(SWEEP, SweepState.PAUSED, [SweepState.RUNNING], counter)
    counter = store.set_limit(SWEEP, 1, 1, counter)
    store.add_version(META, 5, counter)
    store.get_meta(SWEEP, 2)
    store.open_lease(SWEEP, LEASE)
    store.suspect_lease(SWEEP, LEASE, 1400.0)
    store.extend_lease(SWEEP, 0, 1, 1500.0, LiveSummary(0))
    store.preempt_lease(SWEEP, 0, 1, 1450.0)
    store.stop_run(SWEEP, 0)
    store.mark_stopped(SWEEP, 0, 1, EarlyStop(9, 0.5, 0.25))
    store.release_lease(SWEEP, 0, 1, 0)
    store.get_lease(SWEEP, 0)
    store.list_leases(SWEEP)
    store.create_run(SWEEP, RUN)
    store.advance_attempt(SWEEP, 0, 2, LEASE, 1500.0)
    store.end_run(SWEEP, 0, 2, 0, Outcome(RunState.FINISHED, 1600.0))
    store.get_run(SWEEP, 0)
    store.list_runs(SWEEP, 0, 5)
    store.list_run_heads(SWEEP)
    store.put_observation(SWEEP, Observation(0, 1, (), 0.5, RunState.FINISHED, False, 1600.0))
    store.list_observations(SWEEP, 5.0)
    store.put_band(SWEEP, 0, 0, 1, 0.5)
    store.list_band(SWEEP, 0)
    store.put_rows(SWEEP, 0, RowBatch(1, 0, (Row(0, 1.0, {}),)))
    store.list_rows(SWEEP, 0, (0, 0), 5)
    store.put_attempt_record(
        SWEEP, AttemptRecord(0, 1, "agent", "host", RunState.CRASHED, 1001.0, 1400.0)
    )
    store.list_attempt_records(SWEEP, 0)
    store.put_error_tail(SWEEP, 0, 1, "tail")
    store.get_error_tail(SWEEP, 0, 1)
    store.drop_lease(SWEEP, 0, 2, 0)
    store.delete_sweep(SWEEP)


def test_no_statement_reads_a_whole_table_or_sorts(store: SqliteStore, path: Path) -> None:
    statements = traced(store, lambda: use_everything(store))
    queries = [sql for sql in statements if re.match(r"\s*(SELECT|UPDATE|DELETE|INSERT)", sql)]
    assert len(queries) > 50
    with closing(sqlite3.connect(path)) as connection:
        for sql in queries:
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN {sql.replace('Inf', '9e999')}"
            ).fetchall()
            steps = [step[3] for step in plan]
            assert not [s for s in steps if "SCAN" in s or "TEMP B-TREE" in s], (sql, steps)


def test_only_writes_take_the_write_lock(store: SqliteStore) -> None:
    def read() -> None:
        store.get_counter(SWEEP)
        store.list_leases(SWEEP)
        store.list_runs(SWEEP, 0, 5)

    assert not [sql for sql in traced(store, read) if "BEGIN" in sql]
    claimed = traced(store, lambda: store.claim_index(SWEEP))
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
    assert store.get_counter(SWEEP).next_index == 192
    with ExitStack() as stack:  # as many readers at once
        for _ in range(12):
            stack.enter_context(store._database._lent())
        assert len(store._database._open) >= 12
    assert len(store._database._open) == len(store._database._idle) == 8
