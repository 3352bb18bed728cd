"""A wrong write to the store is detected at once, and a correct one is accepted."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from simulation.judge import Before, Broken
from simulation.kernel import Killed
from simulation.ledger import WRITES, judged
from simulation.world import World
from sweep_service.model.records.records import (
    ConfigVersion,
    Lease,
    Outcome,
    Row,
    RowBatch,
    Run,
)
from sweep_service.model.records.states import RunState
from sweep_service.protocol.sweeps import new_sweep
from sweep_service.storage.sqlite.store import SqliteStore

SWEEP = "aaaaaaaa"
RUN = f"{SWEEP}-0"
PATH = f"/v1/sweeps/{SWEEP}/runs/{RUN}"
LEASE = Lease(0, 1, "key", "agent1", "host", "", 1000.0)
RECORD = Run(0, {"a": 1}, 1, 1, "key", "agent1", "host", 0.0, 0.0)
ENDED = replace(RECORD, outcome=Outcome(RunState.FINISHED, 1.0))
BATCH = RowBatch(1, 0, tuple(Row(n, 0.0, {"n": n}) for n in range(3)))
Act = Callable[[World], object]


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    """A world in which agent1 has the sweep's first run, and has reported three rows."""
    made = World(1, tmp_path, is_local=False, n_machines=1)
    meta = ConfigVersion(SWEEP, 1, "default", None, {}, 0.0, "key")
    made.store.create_sweep(meta, new_sweep(seed=1, run_cap=4, limit=4))
    made.store.claim_index(SWEEP)
    made.store.save(SWEEP, None, LEASE)
    made.store.save(SWEEP, None, RECORD)
    made.store.append(SWEEP, 0, BATCH)
    made.sweep = SWEEP
    hand_out(made, 1, "key")
    body = {"attempt": 1, "rows": [{"metrics": {"n": n}} for n in range(3)]}
    answered(made, "reports", body, {})
    made.ledger.check_all()
    yield made
    made.close()


def hand_out(world: World, attempt: int, key: str) -> None:
    """The backend has answered an ask."""
    answer = json.dumps({"id": RUN, "attempt": attempt, "config": {"a": 1}}).encode()
    path, headers = f"/v1/sweeps/{SWEEP}/runs", {"Idempotency-Key": key}
    world.judge.saw("POST", path, headers, b"{}", 201, answer, "agent1", Before())


def answered(world: World, verb: str, body: dict[str, object], answer: object) -> None:
    """The backend acknowledges a report on the run, or its end."""
    path, content = f"{PATH}/{verb}", json.dumps(body).encode()
    before = world.judge.began("POST", path, content)
    result = json.dumps(answer).encode()
    world.judge.saw("POST", path, {}, content, 200, result, "agent1", before)
    world.ledger.answered("POST", path, 200)


def finish(world: World) -> None:
    """The end of the run is written, and acknowledged."""
    world.store.save(SWEEP, RECORD, ENDED)
    ended = {"state": "finished", "requeued": False}
    answered(world, "finish", {"attempt": 1, "state": "finished"}, ended)


def look(world: World, state: str) -> None:
    """Somebody sees the run in a state."""
    before = world.judge.began("GET", PATH, b"")
    found = json.dumps({"state": state}).encode()
    world.judge.saw("GET", PATH, {}, b"", 200, found, "operator", before)


def delete_sweep(world: World) -> None:
    """The backend acknowledges the deletion of the sweep."""
    path = f"/v1/sweeps/{SWEEP}"
    world.is_deleting = True
    before = world.judge.began("DELETE", path, b"")
    world.judge.saw("DELETE", path, {}, b"", 204, b"", "operator", before)
    world.ledger.answered("DELETE", path, 204)


def change(world: World, statement: str) -> None:
    """Change the database behind the back of the store, with the count of changes."""
    if " histories" not in statement:
        statement = statement.replace(" SET ", " SET change = change + 1, ")
    with contextlib.closing(sqlite3.connect(world.folder / "sweeps.db")) as database:
        assert database.execute(statement).rowcount
        database.commit()


def after_save(statement: str, record: object) -> Act:
    """A write of a record that has another effect."""

    def act(world: World) -> None:
        change(world, statement)
        world.ledger.wrote("save", (SWEEP, None, record))

    return act


