"""Contract: a sweep is deleted completely despite crashes, repeats and concurrent writes."""

from __future__ import annotations

import random
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from store_kinds import StoreKind
from store_samples import (
    SWEEP,
    a_batch,
    a_counter,
    a_lease,
    a_meta,
    a_run,
    add_sweep,
    an_attempt_record,
    an_observation,
    contents,
    keep,
)

from sweep_service.errors import LeaseLost, NotFound, ServiceError, Stale
from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.records import Row, RowBatch
from sweep_service.model.records.states import RunState
from sweep_service.operations.ask import HandOut, ask
from sweep_service.operations.finish import Ending, finish
from sweep_service.operations.report import report
from sweep_service.operations.services import Services
from sweep_service.operations.sweeps import NewSweep, create_sweep, delete_sweep
from sweep_service.protocol.leases import Requester
from sweep_service.storage.store import Store

NEVER = "never123"


class Killed(BaseException):
    """The process is gone."""


def fill(store: Store, sweep: str = SWEEP, n_runs: int = 3) -> None:
    """A sweep with something of everything."""
    add_sweep(store, sweep)
    for index in range(n_runs):
        store.save(sweep, None, a_lease(index=index))
        store.save(sweep, None, a_run(index=index))
        keep(store, an_observation(index=index), sweep)
        store.append(sweep, index, BandValue(1, 1, 0.5))
        store.append(sweep, index, a_batch())
        keep(store, an_attempt_record(index=index), sweep)
        store.append(sweep, index, ErrorTail(1, "Traceback"))
        store.claim_point(sweep, 1, f"point-{index}", index)


def is_gone(store: Store, sweep: str = SWEEP, n_runs: int = 3) -> bool:
    """Whether nothing of a sweep can be read, rows and tails of its runs neither."""
    if contents(store, sweep) != contents(store, NEVER):
        return False
    return not any(
        store.list_rows(sweep, index, None, 9)
        or store.list_points(sweep, 1)
        or store.list_attempt_records(sweep, index)
        or store.get_error_tail(sweep, index, 1)
        for index in range(n_runs)
    )


@pytest.fixture(autouse=True)
def no_pauses(store: Any) -> None:
    if hasattr(store, "_table"):
        store._table._sleep = lambda _: None


