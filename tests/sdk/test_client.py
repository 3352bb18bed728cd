from __future__ import annotations

import json

import pytest
from made_answers import REGISTERED, answer

from sweep_sdk import _exceptions as errors
from sweep_sdk._backend.client import new_key
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, HandOut, Wait

CONFIG = {"method": "grid", "parameters": {"lr": {"values": [1, 2]}}, "metric": {"name": "loss"}}


class Once:
    """Fails the first request only."""

    def __init__(self, error):
        self.error = error

    def __call__(self, _):
        error, self.error = self.error, None
        return error


def lost():
    return Once(BackendUnavailable("the answer was lost"))


class TestSweeps:
    def test_create_and_read(self, client):
        created = client.create_sweep(CONFIG, project="mnist", name="first")
        found = client.get_sweep(f"me/mnist/{created['id']}")
        assert (found["project"], found["name"], found["grid_points"]) == ("mnist", "first", 2)

    def test_create_from_text(self, client):
        text = "method: grid\nparameters:\n  lr: {values: [1, 2, 3]}\n"
        assert client.create_sweep(yaml=text)["grid_points"] == 3

    def test_a_dry_run_stores_nothing(self, client):
        assert client.create_sweep(CONFIG, dry_run=True)["id"] is None
        assert list(client.list_sweeps()) == []

    def test_a_lost_answer_makes_no_second_sweep(self, client, network):
        network.lose = lost()
        client.create_sweep(CONFIG)
        assert len(list(client.list_sweeps())) == 1
        keys = {request.headers["Idempotency-Key"] for request in network.requests[:2]}
        assert len(keys) == 1

    def test_two_intents_have_two_keys(self, client):
        assert client.create_sweep(CONFIG)["id"] != client.create_sweep(CONFIG)["id"]

    def test_problems_are_carried(self, client):
        with pytest.raises(errors.InvalidConfig) as caught:
            client.create_sweep({"method": "gird"})
        assert "method" in [problem.path for problem in caught.value.problems]

    def test_what_json_cannot_hold_is_refused(self, client):
        circle = {"method": "grid"}
        circle["parameters"] = circle
        for config in ({"method": {1, 2}}, circle):
            with pytest.raises(errors.UsageError, match="JSON"):
                client.create_sweep(config)

    def test_arrays_and_ranges_are_lists(self, client):
        import numpy as np

        values = {
            "a": {"values": np.arange(3)},
            "b": {"values": range(2)},
            "c": {"value": np.int64(1)},
        }
        created = client.create_sweep({"method": "grid", "parameters": values})
        assert created["grid_points"] == 6

    def test_either_config_or_text(self, client):
        with pytest.raises(errors.UsageError, match="either"):
            client.create_sweep()

    def test_change_state_and_cap(self, client, sweep):
        assert client.change_sweep(sweep, state="paused")["state"] == "paused"
        assert client.change_sweep(sweep, run_cap=2)["run_cap"] == 2
        assert client.change_sweep(sweep, run_cap=None)["run_cap"] is None
        assert client.change_sweep(sweep, state="canceled")["state"] == "canceled"
        with pytest.raises(errors.NotPossible):
            client.change_sweep(sweep, state="running")

    def test_only_what_is_given_is_changed(self, client, network, sweep):
        network.fail = lambda _: answer(200, REGISTERED)
        client.change_sweep(sweep, config=CONFIG)
        client.change_sweep(sweep, yaml="method: grid", run_cap=3)
        client.change_sweep(sweep, state="paused")
        assert [json.loads(request.body) for request in network.requests] == [
            {"config": CONFIG},
            {"yaml": "method: grid", "run_cap": 3},
            {"state": "paused"},
        ]

    def test_whether_a_change_has_changed_anything(self, client, sweep):
        assert client.change_sweep(sweep, state="paused")["changed"] is True
        assert client.change_sweep(sweep, state="paused")["changed"] is False

    def test_a_change_whose_answer_was_lost_is_a_change(self, client, sweep, network):
        network.lose = lost()
        assert client.change_sweep(sweep, state="paused")["changed"] is True

    def test_delete(self, client, sweep):
        client.delete_sweep(sweep)
        with pytest.raises(errors.NotFound):
            client.get_sweep(sweep)
        with pytest.raises(errors.NotFound):
            client.delete_sweep(sweep)

    def test_a_delete_whose_answer_was_lost_is_done(self, client, sweep, network):
        network.lose = lost()
        client.delete_sweep(sweep)
        with pytest.raises(errors.NotFound):
            client.get_sweep(sweep)

    def test_lists_are_read_page_by_page(self, client, network):
        ids = [client.create_sweep(CONFIG)["id"] for _ in range(3)]
        whole = network.request

        def small_pages(method, path, query, *rest):
            return whole(method, path, {**query, "count": "2"}, *rest)

        network.request = small_pages
        network.requests.clear()
        assert sorted(item["id"] for item in client.list_sweeps()) == sorted(ids)
        assert len(network.requests) == 2

    def test_pages_are_fetched_when_needed(self, client, network):
        client.create_sweep(CONFIG)
        network.requests.clear()
        listing = client.list_sweeps()
        assert network.requests == []
        next(listing)
        assert len(network.requests) == 1