def after_rows(statement: str, method: str, *values: object) -> Act:
    """A write of rows that has another effect."""

    def act(world: World) -> None:
        change(world, statement)
        world.ledger.wrote(method, (SWEEP, 0, *values))

    return act


def an_end_is_changed(world: World) -> None:
    world.store.save(SWEEP, RECORD, ENDED)
    world.ledger.check_all()
    after_save("UPDATE runs SET state = 'failed'", RECORD)(world)


def an_acknowledged_end_is_not_kept(world: World) -> None:
    ended = {"state": "finished", "requeued": False}
    answered(world, "finish", {"attempt": 1, "state": "finished"}, ended)


def a_point_is_kept_twice(world: World) -> None:
    world.is_each_point_once = True
    world.store.save(SWEEP, None, replace(RECORD, index=1))
    world.ledger.wrote("save", (SWEEP, None, replace(RECORD, index=1)))


def an_end_is_not_seen(world: World) -> None:
    finish(world)
    look(world, "running")


def a_canceled_sweep_runs_again(world: World) -> None:
    change(world, "UPDATE sweeps SET state = 'canceled'")
    world.ledger.check_all()
    after_save("UPDATE sweeps SET state = 'running'", new_sweep(1, None, None))(world)


def a_lease_ends_before_its_run(world: World) -> None:
    change(world, "DELETE FROM leases")
    world.ledger.wrote("delete", (SWEEP, LEASE))


def a_newer_attempt_was_handed_out(world: World) -> None:
    world.kernel.now += world.lease_seconds + 1
    hand_out(world, 2, "another")
    world.ledger.wrote("save", (SWEEP, LEASE, LEASE))


def a_run_is_taken_from_an_agent_that_lives(world: World) -> None:
    world.kernel.now += world.lease_seconds / 2
    after_save("UPDATE leases SET attempt = 2, key = 'another'", LEASE)(world)


def more_indices_are_given_out_than_there_are(world: World) -> None:
    change(world, "UPDATE sweeps SET next_index = 5")
    world.ledger.wrote("claim_index", (SWEEP,))


def something_is_written_to_a_deleted_sweep(world: World) -> None:
    world.store.delete_sweep(SWEEP)
    delete_sweep(world)
    change(world, "DELETE FROM deletions")
    world.store.append(SWEEP, 0, BATCH)
    world.ledger.wrote("append", (SWEEP, 0, BATCH))


def a_deletion_is_acknowledged_too_early(world: World) -> None:
    delete_sweep(world)


def a_deleted_sweep_is_answered_for(world: World) -> None:
    world.store.delete_sweep(SWEEP)
    delete_sweep(world)
    look(world, "running")


def a_deleted_sweep_is_listed(world: World) -> None:
    world.store.delete_sweep(SWEEP)
    delete_sweep(world)
    before = world.judge.began("GET", "/v1/sweeps", b"")
    listed = json.dumps({"items": [{"id": SWEEP}]}).encode()
    world.judge.saw("GET", "/v1/sweeps", {}, b"", 200, listed, "operator", before)


def an_interrupted_write_leaves_damage(world: World) -> None:
    def real(_: object, *__: object) -> None:
        change(world, "UPDATE runs SET attempt = 0")
        raise Killed

    with pytest.raises(Killed):
        judged(world, "save", real)(world.store, SWEEP, None, RECORD)
    world.kernel.run_until(lambda: False, 1.0)