@contextmanager
def dying(store: Any, n_writes: int) -> Iterator[None]:
    """Have the process die before it writes once more."""
    left = [n_writes]

    def dying_call(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return method(*values, **named)

        return call

    writers = [(store._database, "write")] if hasattr(store, "_database") else []
    if hasattr(store, "_table"):
        writers = [(store._table, "put"), (store._table, "_delete_batch")]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in writers:
            patch.setattr(owner, name, dying_call(getattr(owner, name)))
        yield


class TestDeletion:
    def test_returns_whether_anything_was_deleted(self, store: Store) -> None:
        assert store.delete_sweep(SWEEP) is False
        fill(store)
        assert store.delete_sweep(SWEEP) is True
        assert is_gone(store)
        assert store.delete_sweep(SWEEP) is False

    @pytest.mark.parametrize("n_writes", range(12))
    def test_a_repeat_finishes_what_a_killed_one_began(self, store: Store, n_writes: int) -> None:
        fill(store)
        fill(store, "other123")
        other = contents(store, "other123")
        is_killed = False
        with dying(store, n_writes):
            try:
                store.delete_sweep(SWEEP)
            except Killed:
                is_killed = True
        was_gone = is_gone(store)
        assert store.delete_sweep(SWEEP) is not was_gone
        assert is_killed or was_gone
        assert is_gone(store)
        assert contents(store, "other123") == other

    def test_what_an_older_version_left_without_a_head_goes_too(self, store: Store) -> None:
        """It removed the head first and marked nothing."""
        store.save(SWEEP, None, a_run())
        store.append(SWEEP, 0, a_batch())
        assert store.delete_sweep(SWEEP) is True
        assert is_gone(store)

    def test_the_id_of_a_deleted_sweep_cannot_be_reused(self, store: Store) -> None:
        fill(store)
        store.delete_sweep(SWEEP)
        with pytest.raises(Stale):
            store.create_sweep(a_meta(), a_counter())
        assert is_gone(store)
        with pytest.raises(NotFound):
            store.get_status(SWEEP)
        assert store.list_sweeps(None, None, 9) == []

    def test_no_method_sees_the_mark(self, store: Store) -> None:
        fill(store)
        seen = store.get_status(SWEEP)
        store.delete_sweep(SWEEP)
        for call in (
            lambda: store.get_status(SWEEP),
            lambda: store.claim_index(SWEEP),
            lambda: store.save(SWEEP, seen, replace(seen, limit=3)),
        ):
            with pytest.raises(NotFound):
                call()
        assert is_gone(store)

    @pytest.mark.parametrize(
        "write",
        [
            lambda store: store.save(SWEEP, None, a_lease(index=1)),
            lambda store: store.save(SWEEP, None, a_run(index=1)),
            lambda store: keep(store, an_observation()),
            lambda store: store.append(SWEEP, 0, BandValue(1, 1, 0.5)),
            lambda store: store.append(SWEEP, 0, a_batch()),
            lambda store: keep(store, an_attempt_record()),
            lambda store: store.append(SWEEP, 0, ErrorTail(1, "Traceback")),
            lambda store: store.claim_point(SWEEP, 1, "point", 0),
        ],
        ids=["lease", "run", "observation", "band", "rows", "attempt", "tail", "point"],
    )
    def test_a_late_write_is_refused_or_goes_with_the_next_deletion(
        self, store: Store, write: Callable[[Store], None]
    ) -> None:
        fill(store)
        store.delete_sweep(SWEEP)
        try:
            write(store)
        except NotFound:
            assert is_gone(store)
        store.delete_sweep(SWEEP)
        assert is_gone(store)


class Held:
    """A request in a thread of its own that stops before its nth write, until it is let go on."""

    def __init__(self, request: Callable[[], object], n_before: int) -> None:
        self.is_stopped, self.may_go_on = threading.Event(), threading.Event()
        self.is_over = threading.Event()
        self.error: BaseException | None = None
        self._left = n_before
        self._request = request
        self._thread = threading.Thread(target=self._run)

    def before_write(self) -> None:
        if threading.current_thread() is not self._thread:
            return
        self._left -= 1
        if self._left < 0 and not self.is_stopped.is_set():
            self.is_stopped.set()
            assert self.may_go_on.wait(30)

    def start(self) -> bool:
        """Let it run to that write; whether it makes that many."""
        self._thread.start()
        while not (self.is_stopped.is_set() or self.is_over.is_set()):
            self.is_over.wait(0.001)
        return self.is_stopped.is_set()

    def finish(self, *_: object) -> None:
        """Let it run to its end."""
        self.may_go_on.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._request()
        except ServiceError as error:
            self.error = error
        finally:
            self.is_over.set()


@contextmanager
def watched_writes(store: Any, reported: Callable[[], None]) -> Iterator[None]:
    """Call ``reported`` before every write of the store."""

    def announcing(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            reported()
            return method(*values, **named)

        return call

    if hasattr(store, "_database"):
        owner, names = store._database, ("write",)
    else:
        owner, names = store._table, ("put", "update", "delete")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(owner, name, announcing(getattr(owner, name)))
        yield


REQUESTS = {
    "ask": lambda services, sweep: ask(services, sweep, Requester("another-key", "b", "host", "")),
    "rows": lambda services, sweep: report(
        services, sweep, 0, RowBatch(1, 0, (Row(0, 1.0, {"loss": 0.5}),))
    ),
    "failure": lambda services, sweep: finish(
        services, sweep, 0, Ending(1, RunState.FAILED, error_tail="Traceback")
    ),
    "success": lambda services, sweep: finish(services, sweep, 0, Ending(1, RunState.FINISHED)),
    "giving back": lambda services, sweep: finish(
        services, sweep, 0, Ending(1, RunState.PREEMPTED)
    ),
}


@pytest.mark.parametrize("n_before", range(5))
@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_request_under_way_leaves_nothing_of_a_deleted_sweep(
    store: Any, name: str, n_before: int, method: str
) -> None:
    services = Services(store=store, clock=lambda: 1_700_000_000.0, rng=random.Random(7))
    config = {
        "method": method,
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }
    sweep = create_sweep(services, NewSweep(parse_object(config)), is_dry_run=False).sweep
    assert sweep is not None
    assert isinstance(ask(services, sweep, Requester("key-of-run-0", "a", "host", "")), HandOut)
    held = Held(lambda: REQUESTS[name](services, sweep), n_before)
    with watched_writes(store, held.before_write):
        if not held.start():  # it makes fewer writes
            held.finish()
            assert held.error is None
            return
        if hasattr(store, "_table"):  # which waits for requests that are under way
            store._table._sleep = held.finish
        delete_sweep(services, sweep)
        held.finish()
    assert held.error is None or isinstance(held.error, (NotFound, LeaseLost))
    assert is_gone(store, sweep)
    assert store.delete_sweep(sweep) is False


def test_every_table_of_sqlite_that_belongs_to_sweeps_is_emptied_and_guarded(
    kind: StoreKind, store: Any
) -> None:
    if kind.name != "sqlite":
        assert not hasattr(store, "_database")
        return
    from sweep_service.storage.sqlite import sweeps as sqlite_sweeps

    with closing(sqlite3.connect(store._database.path)) as connection:
        query = "SELECT name, type FROM sqlite_master"
        names = [(name, what) for name, what in connection.execute(query)]
        tables = {
            name
            for name, what in names
            if what == "table"
            and any(row[1] == "sweep" for row in connection.execute(f"PRAGMA table_info({name})"))
        } - {"deletions"}
    assert set(re.findall(r"FROM (\w+)", sqlite_sweeps._ANYTHING)) == tables
    assert {f"no_deleted_{table}" for table in tables} == {
        name for name, what in names if what == "trigger" and not name.startswith("counted_")
    }
    emptied = " ".join(sqlite_sweeps._DELETIONS)
    assert {t for t in tables if f"DELETE FROM {t} " in emptied} == tables - {"sweeps", "metas"}
