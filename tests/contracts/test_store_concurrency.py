"""Contract: with concurrent threads and processes, each race has one winner, no update is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from crowds import Crowd
from store_kinds import KINDS
from store_samples import SWEEP, a_lease, a_live, a_run, add_sweep, an_outcome

from sweep_service.errors import Exhausted, Stale
from sweep_service.model.records.entries import BandValue
from sweep_service.operations.saving import update
from sweep_service.protocol.runs import end
from sweep_service.storage.store import Store

N_INDICES = 25
N_UPDATES = 15

CROWDS = [(kind, "threads") for kind in KINDS if kind.bears_threads] + [
    (kind, "processes") for kind in KINDS if kind.bears_processes
]

pytestmark = pytest.mark.parametrize(
    ("kind", "workers"),
    CROWDS,
    indirect=["kind"],
    ids=[f"{kind.name}-{workers}" for kind, workers in CROWDS],
)


def key_of(worker: int) -> str:
    return f"key-{worker}"


# Jobs: what each worker of a crowd does. Functions of the module, so that processes find them.


def claim_all(store: Store, worker: int) -> list[int]:
    return list(claims(store))


def open_leases(store: Store, worker: int) -> list[int]:
    return won(lambda i: store.save(SWEEP, None, a_lease(i, key=key_of(worker))))


def take_leases(store: Store, worker: int) -> list[int]:
    def take(index: int) -> None:
        seen = a_lease(index, suspect_at=1400.0)
        store.save(SWEEP, seen, a_lease(index, attempt=2, key=key_of(worker)))

    return won(take)


def create_runs(store: Store, worker: int) -> list[int]:
    return won(lambda i: store.save(SWEEP, None, a_run(i, key=key_of(worker))))


def advance_runs(store: Store, worker: int) -> list[int]:
    return won(lambda i: store.save(SWEEP, a_run(i), a_run(i, attempt=2, key=key_of(worker))))


def end_runs(store: Store, worker: int) -> list[tuple[int, int | None]]:
    outcome = an_outcome(exit_code=worker)
    ended = [
        update(store, SWEEP, a_run(index), lambda run: end(run, 1, 0, outcome))
        for index in range(N_INDICES)
    ]
    return [(run.index, run.outcome.exit_code) for run in ended if run.outcome is not None]


def change_limits(store: Store, worker: int) -> int:
    n_tries = 0
    for _ in range(N_UPDATES):
        while True:
            n_tries += 1
            seen = store.get_status(SWEEP)
            try:
                # A cap of its own, for nobody must take another's write for theirs.
                store.save(SWEEP, seen, replace(seen, run_cap=1000 * worker + n_tries))
                break
            except Stale:
                continue
    return n_tries


def report_in_turn(store: Store, worker: int) -> list[int]:
    """Each worker counts values of its own; all that were counted."""
    counted = []
    lease = store.get_lease(SWEEP, 0)
    for n in range(N_UPDATES):
        while lease is not None:
            n_values = lease.live.n_values + 1
            live = a_live(n_values, n_values=n_values)
            name = f"{worker}-{n}"
            try:
                lease = store.save(SWEEP, lease, replace(lease, live=live, slot=name))
            except Stale as conflict:
                lease = conflict.stored
                continue
            counted.append(n_values)
            break
    return counted


def append_bands(store: Store, worker: int) -> None:
    for n in range(N_UPDATES):
        attempt = (7 * n + worker) % N_UPDATES
        store.append(SWEEP, 0, BandValue(0, attempt, float(attempt)))


def work_as_agent(store: Store, worker: int) -> list[int]:
    done = []
    for index in claims(store):
        key = f"{key_of(worker)}-{index}"
        store.list_leases(SWEEP)
        lease = store.save(SWEEP, None, a_lease(index, key=key))
        run = store.save(SWEEP, None, a_run(index, key=key))
        lease = store.save(SWEEP, lease, replace(lease, live=a_live()))
        store.save(SWEEP, run, replace(run, outcome=an_outcome(exit_code=worker)))
        store.delete(SWEEP, lease)
        done.append(index)
    return done


def claims(store: Store) -> Iterator[int]:
    while (index := claim(store)) is not None:
        yield index


def claim(store: Store) -> int | None:
    try:
        return store.claim_index(SWEEP)[0]
    except Exhausted:
        return None


def won(attempt: Callable[[int], object]) -> list[int]:
    """The indices for which nobody else was faster."""
    indices = []
    for index in range(N_INDICES):
        try:
            attempt(index)
        except Stale:
            continue
        indices.append(index)
    return indices


def winners(results: list[list[int]]) -> dict[int, str]:
    """Index -> the key of the one worker that won it."""
    counts = Counter(index for result in results for index in result)
    assert counts == dict.fromkeys(range(N_INDICES), 1)
    return {index: key_of(worker) for worker, won in enumerate(results) for index in won}


def test_no_index_twice_and_none_above_the_limit(store: Store, crowd: Crowd) -> None:
    add_sweep(store, limit=150)
    claimed = [index for result in crowd(claim_all) for index in result]
    assert sorted(claimed) == list(range(150))
    assert store.get_status(SWEEP).next_index == 150


def test_one_opens_a_lease(store: Store, crowd: Crowd) -> None:
    won_by = winners(crowd(open_leases))
    assert {lease.index: lease.key for lease in store.list_leases(SWEEP)} == won_by


def test_one_takes_a_lease(store: Store, crowd: Crowd) -> None:
    for index in range(N_INDICES):
        store.save(SWEEP, None, a_lease(index, suspect_at=1400.0))
    won_by = winners(crowd(take_leases))
    assert {lease.index: lease.key for lease in store.list_leases(SWEEP)} == won_by


def test_one_creates_a_run(store: Store, crowd: Crowd) -> None:
    won_by = winners(crowd(create_runs))
    assert {run.index: run.key for run in store.list_runs(SWEEP, 0, 100)} == won_by


def test_one_advances_a_run(store: Store, crowd: Crowd) -> None:
    for index in range(N_INDICES):
        store.save(SWEEP, None, a_run(index))
    won_by = winners(crowd(advance_runs))
    assert {run.index: run.key for run in store.list_runs(SWEEP, 0, 100)} == won_by


def test_one_ends_a_run_and_all_hear_how(store: Store, crowd: Crowd) -> None:
    for index in range(N_INDICES):
        store.save(SWEEP, None, a_run(index))
    reported = {tuple(result) for result in crowd(end_runs)}
    runs = store.list_runs(SWEEP, 0, 100)
    assert reported == {tuple((run.index, run.outcome and run.outcome.exit_code) for run in runs)}


def test_no_change_is_lost(store: Store, crowd: Crowd) -> None:
    add_sweep(store)
    n_workers = len(crowd(change_limits))
    assert store.get_status(SWEEP).change == n_workers * N_UPDATES


def test_no_report_is_lost(store: Store, crowd: Crowd) -> None:
    store.save(SWEEP, None, a_lease())
    counted = [n_values for result in crowd(report_in_turn) for n_values in result]
    stored = store.get_lease(SWEEP, 0)
    assert stored is not None
    n_reports = len(counted)
    first = a_lease().live.n_values + 1
    assert sorted(counted) == list(range(first, first + n_reports))
    assert (stored.live.n_values, stored.change) == (max(counted), n_reports)


def test_the_newest_attempt_is_at_a_band(store: Store, crowd: Crowd) -> None:
    crowd(append_bands)
    assert store.list_band(SWEEP, 0) == {0: float(N_UPDATES - 1)}


def test_agents_share_a_sweep(store: Store, crowd: Crowd) -> None:
    add_sweep(store, limit=60)
    results = crowd(work_as_agent)
    done_by = {index: worker for worker, indices in enumerate(results) for index in indices}
    runs = store.list_runs(SWEEP, 0, 100)
    assert {run.index: run.outcome and run.outcome.exit_code for run in runs} == done_by
    assert sorted(done_by) == list(range(60))
    assert store.list_leases(SWEEP) == []
