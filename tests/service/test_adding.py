"""Points that people add: handed out next, exactly once, by every search method."""

from __future__ import annotations

import pytest
from watched_store import watch

from sweep_service.operations.ask import ask
from sweep_service.protocol.leases import Requester

FINITE = {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}, "c": {"value": 7}}
ENDLESS = {"lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0}, "c": {"value": 7}}
#: Enough weighted combinations for a random search to claim its points.
SKEWED = {f"p{n}": {"values": [0, 1], "probabilities": [0.9, 0.1]} for n in range(16)}


def create(backend, method="grid", parameters=FINITE, **more):
    return backend.create(
        {"method": method, "metric": {"name": "loss"}, "parameters": parameters, "seed": 5, **more}
    )


def add(backend, sweep, *configs, status=201, **more):
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/points", {"configs": configs, **more})
    assert answer.status == status, answer.body
    return answer.body


def play(backend, sweep):
    """Hand out and finish runs until the sweep has ended; their configs in this order."""
    configs = []
    while True:
        run = backend.ask(sweep)
        if run.status == 410:
            return configs
        assert run.status == 201, run.body
        configs.append(run.body["config"])
        value = float(len(configs))
        assert backend.finish(run.body["id"], summary={"loss": value}).status == 200


def takes(backend, sweep, count=1):
    return [backend.ask(sweep).body["config"] for _ in range(count)]


def all_points():
    return [{"a": a, "b": b, "c": 7} for a in (1, 2, 3) for b in ("x", "y")]


def of(configs):
    return sorted(map(str, configs))


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
@pytest.mark.parametrize("n_before", [0, 2])
def test_in_a_finite_space_a_point_is_handed_out_next_and_only_once(backend, method, n_before):
    sweep = create(backend, method)
    before = takes(backend, sweep, n_before)
    left = [point for point in all_points() if point not in before]
    wanted = [left[-1], left[1]]
    answer = add(backend, sweep, *wanted)
    assert [point["config"] for point in answer["points"]] == wanted
    assert [point["id"] for point in answer["points"]] == [
        f"{sweep}-{n_before}",
        f"{sweep}-{n_before + 1}",
    ]
    after = takes(backend, sweep, 2)
    assert after == wanted
    rest = takes(backend, sweep, 4 - n_before)
    assert of([*before, *after, *rest]) == of(all_points())


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_in_an_endless_space_the_values_are_exactly_those_that_were_given(backend, method):
    sweep = create(backend, method, ENDLESS)
    takes(backend, sweep)
    rates = [0.1, 0.3, 1 / 3, 1e-5, 1.0]
    add(backend, sweep, *({"lr": rate} for rate in rates))
    assert [config["lr"] for config in takes(backend, sweep, 5)] == rates
    reasons = {run["suggestion"].get("reason") for run in backend.runs(sweep)[1:6]}
    assert reasons == {"added by hand"}
    assert takes(backend, sweep)[0]["lr"] not in rates


def test_a_search_that_claims_points_knows_the_added_ones(backend):
    sweep = create(backend, "random", SKEWED, run_cap=20)
    rare = dict.fromkeys(SKEWED, 1)
    takes(backend, sweep, 3)
    add(backend, sweep, rare)
    assert takes(backend, sweep) == [rare]
    assert rare not in takes(backend, sweep, 10)


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_a_repeat_changes_nothing(backend, method):
    sweep = create(backend, method)
    point = {"a": 3, "b": "y"}
    assert add(backend, sweep, point, point)["n_added"] == 1
    version = backend.get(sweep)["config_version"]
    again = add(backend, sweep, point)
    assert (again["n_added"], again["points"][0]["id"]) == (0, None)
    assert takes(backend, sweep) == [{**point, "c": 7}]
    assert add(backend, sweep, point)["n_added"] == 0  # it has been handed out
    assert backend.get(sweep)["config_version"] == version


def test_a_lost_reply_and_its_repeat_add_a_point_once(backend):
    sweep = create(backend)
    store = backend.services.store
    seen = []

    def die(name):
        seen.append(name)
        if name == "save SweepStatus" and len(seen) < 99:
            raise RuntimeError("the backend dies here")

    watch(backend, die)
    body = {"configs": [{"a": 3, "b": "y"}]}
    assert backend.call("POST", f"/v1/sweeps/{sweep}/points", body).status == 500
    from dataclasses import replace

    backend.services = replace(backend.services, store=store)
    add(backend, sweep, {"a": 3, "b": "y"})
    add(backend, sweep, {"a": 3, "b": "y"})
    configs = play(backend, sweep)
    assert configs[0] == {"a": 3, "b": "y", "c": 7}
    assert of(configs) == of(all_points())


def test_a_claim_meanwhile_is_not_overtaken(backend):
    """An agent asks between the reading of the sweep and the saving of the points."""
    sweep = create(backend)
    services, asked = backend.services, []

    def meanwhile(name):
        if name == "add_config_version" and not asked:
            requester = Requester("the-other-key", "agent", "host", "")
            asked.append(ask(services, sweep, requester).config)

    watch(backend, meanwhile)
    answer = add(backend, sweep, {"a": 1, "b": "x"}, {"a": 3, "b": "y"})
    backend.services = services
    assert asked == [{"a": 1, "b": "x", "c": 7}]
    assert [point["id"] for point in answer["points"]] == [None, f"{sweep}-1"]
    assert takes(backend, sweep) == [{"a": 3, "b": "y", "c": 7}]
    assert len(takes(backend, sweep, 4)) == 4


def test_those_in_front_come_before_those_that_wait(backend):
    sweep = create(backend, start=[{"a": 1, "b": "y"}])
    add(backend, sweep, {"a": 2, "b": "x"})
    add(backend, sweep, {"a": 2, "b": "y"})
    first = add(backend, sweep, {"a": 3, "b": "y"}, front=True)
    assert first["points"][0]["id"] == f"{sweep}-0"
    found = [(config["a"], config["b"]) for config in play(backend, sweep)]
    assert found[:4] == [(3, "y"), (2, "x"), (2, "y"), (1, "y")]
    assert len(set(found)) == len(found) == 6


def test_a_point_that_the_file_starts_with_moves_to_the_front(backend):
    sweep = create(backend, start=[{"a": 1, "b": "y"}, {"a": 3, "b": "x"}])
    add(backend, sweep, {"a": 3, "b": "x"})
    found = [(config["a"], config["b"]) for config in play(backend, sweep)]
    assert found[:2] == [(3, "x"), (1, "y")]
    assert len(set(found)) == len(found) == 6


def test_points_that_wait_stay_when_the_config_is_updated(backend):
    sweep = create(backend)
    add(backend, sweep, {"a": 3, "b": "y"}, {"a": 2, "b": "y"})
    takes(backend, sweep)
    wider = {**FINITE, "a": {"values": [1, 2, 3, 4]}}
    config = {"method": "grid", "metric": {"name": "loss"}, "parameters": wider, "seed": 5}
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": config})
    assert answer.status == 200
    (first, *others) = [(c["a"], c["b"]) for c in takes(backend, sweep, 7)]
    assert first == (2, "y")
    assert len({(3, "y"), first, *others}) == 8


def test_points_outside_of_a_new_space_are_left_out_with_a_warning(backend):
    sweep = create(backend)
    add(backend, sweep, {"a": 3, "b": "y"}, {"a": 2, "b": "y"})
    narrower = {**FINITE, "a": {"values": [1, 2]}}
    config = {"method": "grid", "metric": {"name": "loss"}, "parameters": narrower, "seed": 5}
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": config})
    assert "no longer contains 1 added point" in str(answer.body["warnings"])
    found = [(c["a"], c["b"]) for c in play(backend, sweep)]
    assert found == [(2, "y"), (1, "x"), (1, "y"), (2, "x")]


def test_an_agent_that_dies_with_an_added_point_gives_it_back(backend, clock):
    sweep = create(backend, "bayes", ENDLESS, lease_seconds=30)
    takes(backend, sweep)
    add(backend, sweep, {"lr": 0.1})
    store = backend.services.store

    def die(name):
        if name == "save Run":
            raise RuntimeError("the backend dies here")

    watch(backend, die)
    assert backend.ask(sweep, key="the-key-that-died").status == 500
    from dataclasses import replace

    backend.services = replace(backend.services, store=store)
    assert add(backend, sweep, {"lr": 0.1})["n_added"] == 0  # a lease has it
    again = backend.ask(sweep, key="the-key-that-died").body
    assert (again["index"], again["config"]["lr"]) == (1, 0.1)
    clock.advance(31)
    backend.ask(sweep)
    clock.advance(31)
    taken = [backend.ask(sweep).body for _ in range(2)]
    assert {"lr": 0.1, "c": 7} in [run["config"] for run in taken if run["index"] == 1]


def test_a_point_that_was_imported_counts_as_done(backend):
    sweep = create(backend)
    results = [{"config": {"a": 3, "b": "y"}, "value": 1.0}]
    backend.call("POST", f"/v1/sweeps/{sweep}/results", {"results": results})
    assert add(backend, sweep, {"a": 3, "b": "y"})["n_added"] == 0
    add(backend, sweep, {"a": 2, "b": "y"})
    results = [{"config": {"a": 2, "b": "y"}, "value": 1.0}]
    backend.call("POST", f"/v1/sweeps/{sweep}/results", {"results": results})
    assert len(play(backend, sweep)) == 4


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"a": 9, "b": "x"}, "configs[0].a: found 9"),
        ({"aa": 1}, "did you mean 'a'"),
        ({"a": 1, "b": "x", "c": 8}, "configs[0].c"),
        ("text", "needs a map"),
    ],
)
def test_a_point_outside_of_the_space_is_refused_in_words(backend, config, said):
    sweep = create(backend)
    body = add(backend, sweep, config, {"a": 1, "b": "z"}, status=422)
    texts = [f"{error['path']}: {error['message']}" for error in body["errors"]]
    assert said in " ".join(texts)
    assert any("configs[1].b" in text for text in texts)
    assert takes(backend, sweep) == [{"a": 1, "b": "x", "c": 7}]


