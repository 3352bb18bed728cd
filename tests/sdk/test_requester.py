from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._agent.session import requester as _requester
from sweep_sdk._agent.session.requester import RunRequester
from sweep_sdk._agent.view.events import Notice, Waiting
from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable, NotFound
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending


@pytest.fixture
def events():
    return []


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "home")


@pytest.fixture
def stopping():
    return threading.Event()


@pytest.fixture
def make(client, sweep, outbox, events, stopping, monkeypatch):
    monkeypatch.setattr(_requester, "NEIGHBOUR_SECONDS", 0.02)
    impatient = replace(client, retrier=replace(client.retrier, uniform=lambda *_: 0.0))

    def make(sweep=sweep, patience_seconds=3600.0):
        return RunRequester(
            impatient,
            sweep,
            agent="agent",
            host="host",
            outbox=outbox,
            emit=events.append,
            stopping=stopping,
            patience_seconds=patience_seconds,
        )

    return make


def ask_keys(network):
    return [request.headers["Idempotency-Key"] for request in network.sent("/runs")]


def test_run_after_run_until_the_end(make, client):
    requester = make()
    for index in range(3):
        handout = requester.next_run("0")
        assert handout.index == index
        client.finish(handout.id, Ending(1, RunState.FINISHED))
    assert requester.next_run("0") is None
    assert requester.has_ended


def test_one_key_per_run(make, network):
    requester = make()
    requester.next_run("0")
    requester.next_run("1")
    assert len(set(ask_keys(network))) == 2


def test_it_says_once_what_it_waits_for_and_keeps_its_key(make, client, sweep, network, events):
    client.change_sweep(sweep, state="paused")
    answers = iter([1, 2, 3])

    def resume(request):
        if request.path.endswith("/runs") and next(answers) == 3:
            network.fail = lambda _: None
            client.change_sweep(sweep, state="running")

    network.fail = resume
    waits = {"wait_seconds": 0.001, "reason": "paused"}
    real = network.request

    def quickly(method, path, query, headers, body, timeout_seconds):
        answer = real(method, path, query, headers, body, timeout_seconds)
        if b"wait_seconds" in answer.body:
            return Response(200, {}, json.dumps(waits).encode())
        return answer

    network.request = quickly
    assert make().next_run("s").index == 0
    assert events == [Waiting("paused", "s")]
    assert len(ask_keys(network)) == 3
    assert len(set(ask_keys(network))) == 1


def test_no_question_once_the_agent_is_ending(make, stopping, network):
    stopping.set()
    requester = make()
    network.requests.clear()
    assert requester.next_run("") is None
    assert not requester.has_ended
    assert network.sent("/runs") == []


def test_an_ending_agent_does_not_go_on_waiting_for_the_backend(make, stopping, network):
    def fail(_):
        stopping.set()
        return BackendUnavailable("away")

    network.fail = fail
    assert make().next_run("") is None


def test_an_ending_agent_does_not_go_on_waiting_for_runs(make, client, sweep, stopping, network):
    client.change_sweep(sweep, state="paused")
    network.lose = lambda _: stopping.set()
    assert make().next_run("") is None


def test_trouble_is_reported_once_per_outage(make, network, events):
    failures = iter([True, True, False, True, False])
    network.fail = lambda request: (
        BackendUnavailable("away", retry_after_seconds=0)
        if request.path.endswith("/runs") and next(failures)
        else None
    )
    requester = make()
    requester.next_run("")
    requester.next_run("")
    assert [type(event) for event in events] == [Notice, Notice]
    assert "away" in events[0].message


def test_patience_has_an_end(make, network):
    network.go_away()
    with pytest.raises(BackendUnavailable):
        make(patience_seconds=0.0).next_run("")


def test_a_sweep_that_is_not_there(make):
    with pytest.raises(NotFound):
        make(sweep="zzzzzzzz").next_run("")


class TestNeighbours:
    """Agents of this machine that died: their runs are given back before the next is asked for."""

    @pytest.fixture
    def orphan(self, client, sweep, outbox, network, tmp_path):
        handout = client.ask(sweep, "key-of-the-dead", "dead")
        outbox.save(
            PendingDelivery(network.place, handout.id, 1, str(tmp_path / "m"), "loss", host="host")
        )
        return handout

    def test_their_runs_are_taken_over_at_once(self, make, orphan, events):
        handout = make().next_run("")
        assert (handout.id, handout.attempt) == (orphan.id, 2)
        assert "left behind" in events[0].message

    def test_deliveries_are_made_while_other_agents_hold_all_runs(
        self, make, client, sweep, outbox, network, tmp_path
    ):
        """The last run's agent dies while this one waits for it."""
        for number in range(3):
            last = client.ask(sweep, f"key-of-others-{number}", "other")
        requester = make()
        pending = PendingDelivery(
            network.place, last.id, 1, str(tmp_path / "m"), "loss", host="host"
        )
        network.lose = lambda request: (
            outbox.save(pending) if request.path.endswith("/runs") else None
        )
        handout = requester.next_run("")
        assert (handout.id, handout.attempt) == (last.id, 2)

    def test_a_backend_that_is_away_leaves_them_for_later(self, make, orphan, outbox, network):
        network.fail = lambda request: (
            None if request.path.endswith("/runs") else BackendUnavailable("away")
        )
        assert make().next_run("").id != orphan.id
        assert len(outbox.orphaned(network.place)) == 1
