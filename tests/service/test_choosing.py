"""Choosing: claims of points that are void or in doubt, and concurrent updates."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from watched_store import WatchedStore, watch

from sweep_service.operations.ask import HandOut, ask
from sweep_service.operations.choosing import choose
from sweep_service.operations.services import Services
from sweep_service.protocol.leases import Requester
from sweep_service.search import registry

POINTS = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "seed": 3,
    "parameters": {"a": {"values": [1, 2, 3]}},
}


def names(values):
    """What the points of these values of ``a`` are called."""
    return [f"{value - 1:x}" for value in values]


def take(backend, sweep):
    """Ask and finish until the sweep has ended; the values of ``a``."""
    values = []
    while (answer := backend.ask(sweep)).status == 201:
        values.append(answer.body["config"]["a"])
        backend.finish(answer.body["id"], answer.body["attempt"], summary={"loss": values[-1]})
    assert answer.status == 410, answer.body
    return values


def other_services(backend):
    """Those of another function at work on the same store."""
    return Services(store=backend.services.store, clock=backend.clock, rng=random.Random(1))


def claim_index(backend, sweep):
    """An ask that dies right after it has taken an index, which becomes a hole."""
    return backend.services.store.claim_index(sweep)[0]


@pytest.mark.parametrize("value", [1, 2, 3])
def test_a_claim_that_an_interrupted_ask_left_is_not_lost(backend, value):
    sweep = backend.create(POINTS)
    index = claim_index(backend, sweep)
    backend.services.store.claim_point(sweep, 1, *names([value]), index)
    assert sorted(take(backend, sweep)) == [1, 2, 3]


def test_claims_of_an_index_that_has_another_point_are_taken_over(backend):
    sweep = backend.create(POINTS)
    run = backend.ask(sweep).body
    others = {1, 2, 3} - {run["config"]["a"]}
    for name in names(others):
        backend.services.store.claim_point(sweep, 1, name, 0)
    assert backend.finish(run["id"], summary={"loss": 1.0}).status == 200
    assert sorted(take(backend, sweep)) == sorted(others)
    assert sorted(backend.services.store.list_points(sweep, 1).values()) == [0, 1, 2]


def test_claims_of_a_lease_whose_run_is_not_written_count_by_its_unit_vector(backend):
    store = backend.services.store
    sweep = backend.create(POINTS)
    dying = WatchedStore(store, lambda name: name == "save Run" and _die())
    with pytest.raises(InterruptedError):
        ask(replace(backend.services, store=dying), sweep, Requester("dying", "a", "h", ""))
    (lease,) = store.list_leases(sweep)
    (chosen,) = store.list_points(sweep, 1)
    for name in {*names([1, 2, 3])} - {chosen}:
        store.claim_point(sweep, 1, name, lease.index)
    backend.clock.advance(1000)
    run = backend.ask(sweep).body  # suspects the lease as well
    backend.finish(run["id"], summary={"loss": 1.0})
    backend.clock.advance(100)
    values = [run["config"]["a"], *take(backend, sweep)]
    assert sorted(values) == [1, 2, 3]


def _die():
    raise InterruptedError


@pytest.mark.parametrize("value", [1, 2, 3])
def test_a_claim_in_doubt_is_left_alone_while_there_are_other_points(backend, value):
    sweep = backend.create(POINTS)
    index = claim_index(backend, sweep)
    (name,) = names([value])
    backend.services.store.claim_point(sweep, 1, name, index)
    values = {backend.ask(sweep).body["config"]["a"] for _ in range(2)}
    assert values == {1, 2, 3} - {value}
    assert backend.services.store.list_points(sweep, 1)[name] == index


def test_while_all_points_left_are_in_doubt_nothing_is_chosen(backend):
    store = backend.services.store
    sweep = backend.create(POINTS)
    in_doubt, asking = claim_index(backend, sweep), claim_index(backend, sweep)
    for name in names([1, 2, 3]):
        store.claim_point(sweep, 1, name, in_doubt)
    chosen = choose(other_services(backend), sweep, store.get_status(sweep), (), asking)
    assert chosen is None
    assert sorted(take(backend, sweep)) == [1, 2, 3]


def test_an_update_leaves_out_what_asks_under_way_have_chosen(backend):
    """An ask waits before each of its writes while the space is changed."""
    wider = {**POINTS, "parameters": {"a": {"values": [1, 2, 3, 4]}}}
    for method in ("claim_point", "save Lease", "save Run"):
        sweep = backend.create(POINTS)
        store, is_done = backend.services.store, []

        def update(name, method=method, sweep=sweep, is_done=is_done):
            if name == method and not is_done:
                is_done.append(True)
                answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": wider})
                assert answer.status == 200, answer.body

        watch(backend, update)
        first = backend.ask(sweep).body
        backend.services = replace(backend.services, store=store)
        assert is_done
        backend.finish(first["id"], first["attempt"], summary={"loss": 1.0})
        assert sorted([first["config"]["a"], *take(backend, sweep)]) == [1, 2, 3, 4], method


def test_points_of_start_configs_are_kept_for_them(backend):
    start = [{"a": 2}, {"a": 3}]
    sweep = backend.create({**POINTS, "start": start})
    store = backend.services.store
    for _ in start:
        claim_index(backend, sweep)  # asks for both are at work
    last = choose(other_services(backend), sweep, *_third(backend, sweep))
    assert last is not None
    assert last.config == {"a": 1}
    assert store.list_points(sweep, 1) == {"0": 2}


def _third(backend, sweep):
    index = claim_index(backend, sweep)
    return backend.services.store.get_status(sweep), (), index


def test_runs_before_points_were_claimed_count(backend):
    """A sweep whose first runs an earlier version handed out, without claims."""
    sweep = backend.create({**POINTS, "parameters": {"a": {"values": [1, 2, 3, 4, 5]}}})
    before = [backend.ask(sweep).body for _ in range(2)]
    with backend.services.store._database.write() as connection:
        connection.execute("DELETE FROM points")
    for run in before:
        backend.finish(run["id"], summary={"loss": run["config"]["a"]})
    values = [run["config"]["a"] for run in before] + take(backend, sweep)
    assert sorted(values) == [1, 2, 3, 4, 5]


def test_in_an_endless_space_a_run_that_was_opened_meanwhile_is_avoided(backend):
    config = {
        "method": "random",
        "seed": 3,
        "parameters": {"x": {"distribution": "q_normal", "mu": 0, "sigma": 1, "q": 1}},
    }
    sweep = backend.create(config)
    store, seen = backend.services.store, []

    def intrude(name):
        """Another ask comes between the first look at the leases and the lease of this one."""
        if name == "save Lease" and not seen:
            seen.append(True)
            for number in range(4):
                answer = ask(other_services(backend), sweep, Requester(f"o{number}", "a", "h", ""))
                assert isinstance(answer, HandOut)

    watch(backend, intrude)
    assert backend.ask(sweep).status == 201
    backend.services = replace(backend.services, store=store)
    values = [run["config"]["x"] for run in backend.runs(sweep)]
    assert len(values) == len(set(values)) == 5


def test_reconciling_needs_no_search_method(backend, monkeypatch):
    """As in a function without numpy, where runs are finished."""
    sweep = backend.create({**POINTS, "start": [{"a": 2}]})
    for _ in range(2):
        claim_index(backend, sweep)
    run = backend.ask(sweep).body
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_bayes", lambda: pytest.fail("a model was made"))
        assert backend.finish(run["id"], summary={"loss": 1.0}).status == 200
    points = {lease.index: lease.unit for lease in backend.services.store.list_leases(sweep)}
    assert points[0] == (0.5,)
    assert sorted([run["config"]["a"], *take(backend, sweep)]) == [1, 2, 3]