def test_values_that_are_left_out_are_filled_in_with_a_warning(backend):
    sweep = create(backend)
    answer = add(backend, sweep, {"a": 3})
    assert answer["points"][0]["config"] == {"a": 3, "b": "x", "c": 7}
    assert "gives no b" in str(answer["warnings"])


def test_what_would_not_be_handed_out_is_refused(backend):
    sweep = create(backend, "random", ENDLESS, run_cap=2)
    takes(backend, sweep)
    body = add(backend, sweep, {"lr": 0.1}, {"lr": 0.2}, status=409)
    assert "room for 1 of 2 points" in body["detail"]
    assert add(backend, sweep, {"lr": 0.1})["n_added"] == 1
    assert takes(backend, sweep) == [{"lr": 0.1, "c": 7}]
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "canceled"})
    assert "canceled" in add(backend, sweep, {"lr": 0.2}, status=409)["detail"]
    backend.call("DELETE", f"/v1/sweeps/{sweep}")
    add(backend, sweep, {"lr": 0.2}, status=404)


def test_points_of_a_paused_or_stopped_sweep_wait_until_it_is_resumed(backend):
    sweep = create(backend, "random", ENDLESS)
    for state in ("paused", "finished"):
        backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": state})
        rate = 0.1 if state == "paused" else 0.2
        assert add(backend, sweep, {"lr": rate})["sweep_state"] == state
        backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "running"})
        assert takes(backend, sweep) == [{"lr": rate, "c": 7}]