class TestRuns:
    def test_ask_report_finish(self, client, sweep):
        handout = client.ask(sweep, new_key(), "agent")
        assert isinstance(handout, HandOut)
        assert handout.config == {"lr": 0.1}
        rows = [{"step": 0, "at": 1.0, "metrics": {"loss": 0.5}}]
        assert not client.report(handout.id, handout.attempt, 0, rows).is_stop
        finished = client.finish(handout.id, Ending(handout.attempt, RunState.FINISHED))
        assert (finished.state, finished.is_requeued) == ("finished", False)
        assert client.best_run(sweep)["id"] == handout.id
        assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 0.5}]
        assert client.get_run(handout.id)["state"] == "finished"

    def test_a_lost_answer_gives_the_same_run(self, client, sweep, network):
        network.lose = lost()
        assert client.ask(sweep, new_key(), "agent").index == 0
        assert len(list(client.list_runs(sweep))) == 1

    def test_nothing_to_hand_out(self, client, sweep):
        client.change_sweep(sweep, state="paused")
        answer = client.ask(sweep, new_key(), "agent")
        assert isinstance(answer, Wait)
        assert answer.reason == "paused"
        client.change_sweep(sweep, state="canceled")
        with pytest.raises(errors.SweepEnded):
            client.ask(sweep, new_key(), "agent")

    def test_stop(self, client, sweep):
        handout = client.ask(sweep, new_key(), "agent")
        client.stop_run(handout.id)
        command = client.report(handout.id, handout.attempt, 0, [])
        assert (command.is_stop, command.reason) == (True, "stop_run")

    def test_a_lease_that_is_lost(self, client, sweep):
        handout = client.ask(sweep, new_key(), "agent")
        with pytest.raises(errors.LeaseLost):
            client.report(handout.id, handout.attempt + 1, 0, [])

    def test_runs_since_an_index(self, client, sweep):
        for _ in range(3):
            client.ask(sweep, new_key(), "agent")
        assert [run["index"] for run in client.list_runs(sweep, since=1)] == [1, 2]

    def test_no_best_yet(self, client, sweep):
        assert client.best_run(sweep) is None
        with pytest.raises(errors.NotFound):
            client.best_run("zzzzzzzz")

    def test_numbers_must_be_sendable(self, client, sweep):
        handout = client.ask(sweep, new_key(), "agent")
        with pytest.raises(errors.UsageError, match="JSON"):
            client.report(handout.id, handout.attempt, 0, [{"metrics": {"x": float("nan")}}])


class TestTrouble:
    def test_a_backend_that_is_away_is_asked_again(self, client, network):
        network.fail = Once(BackendUnavailable("refused"))
        assert client.health()["status"] == "ok"
        assert len(network.requests) == 2

    def test_patience_ends(self, client, network, clock):
        network.go_away()
        started = clock()
        with pytest.raises(BackendUnavailable, match="no connection"):
            client.health()
        assert 0 < clock() - started <= 60
        assert 4 < len(network.requests) <= 8

    def test_another_retry_policy(self, client, network):
        network.go_away()
        with pytest.raises(BackendUnavailable):
            client.with_retries(ONCE).health()
        assert len(network.requests) == 1

    @pytest.mark.parametrize("body", [b"[]", b"{}", b'{"wait_seconds": "x"}', b'"text"', b"1"])
    def test_json_of_another_server(self, client, network, sweep, body):
        network.fail = lambda _: Response(200, {}, body)
        with pytest.raises(errors.WrongBackend, match="SWEEP_URL"):
            client.ask(sweep, new_key(), "agent")
        with pytest.raises(errors.WrongBackend, match="SWEEP_URL"):
            list(client.list_sweeps())

    def test_bad_references_send_nothing(self, client, network):
        with pytest.raises(errors.UsageError, match="names no sweep"):
            client.get_sweep("../../etc")
        with pytest.raises(errors.UsageError, match="names no run"):
            client.get_run("k3v9x2ab-")
        assert network.requests == []

    def test_every_request_names_the_version(self, client, network):
        client.health()
        assert network.requests[0].headers["Sweep-Sdk-Version"]
        assert json.loads(network.requests[0].body or b"null") is None