BROKEN: dict[str, tuple[Act, str]] = {
    "an index is given out again": (
        after_save("UPDATE sweeps SET next_index = 0", new_sweep(1, None, None)),
        "the next index was 1, and now it is 0",
    ),
    "the sweep is gone": (
        after_save("DELETE FROM sweeps", new_sweep(1, None, None)),
        "the store has lost the sweep",
    ),
    "a run is gone": (after_save("DELETE FROM runs", RECORD), f"the store has lost {RUN}"),
    "a configuration changes": (
        after_save("""UPDATE runs SET config = '{"a":2}'""", RECORD),
        'was kept with {"a":1}',
    ),
    "an attempt goes back": (after_save("UPDATE runs SET attempt = 0", RECORD), "was at attempt 1"),
    "an attempt changes hands": (
        after_save("UPDATE runs SET key = 'another'", RECORD),
        "was kept with two keys",
    ),
    "a lease changes hands": (
        after_save("UPDATE leases SET key = 'another'", LEASE),
        "was leased to two who asked",
    ),
    "an acknowledged row is gone": (
        after_rows("DELETE FROM histories", "delete_run_data", 1),
        "were acknowledged and are gone",
    ),
    "an acknowledged row is changed": (
        after_rows("UPDATE histories SET batch = '[[0,0.0,{\"n\":0}]]'", "append", BATCH),
        "were acknowledged and are gone",
    ),
    "a row is kept twice": (
        after_rows(
            """INSERT INTO histories (sweep, idx, attempt, first_row, batch)
            SELECT sweep, idx, attempt, 3, batch FROM histories""",
            "append",
            BATCH,
        ),
        "are kept twice",
    ),
} | {
    act.__name__: (act, message)
    for act, message in (
        (an_end_is_changed, "was kept as finished, and now as failed"),
        (an_acknowledged_end_is_not_kept, "had ended as finished, and now it is None"),
        (a_point_is_kept_twice, f"{SWEEP}-1 and {RUN} are kept with"),
        (an_end_is_not_seen, "had ended as finished, and is seen as running"),
        (a_canceled_sweep_runs_again, "was canceled, and now it is running"),
        (a_lease_ends_before_its_run, "and the run has not ended"),
        (a_newer_attempt_was_handed_out, "attempt 2 was handed out before"),
        (a_run_is_taken_from_an_agent_that_lives, "after its holder was heard from"),
        (more_indices_are_given_out_than_there_are, "5 indices were given out, of at most 4"),
        (something_is_written_to_a_deleted_sweep, r"still rows of it: {'histories': 1}"),
        (a_deletion_is_acknowledged_too_early, "there are still rows of it"),
        (a_deleted_sweep_is_answered_for, "the sweep was deleted, and GET"),
        (a_deleted_sweep_is_listed, "the sweep was deleted, and it is listed"),
        (an_interrupted_write_leaves_damage, "was at attempt 1"),
    )
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_write_is_found(world, name):
    act, message = BROKEN[name]
    with pytest.raises(Broken) as found:
        act(world)
    assert message in str(found.value)


def rows_come_again(world: World) -> None:
    world.store.append(SWEEP, 0, BATCH)
    world.ledger.wrote("append", (SWEEP, 0, BATCH))


def a_run_ends_and_gives_its_lease_back(world: World) -> None:
    finish(world)
    look(world, "finished")
    world.store.delete(SWEEP, LEASE)
    world.ledger.wrote("delete", (SWEEP, LEASE))


def a_hole_is_opened_that_was_filled_meanwhile(world: World) -> None:
    a_run_ends_and_gives_its_lease_back(world)
    hole = Lease.born_released(0, 0, "hole", None)
    world.store.save(SWEEP, None, hole)
    world.ledger.wrote("save", (SWEEP, None, hole))


def a_silent_agent_loses_its_run(world: World) -> None:
    world.kernel.now += world.lease_seconds + 1
    after_save("UPDATE leases SET attempt = 2, key = 'another'", LEASE)(world)


def a_sweep_is_deleted(world: World) -> None:
    world.is_deleting = True
    world.store.delete_sweep(SWEEP)
    world.ledger.wrote("delete_sweep", (SWEEP,))
    delete_sweep(world)
    before = world.judge.began("GET", PATH, b"")
    world.judge.saw("GET", PATH, {}, b"", 404, b"{}", "operator", before)


@pytest.mark.parametrize(
    "act",
    [
        rows_come_again,
        a_run_ends_and_gives_its_lease_back,
        a_hole_is_opened_that_was_filled_meanwhile,
        a_silent_agent_loses_its_run,
        a_sweep_is_deleted,
    ],
    ids=lambda act: act.__name__,
)
def test_a_correct_write_is_accepted(world, act):
    act(world)


def test_every_method_of_the_store_that_writes_is_judged():
    reads = {name for name in dir(SqliteStore) if name.startswith(("get_", "list_", "_"))}
    others = set(dir(SqliteStore)) - reads - {"close"}
    assert others == set(WRITES)