def test_with_replacement_a_point_may_come_again_by_itself(backend):
    sweep = create(backend, "random", FINITE, replacement=True, run_cap=40)
    add(backend, sweep, {"a": 3, "b": "y"})
    configs = play(backend, sweep)
    assert configs[0] == {"a": 3, "b": "y", "c": 7}
    assert configs[0] in configs[1:]


def test_many_additions_in_a_row_keep_their_order(backend):
    sweep = create(backend, "bayes", ENDLESS)
    rates = [0.01 * n for n in range(1, 9)]
    for rate in rates:
        add(backend, sweep, {"lr": rate})
    assert [config["lr"] for config in takes(backend, sweep, 8)] == rates


@pytest.mark.parametrize("body", [{}, {"configs": []}, {"configs": {}}, {"configs": [{}], "x": 1}])
def test_a_request_that_makes_no_sense_is_refused(backend, body):
    sweep = create(backend)
    assert backend.call("POST", f"/v1/sweeps/{sweep}/points", body).status == 400


def test_a_sweep_has_a_bound_on_how_often_points_are_added(backend, monkeypatch):
    monkeypatch.setattr("sweep_service.operations.adding._MOST_VERSIONS", 3)
    sweep = create(backend, "random", ENDLESS)
    for rate in (0.1, 0.2):
        add(backend, sweep, {"lr": rate})
    assert "one request" in add(backend, sweep, {"lr": 0.3}, status=409)["detail"]
