"""Updating a sweep's config: what applies to new runs, and what cannot change."""

from __future__ import annotations

import pytest
from watched_store import watch

GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}},
}


def update(backend, sweep, **changes):
    return backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": {**GRID, **changes}})


def take(backend, sweep, count=None):
    """Ask and finish up to ``count`` runs, or until the sweep has ended."""
    configs = []
    while count is None or len(configs) < count:
        answer = backend.ask(sweep)
        if answer.status == 410:
            break
        configs.append(answer.body["config"])
        backend.finish(answer.body["id"], answer.body["attempt"], summary={"loss": 1.0})
    return configs


def points(parameters):
    names = sorted(parameters)
    found = [{}]
    for name in names:
        found = [{**one, name: value} for one in found for value in parameters[name]["values"]]
    return found


def test_an_update_before_the_first_run_replaces_the_grid(backend):
    sweep = backend.create(GRID)
    parameters = {"c": {"values": [7, 8]}}
    assert update(backend, sweep, parameters=parameters).status == 200
    assert take(backend, sweep) == [{"c": 7}, {"c": 8}]


def test_added_values_hand_out_only_points_not_handed_out_before(backend):
    sweep = backend.create(GRID)
    before = take(backend, sweep, 3)
    wider = {"a": {"values": [0, 1, 2, 3]}, "b": {"values": ["x", "y", "z"]}}
    answer = update(backend, sweep, parameters=wider)
    assert (answer.status, answer.body["config_version"]) == (200, 2)
    after = take(backend, sweep)
    assert after == [point for point in points(wider) if point not in before]


def test_two_updates_in_a_row(backend):
    sweep = backend.create(GRID)
    seen = take(backend, sweep, 2)
    update(backend, sweep, parameters={"a": {"values": [3, 1, 9]}, "b": {"values": ["x", "y"]}})
    seen += take(backend, sweep, 2)
    final = {"a": {"values": [1, 3, 5, 9]}, "b": {"values": ["y", "x"]}}
    update(backend, sweep, parameters=final)
    rest = take(backend, sweep)
    assert rest == [point for point in points(final) if point not in seen]


def test_updating_an_exhausted_grid_resumes_it(backend):
    sweep = backend.create(GRID)
    take(backend, sweep)
    wider = {"a": {"values": [1, 2, 3, 4]}, "b": {"values": ["x", "y"]}}
    assert update(backend, sweep, parameters=wider).body["state"] == "running"
    assert take(backend, sweep) == [{"a": 4, "b": "x"}, {"a": 4, "b": "y"}]
    assert backend.get(sweep)["state"] == "finished"


def test_a_grid_without_new_points_ends(backend):
    sweep = backend.create(GRID)
    take(backend, sweep, 4)
    narrower = {"a": {"values": [1, 2]}, "b": {"values": ["x", "y"]}}
    assert update(backend, sweep, parameters=narrower).status == 200
    assert take(backend, sweep) == []
    assert backend.get(sweep)["state"] == "finished"


def test_a_finite_random_space_goes_on_without_what_was_drawn(backend):
    config = {"method": "random", "parameters": GRID["parameters"], "metric": {"name": "loss"}}
    sweep = backend.create({**config, "seed": 3})
    before = take(backend, sweep, 4)
    wider = {"a": {"values": [1, 2, 3, 4]}, "b": {"values": ["x", "y"]}}
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": {**config, "parameters": wider}})
    after = take(backend, sweep)
    assert len(after) == 4
    assert all(after.count(point) + before.count(point) == 1 for point in points(wider))


def test_runs_that_are_out_keep_their_config_and_come_back_with_it(backend):
    sweep = backend.create(GRID)
    out = backend.ask(sweep).body
    update(backend, sweep, parameters={"a": {"values": [9]}, "b": {"values": ["x"]}})
    backend.finish(out["id"], state="preempted")
    again = backend.ask(sweep).body
    assert (again["id"], again["config"], again["config_version"]) == (out["id"], out["config"], 1)


def test_run_cap_and_target_take_effect(backend):
    sweep = backend.create(GRID)
    take(backend, sweep, 2)
    assert update(backend, sweep, run_cap=1).status == 409
    assert update(backend, sweep, run_cap=3, metric={"name": "loss", "target": 0.5}).status == 200
    run = backend.ask(sweep).body["id"]
    backend.report(run, 1, 0, {"loss": 0.4})
    assert backend.get(sweep)["state"] == "finished"


