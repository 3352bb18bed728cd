"""Processes that share the file: killed, forked, and started at the same time."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from sweep_service.errors import Busy
from sweep_service.model.records.records import Base, ConfigVersion, SweepStatus
from sweep_service.model.records.states import SweepState
from sweep_service.storage.sqlite.store import SqliteStore

SWEEP = "k3v9x2ab"
META = ConfigVersion(SWEEP, 1, "project", None, {}, 1000.0, "create-key")
COUNTER = SweepStatus(SweepState.RUNNING, 0, None, None, (Base(1, 0),), 7, 0)

HEAD = """
import os, sys
from dataclasses import replace
from sweep_service.model.records.records import Lease, Outcome, Run
from sweep_service.model.records.states import RunState
from sweep_service.storage.sqlite.store import SqliteStore
path, sweep = sys.argv[1], "k3v9x2ab"
store = SqliteStore(path)
"""

WORK_FOR_EVER = """
while True:
    index, _ = store.claim_index(sweep)
    lease = Lease(index, 1, "key", "agent", "host", "0", 1300.0)
    run = Run(index, {"x": "y" * 500}, 1, 1, "key", "agent", "host", 1.0, 1.0)
    outcome = Outcome(RunState.FINISHED, 2.0, summary={"index": index})
    store.save(sweep, None, lease)
    store.save(sweep, None, run)
    store.save(sweep, run, replace(run, outcome=outcome))
    store.delete(sweep, lease)
    print(index, flush=True)
"""

WRITE_AND_HANG = """
with store._database.write() as connection:
    connection.execute("DELETE FROM sweeps")
    print("inside", flush=True)
    sys.stdin.read()
"""

FORK_AND_CLAIM = """
def claim_100(who):
    words = [who] + [str(store.claim_index(sweep)[0]) for _ in range(100)]
    os.write(1, (" ".join(words) + chr(10)).encode())  # at once: two processes share the pipe

store.claim_index(sweep)
of_parent = set(store._database._open)
child = os.fork()
claim_100("child" if child == 0 else "parent")
if child == 0:
    assert of_parent and not of_parent & store._database._open
    store.close()
    sys.exit()  # all of the interpreter's ending, in which what is left is closed
assert os.waitpid(child, 0)[1] == 0
claim_100("parent")
store.close()
"""

FORK_IN_THE_MIDST = """
with store._database.write() as connection:
    connection.execute("UPDATE sweeps SET next_index = 1000, change = 1")
    child = os.fork()
    if child == 0:
        is_free = not store._database._writing.locked()
        os._exit(0 if is_free and store.get_status(sweep).next_index == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
print(store.claim_index(sweep)[0])
store.close()
"""

OPEN_AND_CLOSE = """
store.close()
print("ready", flush=True)
sys.stdin.read()
for _ in range(30):
    with SqliteStore(path) as store:
        print(store.claim_index(sweep)[0], flush=True)
"""

CREATE = """
from sweep_service.model.records.records import Base, SweepStatus, ConfigVersion
from sweep_service.model.records.states import SweepState
meta = ConfigVersion(sweep, 1, "project", None, {}, 1000.0, "create-key")
store.create_sweep(meta, SweepStatus(SweepState.RUNNING, 0, None, None, (Base(1, 0),), 7, 0))
print(store.claim_index(sweep)[0])
store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweeps.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(path, busy_timeout_seconds=20) as store:
        store.create_sweep(META, COUNTER)
        yield store


@contextmanager
def process(script: str, path: Path, head: str = HEAD) -> Iterator[subprocess.Popen[str]]:
    """A Python process of ours at work on the file; killed at the end of the block."""
    command = [sys.executable, "-W", "error", "-c", head + script, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as started:
        try:
            yield started
        finally:
            started.kill()


def finish(started: subprocess.Popen[str]) -> str:
    """What the process printed; it must have ended well, without a warning."""
    output, errors = started.communicate(timeout=120)
    assert (started.returncode, errors) == (0, "")
    return output


def check_integrity(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_kill_loses_nothing_that_was_acknowledged(store: SqliteStore, path: Path) -> None:
    acknowledged = set()
    for n_lines in (1, 40, 7):
        with process(WORK_FOR_EVER, path) as first, process(WORK_FOR_EVER, path) as second:
            for worker in (first, second):
                assert worker.stdout is not None
                acknowledged |= {int(worker.stdout.readline()) for _ in range(n_lines)}
            first.kill()
            second.kill()
            for worker in (first, second):  # whole lines only: the last may be cut off
                assert worker.stdout is not None
                lines = worker.stdout.read().splitlines(keepends=True)
                acknowledged |= {int(line) for line in lines if line.endswith("\n")}
        check_integrity(path)
    runs = {head.index: head.state for head in store.list_run_heads(SWEEP)}
    assert len(acknowledged) >= 96
    assert {runs[index].value for index in acknowledged} == {"finished"}
    assert not {lease.index for lease in store.list_leases(SWEEP)} & acknowledged
    assert store.get_status(SWEEP).next_index > max(acknowledged)


def test_kill_in_the_midst_of_a_write_undoes_it(store: SqliteStore, path: Path) -> None:
    with process(WRITE_AND_HANG, path) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "inside\n"
        with SqliteStore(path, busy_timeout_seconds=0.01) as hasty, pytest.raises(Busy):
            hasty.claim_index(SWEEP)
        assert store.get_status(SWEEP) == COUNTER
        writer.kill()
        assert store.claim_index(SWEEP)[0] == 0
    check_integrity(path)


def test_a_fork_shares_the_file_not_the_connections(store: SqliteStore, path: Path) -> None:
    with process(FORK_AND_CLAIM, path) as parent:
        lines = [line.split() for line in finish(parent).splitlines()]
    assert sorted(who for who, *_ in lines) == ["child", "parent", "parent"]
    claimed = [int(index) for _, *indices in lines for index in indices]
    assert sorted(claimed) == list(range(1, 301))
    check_integrity(path)


def test_a_fork_in_the_midst_of_a_write(store: SqliteStore, path: Path) -> None:
    with process(FORK_IN_THE_MIDST, path) as parent:
        assert finish(parent) == "1000\n"
    check_integrity(path)


def test_processes_may_meet_on_a_new_file(path: Path) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(process(CREATE, path)) for _ in range(6)]
        claimed = sorted(int(finish(worker)) for worker in workers)
    assert claimed == list(range(6))


def test_the_last_to_leave_does_not_trip_those_who_come(store: SqliteStore, path: Path) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(process(OPEN_AND_CLOSE, path)) for _ in range(4)]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.stdin = None
        claimed = sorted(int(line) for worker in workers for line in finish(worker).splitlines())
    assert claimed == list(range(120))
    check_integrity(path)
