"""Points of finite spaces: exhaustion, points done elsewhere, and the cost of updates."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from watched_store import watch

from sweep_service.model.records.records import Taken
from sweep_service.operations.services import Services
from sweep_service.search import random_search

LISTED = {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}}
METHODS = ["grid", "random", "bayes"]


def config_of(method, parameters=None, **keys):
    parameters = parameters or LISTED
    return {
        "method": method,
        "metric": {"name": "loss"},
        "seed": 3,
        "parameters": parameters,
        **keys,
    }


def take(backend, sweep, count=None):
    """Ask and finish up to ``count`` runs, or until the sweep has ended; their configs."""
    configs = []
    while count is None or len(configs) < count:
        answer = backend.ask(sweep)
        if answer.status == 410:
            break
        assert answer.status == 201, answer.body
        configs.append(answer.body["config"])
        run = answer.body
        backend.finish(run["id"], run["attempt"], summary={"loss": float(len(configs))})
    return configs


def names(configs):
    return sorted(str(sorted(config.items())) for config in configs)


def register(backend, config, **fields):
    answer = backend.call("POST", "/v1/sweeps", {"config": config, **fields})
    assert answer.status == 201, answer.body
    return answer.body


def messages(body, path):
    return [entry["message"] for entry in body["warnings"] if entry["path"] == path]


class TestRunningOut:
    @pytest.mark.parametrize("method", METHODS)
    def test_a_cap_above_the_points_is_reported(self, backend, method):
        body = register(backend, config_of(method, run_cap=100))
        (message,) = messages(body, "run_cap")
        assert "found 100; 6 points are to be run, each once" in message
        assert ("replacement: true" in message) == (method != "grid")
        assert (body["limit"], len(take(backend, body["id"]))) == (6, 6)

    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("keys", [{}, {"run_cap": 6}, {"run_cap": 5}])
    def test_otherwise_there_is_no_warning(self, backend, method, keys):
        body = register(backend, config_of(method, **keys))
        assert messages(body, "run_cap") == []
        assert body["limit"] == keys.get("run_cap", 6)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_cap_that_an_update_gives_is_reported_as_well(self, backend, method):
        sweep = backend.create(config_of(method))
        path, change = f"/v1/sweeps/{sweep}", {"config": config_of(method, run_cap=50)}
        assert len(messages(backend.call("PATCH", path, change).body, "run_cap")) == 1

    @pytest.mark.parametrize("method", METHODS)
    def test_a_dry_run_warns_too(self, backend, method):
        body = {"config": config_of(method, run_cap=100)}
        answer = backend.call("POST", "/v1/sweeps", body, query={"dry_run": "true"})
        assert len(messages(answer.body, "run_cap")) == 1


class TestReplacement:
    @pytest.mark.parametrize("method", ["random", "bayes"])
    def test_points_come_again_until_the_cap(self, backend, method):
        body = register(backend, config_of(method, run_cap=20, replacement=True))
        assert (body["limit"], body["grid_points"], body["warnings"]) == (20, None, [])
        configs = take(backend, body["id"])
        assert len(configs) == 20
        assert len(set(names(configs))) <= 6
        assert backend.get(body["id"])["state"] == "finished"

    @pytest.mark.parametrize("method", ["random", "bayes"])
    def test_without_a_cap_there_is_no_end(self, backend, method):
        sweep = backend.create(config_of(method, replacement=True))
        assert len(take(backend, sweep, 15)) == 15

    def test_a_grid_takes_no_notice_and_says_so(self, backend):
        body = register(backend, config_of("grid", replacement=True))
        assert messages(body, "replacement") == [
            "a grid has each of its points once; this has no effect"
        ]
        assert len(take(backend, body["id"])) == 6

    def test_other_values_are_refused(self, backend):
        answer = backend.call(
            "POST", "/v1/sweeps", {"config": config_of("random", replacement="twice")}
        )
        assert [error["path"] for error in answer.body["errors"]] == ["replacement"]


class TestPriorRuns:
    @pytest.mark.parametrize("method", METHODS)
    def test_their_points_count_as_done(self, backend, method):
        first = backend.create(config_of("grid"))
        done = take(backend, first, 4)
        body = register(backend, config_of(method), prior_runs=[first])
        assert messages(body, "prior_runs") == [
            "4 points have been run: they count as done and will not be handed out"
        ]
        assert body["limit"] == 2
        assert names(done + take(backend, body["id"])) == names(
            {"a": a, "b": b} for a in (1, 2, 3) for b in "xy"
        )

    @pytest.mark.parametrize("method", METHODS)
    def test_they_stay_done_when_the_space_changes(self, backend, method):
        first = backend.create(config_of("grid"))
        done = take(backend, first, 4)
        sweep = backend.create(config_of(method), prior_runs=[first])
        own = take(backend, sweep, 1)
        narrow = {"a": {"values": [1]}, "b": {"values": ["x", "y", "z"]}}
        wide = {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y", "z"]}}
        for parameters in (narrow, wide):
            change = {"config": config_of(method, parameters)}
            assert backend.call("PATCH", f"/v1/sweeps/{sweep}", change).status == 200
        rest = take(backend, sweep)
        assert names(done + own + rest) == names({"a": a, "b": b} for a in (1, 2, 3) for b in "xyz")

    @pytest.mark.parametrize("method", METHODS)
    def test_a_start_config_that_was_run_is_not_run_again(self, backend, method):
        start = [{"a": 1, "b": "x"}, {"a": 3, "b": "y"}]
        first = backend.create(config_of("grid"))
        done = take(backend, first, 1)
        sweep = backend.create(config_of(method, start=start), prior_runs=[first])
        rest = take(backend, sweep)
        assert rest[0] == start[1]
        assert len(set(names(done + rest))) == len(done + rest) == 6

    @pytest.mark.parametrize("method", METHODS)
    def test_prior_runs_that_did_not_finish_are_handed_out(self, backend, method):
        first = backend.create(config_of("grid"))
        backend.finish(backend.ask(first).body["id"], state="failed")
        sweep = backend.create(config_of(method), prior_runs=[f"{first}-0"])
        assert len(set(names(take(backend, sweep)))) == 6

    def test_a_sweep_whose_points_were_all_run_has_nothing_to_hand_out(self, backend):
        first = backend.create(config_of("grid"))
        take(backend, first)
        sweep = backend.create(config_of("grid"), prior_runs=[first])
        assert take(backend, sweep) == []
        assert backend.get(sweep)["state"] == "finished"


WEIGHTED = {
    "a": {"values": list(range(30))},
    "b": {"values": [1, 2, 3], "probabilities": [0.5, 0.3, 0.2]},
}


class TestWhatAnUpdateCosts:
    """An ask that knows nothing yet, after many runs and an update."""

    @pytest.fixture
    def draws(self, monkeypatch):
        """How many configs were drawn, or looked for among those of the random order."""
        counts: Counter[str] = Counter()
        race_keys = random_search.RandomOrder._race_keys

        def counted(order, even):
            counts["races"] += 1
            return race_keys(order, even)

        monkeypatch.setattr(random_search.RandomOrder, "_race_keys", counted)
        return counts

    def cold(self, backend):
        """Another function of the same backend."""
        backend.services = Services(backend.services.store, backend.clock, random.Random(1))

    @pytest.mark.parametrize("n_runs", [10, 60])
    def test_a_cold_ask_draws_one_config(self, backend, draws, n_runs):
        sweep = backend.create(config_of("random", WEIGHTED))
        for _ in range(n_runs):
            backend.services.store.claim_index(sweep)
        wider = {**WEIGHTED, "a": {"values": list(range(31))}}
        change = {"config": config_of("random", wider)}
        assert backend.call("PATCH", f"/v1/sweeps/{sweep}", change).status == 200
        self.cold(backend)
        draws.clear()
        assert backend.ask(sweep).status == 201
        assert draws["races"] == 1

    @pytest.mark.parametrize("method", ["grid", "random"])
    def test_a_cold_ask_reads_what_it_reads_without_an_update(self, backend, method):
        calls: list[list[str]] = []
        for is_updated in (False, True):
            sweep = backend.create(config_of(method, WEIGHTED | {"b": {"values": [1, 2, 3]}}))
            take(backend, sweep, 5)
            if is_updated:
                wider = {"a": {"values": list(range(40))}, "b": {"values": [1, 2, 3]}}
                change = {"config": config_of(method, wider)}
                assert backend.call("PATCH", f"/v1/sweeps/{sweep}", change).status == 200
            self.cold(backend)
            calls.append([])
            store = backend.services.store
            watch(backend, calls[-1].append)
            assert backend.ask(sweep).status == 201
            backend.services = replace(backend.services, store=store)
        assert calls[0] == calls[1]

    def test_an_update_of_the_same_space_draws_nothing(self, backend, draws):
        sweep = backend.create(config_of("random", WEIGHTED))
        for _ in range(50):
            backend.services.store.claim_index(sweep)
        change = {"config": config_of("random", WEIGHTED, lease_seconds=60)}
        assert backend.call("PATCH", f"/v1/sweeps/{sweep}", change).status == 200
        assert draws["races"] == 0
        taken = backend.services.store.get_config_version(sweep, 2).taken
        assert taken == Taken(points=tuple(range(50)))

    def test_versions_that_an_earlier_backend_wrote_are_worked_out(self, backend):
        sweep = backend.create(config_of("random", WEIGHTED))
        before = take(backend, sweep, 40)
        wider = {**WEIGHTED, "a": {"values": list(range(31))}}
        backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": config_of("random", wider)})
        with backend.services.store._database.write() as connection:
            connection.execute("UPDATE metas SET taken = NULL")
        self.cold(backend)
        after = take(backend, sweep)
        assert len(set(names(before + after))) == len(before + after) == 93


CONNECTED = {
    "optimizer": {"values": ["sgd", "adam"]},
    "momentum": {"values": [0.0, 0.9], "when": {"optimizer": "sgd"}},
    "model": {"values": ["small", "large"]},
    "batch": {"values": [64, 16]},
    "length": {"values": [512, 1024]},
}
CONNECTIONS = {"zip": [["model", "batch"]], "constraints": ["batch * length <= 32768"]}
#: Optimizer and momentum: 3; model, batch and length: 3, as 64 * 1024 is too much.
N_CONNECTED = 9


class TestConnectedParameters:
    """Each point of a space with conditions, zipped parameters and constraints comes once."""

    @pytest.mark.parametrize("method", METHODS)
    def test_every_point_is_handed_out_once(self, backend, method):
        body = register(backend, config_of(method, CONNECTED, **CONNECTIONS))
        assert body["grid_points"] == N_CONNECTED
        found = take(backend, body["id"])
        assert len(found) == len(set(names(found))) == N_CONNECTED
        for config in found:
            assert ("momentum" in config) == (config["optimizer"] == "sgd")
            assert config["batch"] == {"small": 64, "large": 16}[config["model"]]
            assert config["batch"] * config["length"] <= 32768

    @pytest.mark.parametrize("method", METHODS)
    def test_an_update_leaves_out_what_has_been_run(self, backend, method):
        sweep = backend.create(config_of(method, CONNECTED))
        before = take(backend, sweep, 5)
        change = {"config": config_of(method, CONNECTED, **CONNECTIONS)}
        answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", change)
        assert answer.status == 200, answer.body
        after = take(backend, sweep)
        assert not set(names(before)) & set(names(after))
        known = set(names(before)) | set(names(after))
        everything = take(backend, backend.create(change["config"]))
        assert set(names(everything)) <= known

    @pytest.mark.parametrize("method", METHODS)
    def test_prior_runs_count_as_done(self, backend, method):
        first = backend.create(config_of(method, CONNECTED, **CONNECTIONS))
        done = take(backend, first, 4)
        body = register(
            backend,
            config_of(method, CONNECTED, **CONNECTIONS),
            prior_runs=[first],
        )
        rest = take(backend, body["id"])
        assert sorted(names(done) + names(rest)) == names(take(backend, first) + done)