def test_start_configs_are_not_run_twice(backend):
    start = [{"a": 3, "b": "y"}, {"a": 2, "b": "x"}]
    sweep = backend.create({**GRID, "start": start})
    assert take(backend, sweep, 1) == start[:1]
    assert update(backend, sweep, start=start).status == 200
    rest = take(backend, sweep)
    assert rest[0] == start[1]
    assert sorted(map(str, rest)) == sorted(
        str(point) for point in points(GRID["parameters"]) if point != start[0]
    )


def test_the_cap_can_grow_after_an_update_up_to_what_is_left(backend):
    sweep = backend.create({**GRID, "run_cap": 2})
    seen = take(backend, sweep)
    wider = {"a": {"values": [1, 2, 3, 4]}, "b": {"values": ["x", "y"]}}
    update(backend, sweep, parameters=wider, run_cap=2)
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"run_cap": 100})
    rest = take(backend, sweep)
    assert rest == [point for point in points(wider) if point not in seen]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"method": "random"}, "method"),
        ({"seed": 1}, "seed"),
    ],
)
def test_what_cannot_change_is_refused_by_name(backend, changes, path):
    sweep = backend.create({**GRID, "seed": 5})
    answer = update(backend, sweep, **changes)
    assert answer.status == 422
    assert [error["path"] for error in answer.body["errors"]] == [path]
    assert backend.get(sweep)["config_version"] == 1


def test_a_canceled_sweep_is_not_updated(backend):
    sweep = backend.create(GRID)
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "canceled"})
    assert update(backend, sweep).status == 409


@pytest.mark.parametrize(("before", "after"), [(None, 3), (5, 3), (5, None)])
def test_the_cap_of_the_newest_config_is_the_one_that_is_shown(backend, before, after):
    def config(run_cap):
        return {**GRID, "run_cap": run_cap} if run_cap else GRID

    sweep = backend.create(config(before))
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": config(after)})
    assert (answer.body["run_cap"], backend.get(sweep)["run_cap"]) == (after, after)
    assert len(take(backend, sweep)) == (after or 6)


def test_a_repeated_update_makes_one_version(backend):
    sweep = backend.create(GRID)
    parameters = {"a": {"values": [5, 6]}}
    versions = [
        update(backend, sweep, parameters=parameters).body["config_version"] for _ in range(3)
    ]
    assert versions == [2, 2, 2]


def test_one_and_true_are_different_configs(backend):
    sweep = backend.create({**GRID, "parameters": {"a": {"values": [1, 0]}}})
    update(backend, sweep, parameters={"a": {"values": [True, False]}})
    assert [type(config["a"]) for config in take(backend, sweep)] == [bool, bool]


def test_the_same_config_again_undoes_another_cap(backend):
    sweep = backend.create(GRID)
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"run_cap": 2})
    assert update(backend, sweep).body["run_cap"] is None
    assert len(take(backend, sweep)) == 6


def test_an_update_that_leaves_nothing_to_do_ends_the_sweep(backend):
    sweep = backend.create(GRID)
    take(backend, sweep, 4)
    narrower = {"a": {"values": [1, 2]}, "b": {"values": ["x", "y"]}}
    assert update(backend, sweep, parameters=narrower).body["state"] == "finished"


def test_the_newest_target_holds_for_runs_that_are_out(backend):
    sweep = backend.create({**GRID, "metric": {"name": "loss", "target": 0.1}})
    first, second = (backend.ask(sweep).body["id"] for _ in range(2))
    update(backend, sweep, metric={"name": "loss", "target": 0.01})
    backend.report(first, 1, 0, {"loss": 0.1})
    assert backend.get(sweep)["state"] == "running"
    update(backend, sweep, metric={"name": "loss", "target": 0.2})
    backend.report(second, 1, 0, {"loss": 0.2})
    assert backend.get(sweep)["state"] == "finished"


def test_an_update_that_asks_overtake_says_what_to_do(backend):
    sweep = backend.create({"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}})
    wider = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 2.0}}}
    store = backend.services.store
    watch(backend, lambda name: name == "save SweepStatus" and store.claim_index(sweep))
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": wider})
    assert (answer.status, "pause" in answer.body["detail"]) == (503, True)
    assert answer.headers["Retry-After"]


def test_an_update_of_an_endless_space_reads_no_runs(backend):
    config = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }
    sweep = backend.create(config)
    take(backend, sweep, 3)
    calls = []
    watch(backend, calls.append)
    changed = {**config, "lease_seconds": 60}
    assert backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": changed}).status == 200
    assert backend.ask(sweep).status == 201
    assert "list_runs" not in calls
