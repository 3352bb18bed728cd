from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from made_answers import problem

from sweep_sdk._agent.outbox import tail
from sweep_sdk._agent.outbox.delivery import Delivery
from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._agent.outbox.reporter import Pace, Reporter
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable
from sweep_sdk._metrics import line_format
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Attention, Ending


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
    def make(row_interval_seconds=10.0, report_interval_seconds=30.0, lease_seconds=300, pace=None):
        pending = PendingDelivery(
            "here", handout.id, handout.attempt, str(tmp_path / "m.jsonl"), "loss"
        )
        return Reporter(
            Delivery(pending, Outbox(tmp_path / "home"), clock, notices),
            client.with_retries(ONCE),
            lease_seconds=lease_seconds,
            report_interval_seconds=report_interval_seconds,
            pace=pace or Pace(fixed_seconds=row_interval_seconds),
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
    client.finish(handout.id, Ending(handout.attempt, RunState.PREEMPTED))
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

    def test_is_reported_at_once_before_the_rows(self, make, log, network, client, handout):
        reporter = make()
        log(loss=1)
        reporter.announce_end()
        reporter.report()
        assert self.preempting(network) == [True, False]
        assert client.get_run(handout.id)["state"] == "preempting"

    def test_wakes_the_thread(self, make, network):
        reported = threading.Event()
        network.lose = lambda _: reported.set()
        with make(row_interval_seconds=600.0, report_interval_seconds=1800.0) as reporter:
            reporter.announce_end()
            assert reported.wait(10)

    def test_is_repeated_until_it_is_answered(self, make, network, client, handout):
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
        assert client.get_run(reporter._delivery.pending.run)["state"] == "preempting"

    def test_an_older_backend_that_refuses_it_gets_reports_as_before(
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


HYPERBAND = {"type": "hyperband", "min_iter": 3, "eta": 3}


class TestRowsThatCanWait:
    """Where the backend is elsewhere only rows that decide something are sent at once."""

    @pytest.fixture
    def begin(self, backend, client, clock, notices, stops, tmp_path):
        def begin(pace=None, *, metric=None, **config):
            metric = {"name": "loss", **(metric or {})}
            parameters = {"x": {"min": 0.0, "max": 1.0}}
            sweep = backend.create(
                {"method": "random", "metric": metric, "parameters": parameters, **config}
            )
            handout = client.ask(sweep, "key-of-the-test", "agent")
            path = str(tmp_path / "m.jsonl")
            pending = PendingDelivery("here", handout.id, 1, path, "loss", key=handout.key)
            return Reporter(
                Delivery(pending, Outbox(tmp_path / "home"), clock, notices),
                client.with_retries(ONCE),
                lease_seconds=handout.lease_seconds,
                report_interval_seconds=30.0,
                pace=pace or Pace(handout.attention),
                stop=stops,
                notice=notices,
                clock=clock,
            )

        return begin

    @pytest.fixture
    def play(self, clock, log, network):
        """Log a row a second for this long; when the rows were sent, and how many at each time."""

        def play(reporter, seconds, value=lambda second: 1.0):
            began, turn_at, sent = clock(), clock(), []
            for second in range(1, seconds + 1):
                log(loss=value(second))
                clock.advance(1)
                n_before = len(network.sent("/reports"))
                while turn_at <= clock():
                    turn_at = clock() + reporter.report()
                for request in network.sent("/reports")[n_before:]:
                    n_rows = len(json.loads(request.body)["rows"])
                    sent.append((round(clock() - began), n_rows))
            return sent

        return play

    def test_at_the_next_bands_and_with_heartbeats(self, begin, play):
        sent = play(begin(early_terminate=HYPERBAND), 300)
        bands, beats = [3, 9, 27, 81, 243], [54, 108, 135, 162, 189, 216, 270, 297]
        assert [second for second, _ in sent] == sorted(bands + beats)
        assert sum(n_rows for _, n_rows in sent) == 297

    def test_a_fixed_pace_of_ten_seconds_takes_more_requests(self, begin, play):
        sent = play(begin(Pace(fixed_seconds=10.0), early_terminate=HYPERBAND), 300)
        assert len(sent) == 30

    def test_without_anything_to_decide_with_heartbeats_alone(self, begin, play):
        sent = play(begin(), 300)
        assert [second for second, _ in sent] == [*range(31, 300, 30)]
        assert sum(n_rows for _, n_rows in sent) == 271

    @pytest.mark.parametrize(
        ("goal", "value"),
        [("minimize", lambda second: 100.0 - second), ("maximize", lambda second: second)],
    )
    def test_a_target_that_is_reached_is_reported_at_once(self, begin, play, backend, goal, value):
        target = 59.0 if goal == "minimize" else 41.0
        reporter = begin(metric={"goal": goal, "target": target})
        sent = play(reporter, 41, value)
        assert sent[-1][0] == 41
        assert len(sent) == 2
        sweep = reporter._delivery.pending.run.split("-")[0]
        assert backend.get(sweep)["state"] == "finished"

    def test_a_target_that_was_reported_is_not_reported_with_every_row(self, begin, play):
        sent = play(begin(metric={"target": 2.0}), 40)
        assert [second for second, _ in sent] == [1, 2, 32]  # the second hears that it was enough

    def test_a_run_that_is_behind_is_stopped_at_the_band(self, begin, play, backend, stops):
        reporter = begin(early_terminate=HYPERBAND)
        sweep = reporter._delivery.pending.run.split("-")[0]
        other = backend.ask(sweep).body["id"]
        backend.report(other, 1, 0, *({"loss": 0.5} for _ in range(9)))
        sent = play(reporter, 3)
        assert [second for second, _ in sent] == [3]
        assert stops == ["early_terminate"]

    def test_where_the_backend_is_near_rows_are_sent_as_they_come(self, begin, network, log):
        reporter = begin(Pace(Attention((3,)), is_near=True))
        assert reporter.report() == 0.1
        for n in range(3):
            log(loss=n)
            reporter.report()
        assert len(network.sent("/reports")) == 3

    def test_a_backend_that_says_nothing_of_it_gets_rows_as_before(self, begin, play, network):
        reporter = begin(Pace(None), early_terminate=HYPERBAND)
        reporter._pace.update = lambda _: None
        assert len(play(reporter, 300)) == 30

    def test_what_an_answer_says_counts_from_then_on(self, begin, log, network):
        """As after an update that adds early termination to the runs that come."""
        reporter = begin(Pace(Attention()), early_terminate=HYPERBAND)
        assert reporter._row_seconds() == 10.0
        reporter._delivery.beat(reporter._client)
        reporter._obey(reporter._delivery.beat(reporter._client))
        assert reporter._row_seconds() == 1.0

    def test_a_full_batch_does_not_wait(self, begin, log, network, monkeypatch):
        monkeypatch.setattr(tail, "MAX_BATCH_BYTES", 200)
        reporter = begin()
        for n in range(40):
            log(loss=n)
        reporter.report()
        assert len(network.sent("/reports")) >= 2


class TestNotes:
    """What a program notes is seen while it runs, at no request of its own."""

    @pytest.fixture
    def note(self, tmp_path):
        def note(**facts):
            with (tmp_path / "m.jsonl").open("ab") as file:
                file.write(line_format.encode_describe(facts))

        return note

    @pytest.fixture
    def reporter(self, make, handout):
        made = make()
        made._delivery.pending = replace(made._delivery.pending, key=handout.key)
        return made

    def attributes(self, network):
        bodies = [json.loads(request.body) for request in network.sent("/reports")]
        return [body.get("attributes") for body in bodies]

    def test_they_ride_with_rows(self, reporter, note, log, client, handout, network):
        note(name="first", tags=["a"])
        log(loss=1)
        reporter.report()
        assert client.get_run(handout.id)["attributes"] == {"name": "first", "tags": ["a"]}
        log(loss=2)
        reporter.report()
        note(tags=["a", "b"])
        log(loss=3)
        reporter.report()
        assert [noted is not None for noted in self.attributes(network)] == [True, False, True]
        assert client.get_run(handout.id)["attributes"]["tags"] == ["a", "b"]

    def test_or_with_a_heartbeat(self, reporter, note, client, handout, network, clock):
        note(config={"epochs": 5})
        reporter.report()
        assert network.sent("/reports") == []
        clock.advance(30)
        reporter.report()
        assert client.get_run(handout.id)["attributes"] == {"config": {"epochs": 5}}
        clock.advance(30)
        reporter.report()
        assert self.attributes(network) == [{"config": {"epochs": 5}}, None]

    def test_what_was_lost_is_sent_again(self, reporter, note, log, client, handout, network):
        note(name="first")
        log(loss=1)
        network.go_away()
        reporter.report()
        network.come_back()
        reporter.report()
        assert client.get_run(handout.id)["attributes"] == {"name": "first"}

    def test_what_the_backend_refuses_loses_no_row(
        self, reporter, note, log, client, handout, network
    ):
        def refuse(request):
            is_noted = b"attributes" in request.body and request.path.endswith("/reports")
            return problem(400, "invalid-request") if is_noted else None

        network.fail = refuse
        note(name="first")
        log(loss=1)
        reporter.report()
        log(loss=2)
        reporter.report()
        rows = [row["metrics"]["loss"] for row in client.history(handout.id)]
        assert rows == [1, 2]
        assert len(network.sent("/reports")) == 3

    def test_an_older_backend_is_sent_none(self, make, note, log, network):
        note(name="first")
        log(loss=1)
        make().report()
        assert self.attributes(network) == [None]
