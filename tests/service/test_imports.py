"""Importing results from elsewhere."""

from __future__ import annotations

import pytest
from watched_store import watch

LISTED = {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}, "k": {"value": 7}}
RESULTS = [
    {"config": {"a": 1, "b": "x"}, "value": 0.5},
    {"config": {"a": 2, "b": "y", "k": 7}, "value": 0.25},
]


def config_of(method, parameters=None, **keys):
    parameters = parameters or LISTED
    metric = {"name": "loss"}
    return {"method": method, "metric": metric, "seed": 3, "parameters": parameters, **keys}


def bring(backend, sweep, results, **query):
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/results", {"results": results}, query)
    assert answer.status == 200, answer.body
    return answer.body


def numbers(body):
    return tuple(body[name] for name in ("observed", "done", "known", "n_left_out"))


def take(backend, sweep):
    points = []
    while (answer := backend.ask(sweep)).status == 201:
        run = answer.body
        points.append((run["config"]["a"], run["config"]["b"]))
        backend.finish(run["id"], run["attempt"], summary={"loss": float(len(points))})
    assert answer.status == 410, answer.body
    return sorted(points)


ALL = sorted((a, b) for a in (1, 2, 3) for b in "xy")
OTHERS = [point for point in ALL if point not in [(1, "x"), (2, "y")]]


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
class TestFiniteSpaces:
    def test_their_points_are_done(self, backend, method):
        sweep = backend.create(config_of(method))
        assert numbers(bring(backend, sweep, RESULTS)) == (2 * (method == "bayes"), 2, 0, 0)
        assert take(backend, sweep) == OTHERS
        assert backend.get(sweep)["state"] == "finished"

    def test_importing_again_changes_nothing(self, backend, method):
        sweep = backend.create(config_of(method))
        bring(backend, sweep, RESULTS)
        version = backend.get(sweep)["config_version"]
        assert numbers(bring(backend, sweep, RESULTS)) == (0, 0, 2, 0)
        assert backend.get(sweep)["config_version"] == version
        assert take(backend, sweep) == OTHERS

    def test_between_runs_and_after_an_update(self, backend, method):
        sweep = backend.create(config_of(method))
        first = backend.ask(sweep).body
        own = (first["config"]["a"], first["config"]["b"])
        bring(backend, sweep, RESULTS)
        change = {"config": config_of(method, lease_seconds=60)}
        assert backend.call("PATCH", f"/v1/sweeps/{sweep}", change).status == 200
        backend.finish(first["id"], summary={"loss": 1.0})
        rest = take(backend, sweep)
        assert rest == [point for point in OTHERS if point != own]

    def test_a_dry_run_stores_nothing(self, backend, method):
        sweep = backend.create(config_of(method))
        reported = bring(backend, sweep, RESULTS, dry_run="true")
        assert numbers(reported) == (2 * (method == "bayes"), 2, 0, 0)
        assert take(backend, sweep) == ALL

    def test_all_points_end_the_sweep(self, backend, method):
        sweep = backend.create(config_of(method))
        results = [{"config": {"a": a, "b": b}, "value": 1.0} for a, b in ALL]
        assert bring(backend, sweep, results)["done"] == 6
        assert take(backend, sweep) == []

    def test_what_does_not_fit_is_left_out_with_its_place(self, backend, method):
        sweep = backend.create(config_of(method))
        odd = [
            {"config": {"a": 9, "b": "x"}, "value": 0.5},
            {"config": {"a": 1}, "value": 0.5},
            {"config": {"a": 1, "b": "x", "k": 8}, "value": 0.5},
        ]
        reported = bring(backend, sweep, [*RESULTS, *odd])
        assert (reported["done"], reported["n_left_out"]) == (2, 3)
        assert [entry["place"] for entry in reported["left_out"]] == [2, 3, 4]
        for entry, name in zip(reported["left_out"], "abk", strict=True):
            assert f"parameter '{name}'" in entry["reason"]

    def test_an_import_while_others_ask(self, backend, method):
        sweep = backend.create(config_of(method))
        asked = []

        def intrude(name):
            if name == "save SweepStatus" and not asked:
                asked.append(True)
                backend.services.store.claim_index(sweep)

        store = backend.services.store
        watch(backend, intrude)
        assert bring(backend, sweep, RESULTS)["done"] in (1, 2)
        assert store.get_status(sweep).next_index == 1
        assert len(set(take(backend, sweep))) in (4, 5)


def test_observations_inform_bayes_in_an_endless_space(backend):
    config = config_of("bayes", {"x": {"min": 0.0, "max": 1.0}})
    sweep = backend.create(config)
    results = [{"config": {"x": n / 10}, "value": abs(n / 10 - 0.7)} for n in range(11)]
    assert numbers(bring(backend, sweep, [*results, results[0]])) == (12, 0, 0, 0)
    assert numbers(bring(backend, sweep, results)) == (0, 0, 11, 0)
    run = backend.ask(sweep).body
    assert backend.run(run["id"])["suggestion"]["observations"] == 12
    assert abs(run["config"]["x"] - 0.7) < 0.15


def test_a_diverged_result_is_taken_and_one_without_value_is_not(backend):
    sweep = backend.create(config_of("bayes"))
    results = [{"config": {"a": 1, "b": "x"}, "value": "NaN"}, {"config": {"a": 1, "b": "y"}}]
    assert numbers(bring(backend, sweep, results)) == (1, 1, 0, 1)


def test_a_grid_takes_results_without_a_value(backend):
    sweep = backend.create(config_of("grid"))
    assert bring(backend, sweep, [{"config": {"a": 1, "b": "x"}}])["done"] == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (config_of("random", {"x": {"min": 0.0, "max": 1.0}}), "with infinitely many points"),
        (config_of("grid"), "canceled"),
    ],
)
def test_sweeps_that_can_make_nothing_of_them_refuse(backend, config, words):
    sweep = backend.create(config)
    if words == "canceled":
        backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "canceled"})
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/results", {"results": RESULTS})
    assert answer.status == 409
    assert words in answer.body["detail"]


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([3], 400),
        ([{"config": {}, "valu": 1}], 400),
        ([{"config": 3}], 400),
        ([{"config": {}, "value": "much"}], 400),
        ([{"config": {}, "value": True}], 400),
        ([{"config": {}}] * 5001, 413),
        (7, 400),
    ],
)
def test_malformed_results_are_refused(backend, results, status):
    sweep = backend.create(config_of("grid"))
    answer = backend.call("POST", f"/v1/sweeps/{sweep}/results", {"results": results})
    assert answer.status == status
