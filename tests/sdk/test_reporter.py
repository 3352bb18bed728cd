from __future__ import annotations

import json
import threading

import pytest
from made_answers import problem

from sweep_sdk._agent.debts import Debt, Ledger
from sweep_sdk._agent.delivery import Delivery
from sweep_sdk._agent.reporter import Reporter
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable


@pytest.fixture
def handout(client, sweep):
    return client.ask(sweep, "key-of-the-test", "agent")


@pytest.fixture
def log(tmp_path):
    def log(**metrics):
        with (tmp_path / "m.jsonl").open("a") as file:
            file.write(json.dumps(metrics) + "\n")

    return log


@pytest.fixture
def stops(notices):
    return type(notices)()


@pytest.fixture
def make(handout, client, clock, notices, stops, tmp_path):
    def make(row_interval_seconds=10.0, report_interval_seconds=30.0, lease_seconds=300):
        debt = Debt("here", handout.id, handout.attempt, str(tmp_path / "m.jsonl"), "loss")
        return Reporter(
            Delivery(debt, Ledger(tmp_path / "home"), clock, notices),
            client.with_retries(ONCE),
            lease_seconds=lease_seconds,
            report_interval_seconds=report_interval_seconds,
            row_interval_seconds=row_interval_seconds,
            stop=stops,
            notice=notices,
            clock=clock,
        )

    return make


def test_rows_are_sent_at_the_next_turn(make, log, client, handout, network):
    reporter = make()
    log(loss=1)
    log(loss=2)
    assert reporter.report() == 10.0
    assert len(network.sent("/reports")) == 1
    assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 1}, {"loss": 2}]


def test_without_rows_a_heartbeat_when_one_is_due(make, clock, network):
    reporter = make()
    beats = []
    for _ in range(9):
        clock.advance(10)
        reporter.report()
        beats.append(len(network.sent("/reports")))
    assert beats == [0, 0, 1, 1, 1, 2, 2, 2, 3]


def test_a_short_lease_is_kept_by_thirds(make, clock, network):
    reporter = make(lease_seconds=12)
    clock.advance(4)
    assert reporter.report() == 4.0
    assert len(network.sent("/reports")) == 1


def test_rows_count_as_a_heartbeat(make, log, clock, network):
    reporter = make()
    clock.advance(29)
    log(loss=1)
    reporter.report()
    clock.advance(10)
    reporter.report()
    assert len(network.sent("/reports")) == 1


def test_a_stop_is_passed_on(make, clock, client, handout, stops):
    reporter = make()
    client.stop_run(handout.id)
    clock.advance(30)
    reporter.report()
    assert stops == ["stop_run"]


def test_a_lost_lease_ends_it(make, clock, client, handout, stops):
    reporter = make()
    client.finish(handout.id, {"attempt": handout.attempt, "state": "preempted"})
    clock.advance(30)
    with reporter:
        reporter.report()
    assert stops == ["lease_lost"]


def test_a_deleted_sweep_ends_it(make, clock, client, sweep, stops):
    reporter = make()
    client.delete_sweep(sweep)
    clock.advance(30)
    with reporter:
        reporter.report()
    assert stops == ["deleted"]


def test_an_outage_of_ten_minutes(make, log, clock, client, handout, network, notices, stops):
    """Training goes on, rows wait; afterwards all arrives in order, once."""
    reporter = make()
    network.go_away()
    n_tries, until = 0, clock() + 600
    number = 0
    while clock() < until:
        log(loss=number)
        number += 1
        pause = reporter.report()
        n_tries += 1
        assert 0 < pause <= 60
        clock.advance(pause)
    assert 10 < n_tries < 40
    network.come_back()
    reporter.report()
    assert [row["metrics"]["loss"] for row in client.history(handout.id)] == list(range(number))
    assert len(notices) == 2
    assert "no connection" in notices[0]
    assert "is back" in notices[1]
    assert stops == []


def test_a_lease_that_ended_meanwhile_is_renewed_if_nobody_took_the_run(
    make, log, clock, client, sweep, handout, network, stops
):
    reporter = make()
    network.go_away()
    log(loss=1)
    reporter.report()
    clock.advance(1000)  # leases are for 300 s
    network.come_back()
    assert client.ask(sweep, "key-of-another", "other").index == 1  # who asks suspects it
    reporter.report()
    clock.advance(70)  # longer than the grace
    assert client.ask(sweep, "key-of-a-third", "third").index == 2
    assert stops == []
    assert client.get_run(handout.id)["state"] == "running"


