from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest

import sweep_sdk
from sweep_sdk._backend.client import open_client
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._exceptions import BackendUnavailable, LeaseLost, UsageError
from sweep_sdk._sweeps.asked_run import AskedRun, ask_run, tell_result
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending


@pytest.fixture
def sweep_id(home):
    return sweep_sdk.sweep(
        {
            "method": "grid",
            "metric": {"name": "loss"},
            "parameters": {"lr": {"values": [0.3, 0.1, 0.2]}},
        }
    )


def test_a_loop_of_ones_own(sweep_id):
    n_runs = 0
    while (run := sweep_sdk.ask(sweep_id)) is not None:
        run.tell({"loss": run.config.lr, "more": {"acc": 1}})
        n_runs += 1
    assert n_runs == 3
    best = sweep_sdk.best(sweep_id)
    assert best["config"] == {"lr": 0.1}
    assert best["summary"] == {"loss": 0.1, "more.acc": 1}
    assert best["exit_code"] is None


def test_a_number_is_the_value_of_the_sweeps_metric(sweep_id):
    run = sweep_sdk.ask(sweep_id)
    assert run.metric == "loss"
    assert f"{run.id}, attempt 1, open, {{'lr': 0.3}}" in repr(run)
    run.tell(0.25)
    assert "told" in repr(run)
    assert sweep_sdk.best(sweep_id)["best"] == 0.25


def test_without_a_metric_a_number_needs_a_name(home):
    sweep = sweep_sdk.sweep({"method": "grid", "parameters": {"a": {"value": 1}}}, entity="e")
    run = sweep_sdk.ask(sweep)
    with pytest.raises(UsageError, match="give a dict"):
        run.tell(0.25)
    run.tell({"loss": 0.25})


def test_what_was_logged_on_the_way_is_in_the_summary(sweep_id):
    run = sweep_sdk.ask(sweep_id)
    for loss, acc in ((0.9, 0.1), (0.2, 0.7), (0.4, 0.5)):
        run.log({"loss": loss, "acc": acc})
    run.tell({"loss": 0.3, "acc": float("nan")})
    (reported,) = sweep_sdk.runs(sweep_id)
    summary = reported["summary"]
    assert (summary["loss"], summary["loss.min"], summary["loss.max"]) == (0.3, 0.2, 0.9)
    assert math.isnan(summary["acc"])
    assert (summary["acc.min"], summary["acc.max"]) == (0.1, 0.7)
    assert sweep_sdk.best(sweep_id, metric="acc", goal="maximize")["id"] == run.id


def test_several_at_once_in_any_order(sweep_id):
    out = [sweep_sdk.ask(sweep_id) for _ in range(3)]
    assert len({run.id for run in out}) == 3
    for run in reversed(out):
        run.tell({"loss": run.config.lr})
    assert [run["state"] for run in sweep_sdk.runs(sweep_id)] == ["finished"] * 3


def test_intermediate_values(sweep_id):
    run = sweep_sdk.ask(sweep_id)
    assert run.log({"loss": 3})
    assert run.log({"loss": 2}, step=5)
    run.tell({"loss": 1})
    with open_client() as client:
        rows = [(row["step"], row["metrics"]["loss"]) for row in client.history(run.id)]
    assert rows == [(0, 3), (5, 2), (2, 1)]


def test_a_stop_is_reported_by_log(sweep_id):
    run = sweep_sdk.ask(sweep_id)
    with open_client() as client:
        client.stop_run(run.id)
    assert run.log({"loss": 3}) is False


@pytest.mark.parametrize("state", ["failed", "killed", "preempted"])
def test_a_run_that_somebody_else_ended_keeps_its_result(sweep_id, capsys, state):
    run = sweep_sdk.ask(sweep_id)
    with open_client() as client:
        client.finish(run.id, Ending(run.attempt, RunState.FINISHED))
        run.tell(state=state)
        assert client.get_run(run.id)["state"] == "finished"
    assert f"run {run.id} has ended already: it is finished" in capsys.readouterr().err


def test_states(sweep_id):
    sweep_sdk.ask(sweep_id).tell(state="failed")
    sweep_sdk.ask(sweep_id).tell(state="preempted")
    again = sweep_sdk.ask(sweep_id)
    assert (again.index, again.attempt) == (1, 2)
    with pytest.raises(UsageError, match="finished, failed"):
        again.tell(state="done")


def test_a_text_is_refused_and_nothing_is_reported(sweep_id):
    run = sweep_sdk.ask(sweep_id)
    with pytest.raises(UsageError, match="'image'"):
        run.tell({"loss": 1, "image": "png"})
    run.tell({"loss": 1})


def test_a_second_result_is_refused(sweep_id):
    run = sweep_sdk.ask(sweep_id)
    run.tell({"loss": 1})
    with pytest.raises(UsageError, match="before"):
        run.tell({"loss": 1})
    with pytest.raises(UsageError, match="before"):
        run.log({"loss": 1})


def test_waiting_until_there_is_something(client, sweep):
    client.change_sweep(sweep, state="paused")
    waits = []

    def wait(seconds):
        waits.append(seconds)
        client.change_sweep(sweep, state="running")

    assert ask_run(client, sweep, wait).index == 0
    assert len(waits) == 1


class TestTheLease:
    @pytest.fixture
    def run(self, client, sweep, network):
        """A run that is out, and whose lease has been prolonged once."""
        beaten = threading.Event()
        network.lose = lambda request: beaten.set() if request.path.endswith("/reports") else None
        handout = ask_run(client, sweep, lambda _: None)
        run = AskedRun(replace(handout, lease_seconds=0.03), client)
        assert beaten.wait(10)
        yield run
        run._is_told.set()
        run._keeper.join()

    def test_it_is_kept_alive_until_it_is_reported(self, run):
        assert run._keeper.is_alive()
        run.tell({"loss": 1})
        assert not run._keeper.is_alive()

    def test_it_survives_an_outage(self, run, network):
        network.go_away()
        assert run._beat()
        network.come_back()
        assert run._beat()
        run.tell({"loss": 1})

    def test_a_run_that_is_lost(self, run, client):
        client.finish(run.id, Ending(run.attempt, RunState.PREEMPTED))
        assert not run._beat()
        with pytest.raises(LeaseLost):
            run.log({"loss": 1})


def test_reported_from_elsewhere(client, sweep):
    handout = ask_run(client, sweep, lambda _: None)
    assert tell_result(client, handout.id, 1, {"loss": 2}, "finished") == "finished"
    assert client.best_run(sweep)["id"] == handout.id


def test_a_row_whose_answer_was_lost_stays_beside_the_next(client, sweep, network):
    run = AskedRun(client.ask(sweep, "key-of-the-test", "agent"), client.with_retries(ONCE))
    network.lose = lambda _: BackendUnavailable("lost")
    with pytest.raises(BackendUnavailable):
        run.log({"loss": 3})
    network.lose = lambda _: None
    run.log({"loss": 2})
    run.tell()
    assert [row["metrics"]["loss"] for row in client.history(run.id)] == [3, 2]
    assert client.get_run(run.id)["best"] == 2
