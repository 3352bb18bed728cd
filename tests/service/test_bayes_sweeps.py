"""A bayes sweep through the gateway: evidence with warm and cold caches."""

from __future__ import annotations

from dataclasses import replace

import pytest

SWEEP = {
    "method": "bayes",
    "seed": 11,
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}, "n": {"values": ["a", "b"]}},
}


def loss(config):
    return (config["x"] - 0.3) ** 2 + (config["n"] == "a")


def drive(backend, sweep, n_runs):
    configs = []
    for _ in range(n_runs):
        run = backend.ask(sweep).body
        configs.append(run["config"])
        backend.finish(run["id"], summary={"loss": loss(run["config"])})
    return configs


def test_bayes_learns_from_results(backend):
    sweep = backend.create(SWEEP)
    drive(backend, sweep, 20)
    best = backend.call("GET", f"/v1/sweeps/{sweep}/best").body
    assert best["best"] < 1e-3
    assert best["config"]["n"] == "b"


def test_a_warm_and_a_cold_function_suggest_the_same(backend):
    sweep = backend.create(SWEEP)
    drive(backend, sweep, 8)
    backend.clock.advance(1000)
    cold = replace(backend.services, configs={}, observations={}, offers={})
    warm_answer = backend.ask(sweep, key="first-key")
    store = backend.services.store
    store.delete(sweep, store.get_lease(sweep, 8))
    probe = backend.create(SWEEP)
    drive(backend, probe, 8)
    backend.clock.advance(1000)
    backend.services = cold
    assert backend.ask(probe).body["config"] == warm_answer.body["config"]


def test_runs_that_are_out_are_not_suggested_again(backend):
    sweep = backend.create(SWEEP)
    drive(backend, sweep, 8)
    out = [backend.ask(sweep).body["config"] for _ in range(6)]
    assert len({(config["x"], config["n"]) for config in out}) == 6


def test_every_ended_run_is_observed_once_however_it_ended(backend):
    sweep = backend.create(SWEEP)
    endings = [("finished", {"loss": 1.0}), ("failed", {}), ("killed", {"loss": "NaN"})]
    for state, summary in endings:
        run = backend.ask(sweep).body["id"]
        for _ in range(2):
            backend.finish(run, state=state, summary=summary)
    observed = backend.services.store.list_observations(sweep, 0.0)
    assert [(entry.index, entry.state.value) for entry in observed] == [
        (0, "finished"),
        (1, "failed"),
        (2, "killed"),
    ]
    assert backend.ask(sweep).status == 201


def test_a_finite_space_ends_when_every_config_was_tried(backend):
    config = {**SWEEP, "parameters": {"a": {"values": [1, 2, 3]}, "b": {"values": [True, False]}}}
    sweep = backend.create(config)
    seen = set()
    while (answer := backend.ask(sweep)).status == 201:
        seen.add((answer.body["config"]["a"], answer.body["config"]["b"]))
        backend.finish(answer.body["id"], summary={"loss": 1.0})
    assert answer.status == 410
    assert len(seen) == 6


def test_the_suggestion_says_why(backend):
    sweep = backend.create(SWEEP)
    drive(backend, sweep, 12)
    run = backend.ask(sweep).body["id"]
    assert backend.run(run)["suggestion"], "a bayes run carries its reason"


def test_an_update_keeps_what_was_learnt(backend):
    sweep = backend.create(SWEEP)
    drive(backend, sweep, 12)
    wider = {"x": {"min": -1.0, "max": 2.0}, "n": {"values": ["a", "b"]}}
    answer = backend.call(
        "PATCH", f"/v1/sweeps/{sweep}", {"config": {**SWEEP, "parameters": wider}}
    )
    assert answer.status == 200
    configs = drive(backend, sweep, 4)
    assert min(loss(config) for config in configs) < 0.1


def test_observations_outside_a_narrower_space_are_left_out(backend):
    sweep = backend.create(SWEEP)
    drive(backend, sweep, 10)
    narrow = {"x": {"min": 0.5, "max": 1.0}, "n": {"values": ["b", "c"]}}
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": {**SWEEP, "parameters": narrow}})
    for config in drive(backend, sweep, 6):
        assert 0.5 <= config["x"] <= 1.0
        assert config["n"] in ("b", "c")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", 1e300, -1e300, 0, True])
def test_no_value_stops_a_sweep(backend, value):
    sweep = backend.create(SWEEP)
    for _ in range(6):
        run = backend.ask(sweep)
        assert run.status == 201
        backend.report(run.body["id"], 1, 0, {"loss": value})
        assert backend.finish(run.body["id"], summary={"loss": value}).status == 200
    assert backend.ask(sweep).status == 201


def test_prior_runs_are_known_from_the_start(backend):
    first = backend.create(SWEEP)
    drive(backend, first, 12)
    prior = [run["id"] for run in backend.runs(first)]
    second = backend.create({**SWEEP, "seed": 5}, prior_runs=prior)
    assert len(backend.services.store.list_observations(second, 0.0)) == 12
    assert loss(drive(backend, second, 1)[0]) < 0.02, "the very first run is informed"
    fresh = backend.create({**SWEEP, "seed": 5})
    assert loss(drive(backend, fresh, 1)[0]) > 0.02


def test_prior_runs_that_do_not_fit_are_left_out_with_a_warning(backend):
    first = backend.create(SWEEP)
    drive(backend, first, 2)
    run = f"{first}-0"
    other = {**SWEEP, "parameters": {"y": {"min": 0.0, "max": 1.0}}}
    answer = backend.call("POST", "/v1/sweeps", {"config": other, "prior_runs": [run]})
    assert answer.status == 201
    assert [warning["path"] for warning in answer.body["warnings"]] == ["prior_runs"]
    metric = {**SWEEP, "metric": {"name": "other"}}
    answer = backend.call("POST", "/v1/sweeps", {"config": metric, "prior_runs": [run]})
    assert "no value of other" in answer.body["warnings"][0]["message"]
    grid = {"method": "grid", "parameters": {"n": {"values": [1, 2]}}}
    answer = backend.call("POST", "/v1/sweeps", {"config": grid, "prior_runs": [run]})
    assert "parameter 'n'" in answer.body["warnings"][0]["message"]
    endless = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    answer = backend.call("POST", "/v1/sweeps", {"config": endless, "prior_runs": [run]})
    assert "bayes" in answer.body["warnings"][0]["message"]


def test_prior_runs_that_do_not_exist_or_have_not_ended_are_refused(backend):
    first = backend.create(SWEEP)
    running = backend.ask(first).body["id"]
    names = [running, "nosuchid-0", "x"]
    answer = backend.call("POST", "/v1/sweeps", {"config": SWEEP, "prior_runs": names})
    assert answer.status == 422
    assert len(answer.body["errors"]) == 3
    answer = backend.call("POST", "/v1/sweeps", {"config": SWEEP, "prior_runs": [3]})
    assert answer.status == 400