def test_a_run_that_was_taken_meanwhile_is_stopped(
    make, log, clock, client, sweep, handout, network, stops
):
    reporter = make()
    network.go_away()
    log(loss=1)
    reporter.report()
    clock.advance(1000)
    network.come_back()
    client.ask(sweep, "key-of-another", "other")
    clock.advance(70)
    taken = client.ask(sweep, "key-of-a-third", "third")
    assert (taken.id, taken.attempt) == (handout.id, 2)
    with reporter:
        reporter.report()
    assert stops == ["lease_lost"]
    assert [row["attempt"] for row in client.history(handout.id)] == [1]


def test_after_an_outage_it_is_back_within_the_grace_of_a_short_lease(make, log, network):
    """Others may suspect it at once; they wait for as long as its lease was."""
    reporter = make(lease_seconds=12)
    network.go_away()
    log(loss=1)
    assert max(reporter.report() for _ in range(20)) == 4.0


def test_one_failure_is_not_worth_a_line(make, log, network, notices):
    reporter = make()
    log(loss=1)
    network.go_away()
    assert reporter.report() == 1.0
    network.come_back()
    assert reporter.report() == 10.0
    assert notices == []


def test_retry_after_is_honoured(make, log, network):
    reporter = make()
    log(loss=1)
    network.fail = lambda _: Response(429, {"Retry-After": "20"}, b"")
    assert reporter.report() == 21.0


@pytest.mark.parametrize(
    "response",
    [Response(401, {}, b""), Response(200, {}, b"<html>sign in"), Response(500, {}, b"")],
)
def test_whatever_the_backend_says_the_run_goes_on(make, log, network, stops, response):
    reporter = make()
    log(loss=1)
    network.fail = lambda _: response
    for _ in range(5):
        reporter.report()
    network.come_back()
    reporter.report()
    assert stops == []
    assert len(network.sent("/reports")) == 6


def test_the_thread_reports_and_ends_with_the_block(make, log, network):
    sent = threading.Event()
    network.lose = lambda _: sent.set()
    log(loss=1)
    with make(row_interval_seconds=0.01):
        assert sent.wait(10)
    n_threads = [thread for thread in threading.enumerate() if thread.name == "reporter"]
    assert n_threads == []


def test_the_end_does_not_wait_for_the_next_turn(make):
    with make(row_interval_seconds=1000.0, report_interval_seconds=3000.0, lease_seconds=9000):
        pass


def test_trouble_in_the_last_request_does_not_get_out(make, log, network):
    log(loss=1)
    asked = threading.Event()

    def fail(_):
        asked.set()
        return BackendUnavailable("away")

    network.fail = fail
    with make(row_interval_seconds=0.01):
        assert asked.wait(10)


class TestAnEndThatIsAnnounced:
    @staticmethod
    def preempting(network):
        return [
            json.loads(request.body).get("preempting", False)
            for request in network.sent("/reports")
        ]

    def test_is_told_at_once_before_the_rows(self, make, log, network, client, handout):
        reporter = make()
        log(loss=1)
        reporter.announce_end()
        reporter.report()
        assert self.preempting(network) == [True, False]
        assert client.get_run(handout.id)["state"] == "preempting"

    def test_wakes_the_thread(self, make, network):
        told = threading.Event()
        network.lose = lambda _: told.set()
        with make(row_interval_seconds=600.0, report_interval_seconds=1800.0) as reporter:
            reporter.announce_end()
            assert told.wait(10)

    def test_is_told_again_until_it_is_heard(self, make, network, client, handout):
        reporter = make()
        reporter.announce_end()
        network.go_away()
        assert reporter.report() <= 10.0
        network.come_back()
        reporter.report()
        assert client.get_run(handout.id)["state"] == "preempting"

    def test_from_then_on_the_short_lease_is_kept_alive(self, make, network, clock, client):
        reporter = make()
        reporter.announce_end()
        for _ in range(12):
            reporter.report()
            clock.advance(10)
        assert self.preempting(network) == [True] * 12
        assert client.get_run(reporter._delivery.debt.run)["state"] == "preempting"

    def test_an_older_backend_that_refuses_it_is_reported_to_as_before(
        self, make, log, network, clock, client, handout
    ):
        def refuse(request):
            is_new = b"preempting" in request.body
            return problem(400, "invalid-request") if is_new else None

        network.fail = refuse
        reporter = make()
        reporter.announce_end()
        for _ in range(4):
            log(loss=1)
            reporter.report()
            clock.advance(30)
        assert self.preempting(network) == [True] + [False] * 4
        assert len(list(client.history(handout.id))) == 4
