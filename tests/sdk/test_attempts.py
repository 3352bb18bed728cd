from __future__ import annotations

import threading
import time

import pytest
from made_answers import problem

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.outbox.endings import ProgramOutcome
from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._agent.process.launcher import Launcher
from sweep_sdk._agent.session import attempts as _attempts
from sweep_sdk._agent.session.attempts import Attempts
from sweep_sdk._agent.session.best import BestTracker
from sweep_sdk._agent.session.requester import RunRequester
from sweep_sdk._agent.session.tally import Tally
from sweep_sdk._agent.slot.worker import Worker
from sweep_sdk._agent.view.events import BestSoFar, Notice, RunEnded
from sweep_sdk._exceptions import BackendUnavailable, UsageError
from sweep_service.wire.runs import HandOut

DONE = ProgramOutcome(True, exit_code=0)


@pytest.fixture
def events():
    return []


@pytest.fixture
def outbox(settings):
    return Outbox(settings.home)


@pytest.fixture
def attempts(client, settings, outbox, events, clock):
    """An agent's attempts; its waits move the fake clock until the agent shall end."""
    return Attempts(
        client=client,
        settings=settings,
        options=AgentOptions(delivery_timeout_seconds=900.0),
        outbox=outbox,
        host="host",
        holder="nobody-alive",
        best=BestTracker({"metric": {"name": "loss", "goal": "minimize"}}),
        tally=Tally(None, 5, 3, 0),
        total=3,
        stopping=ImpatientEvent(clock),
        emit=events.append,
    )


class ImpatientEvent(threading.Event):
    """Waits by moving a fake clock."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def wait(self, timeout=None):
        self.clock.advance(timeout or 0.0)
        return self.is_set()


@pytest.fixture
def handout(client, sweep):
    return client.ask(sweep, "key-of-the-test", "agent")


def log(attempt, text):
    attempt.files.metrics.write_text(text)


def ended(events):
    return next(event for event in events if isinstance(event, RunEnded))


def test_a_run_is_looked_at_by_the_metric_with_which_it_was_handed_out(
    attempts, client, sweep, handout, events
):
    first = attempts.begin(handout)
    changed = {**client.get_sweep(sweep)["config"], "metric": {"name": "acc"}}
    client.change_sweep(sweep, config=changed)
    second = attempts.begin(client.ask(sweep, "another-key-of-the-test", "agent"))
    for attempt in (first, second):
        log(attempt, '{"loss": 1, "acc": 0.5}\n{"event": "summary", "metrics": {"acc": 0.7}}\n')
        attempts.end(attempt, DONE)
    best = [event for event in events if isinstance(event, BestSoFar)]
    assert [(event.metric, event.value) for event in best] == [("acc", 0.7)]
    assert [event for event in events if isinstance(event, Notice)] == []
    assert [run["best"] for run in client.list_runs(sweep)] == [0.7, 0.7]


def test_a_pending_delivery_is_saved_before_anything_runs(attempts, handout, outbox, network):
    attempt = attempts.begin(handout)
    (pending,) = outbox.orphaned(network.place)
    assert (pending.run, pending.attempt, pending.outcome) == (handout.id, 1, None)
    assert pending.metrics_file == str(attempt.files.metrics)


def test_the_end_is_told_counted_and_compared(attempts, handout, events, outbox, network):
    attempt = attempts.begin(handout)
    log(attempt, '{"loss": 2}\n{"loss": 1}\n{"loss": 3}\n')
    attempts.end(attempt, DONE)
    assert (ended(events).state, ended(events).value) == ("finished", 1)
    assert ended(events).summary == {"loss": 3}
    assert events[-1] == BestSoFar(handout.id, "loss", 1, handout.config)
    assert attempts.tally.n_runs == 1
    assert outbox.orphaned(network.place) == []


def test_a_failure_shows_its_last_words(attempts, handout, events):
    outcome = ProgramOutcome(False, exit_code=1, stderr_tail="Traceback ...\nValueError: diverged")
    attempts.end(attempts.begin(handout), outcome)
    assert ended(events).error == "ValueError: diverged"
    assert attempts.tally.n_failed == 1


def test_an_outage_of_ten_minutes_at_the_end_is_borne(attempts, handout, events, network, clock):
    attempt = attempts.begin(handout)
    log(attempt, '{"loss": 1}\n')
    back_at = clock() + 600
    network.fail = lambda _: BackendUnavailable("away") if clock() < back_at else None
    attempts.end(attempt, DONE)
    assert (ended(events).state, ended(events).is_delivered) == ("finished", True)
    assert len([event for event in events if isinstance(event, Notice)]) == 1


def test_one_of_an_hour_is_not_but_nothing_is_lost(attempts, handout, events, network, outbox):
    attempt = attempts.begin(handout)
    log(attempt, '{"loss": 1}\n')
    network.go_away()
    attempts.end(attempt, DONE)
    assert (ended(events).state, ended(events).is_delivered) == ("finished", False)
    (pending,) = outbox.orphaned(network.place)
    assert pending.outcome["exit_code"] == 0
    assert "sweep-sdk sync" in events[-3].message


def test_an_agent_that_shall_end_does_not_wait_long(
    attempts, handout, events, network, monkeypatch
):
    monkeypatch.setattr(_attempts, "HURRY_SECONDS", 0.05)
    monkeypatch.setattr(_attempts, "_HURRY_POLL_SECONDS", 0.01)
    attempt = attempts.begin(handout)
    attempts.stopping.set()
    network.go_away()
    began_at = attempts.stopping.clock()
    attempts.end(attempt, ProgramOutcome(False, cause="interrupted"))
    assert (ended(events).state, ended(events).is_delivered) == ("preempted", False)
    assert attempts.stopping.clock() - began_at < 200


def test_no_request_is_begun_that_would_not_be_over_when_the_agent_has_to_have_ended(
    attempts, handout, events, network
):
    attempt = attempts.begin(handout)
    attempts.stopping.set()
    attempts.ending.at = time.monotonic() + 2.0
    network.go_away()
    attempts.end(attempt, ProgramOutcome(False, cause="interrupted"))
    assert (ended(events).state, ended(events).is_delivered) == ("preempted", False)
    assert len(network.sent("/finish")) == 1


def test_a_token_that_is_refused_at_the_end_loses_nothing(attempts, handout, network, outbox):
    attempt = attempts.begin(handout)
    network.fail = lambda _: problem(401, "unauthorized")
    attempts.end(attempt, DONE)
    assert len(outbox.orphaned(network.place)) == 1


def test_a_run_that_others_have_is_let_go(attempts, handout, events, client, outbox, network):
    attempt = attempts.begin(handout)
    log(attempt, '{"loss": 1}\n')
    client.finish(handout.id, {"attempt": 1, "state": "preempted"})
    attempts.end(attempt, DONE)
    assert (ended(events).state, ended(events).reason) == ("lost", "lease_lost")
    assert outbox.orphaned(network.place) == []
    assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 1}]


def test_rows_of_a_run_that_was_lost_are_kept_beside_it(attempts, handout, events, client):
    attempt = attempts.begin(handout)
    log(attempt, '{"loss": 1}\n')
    client.finish(handout.id, {"attempt": 1, "state": "preempted"})
    attempts.end(attempt, ProgramOutcome(False, cause="lease_lost"))
    assert ended(events).state == "lost"
    assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 1}]


def test_rows_of_a_lost_run_wait_on_disk_while_the_backend_is_away(
    attempts, handout, events, client, outbox, network
):
    attempt = attempts.begin(handout)
    log(attempt, '{"loss": 1}\n')
    client.finish(handout.id, {"attempt": 1, "state": "preempted"})
    network.fail = lambda _: problem(401, "unauthorized")
    attempts.end(attempt, ProgramOutcome(False, cause="lease_lost"))
    assert (ended(events).state, ended(events).is_delivered) == ("lost", False)
    network.fail = lambda _: None
    (synced,) = sync(client, outbox, lambda _: None)
    assert synced.state == "lost"
    assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 1}]


def test_a_deleted_sweep(attempts, handout, events, client, sweep):
    attempt = attempts.begin(handout)
    client.delete_sweep(sweep)
    attempts.end(attempt, ProgramOutcome(False, cause="deleted"))
    assert (ended(events).state, ended(events).reason) == ("lost", "deleted")


def test_a_run_that_was_not_begun_is_handed_out_again(attempts, handout, client, sweep):
    attempts.give_back(handout)
    again = client.ask(sweep, "another-key", "agent")
    assert (again.id, again.attempt) == (handout.id, 2)


def test_a_run_that_comes_while_the_agent_is_stopped_is_given_back(
    attempts, outbox, events, client, sweep, network
):
    requester = RunRequester(
        client,
        sweep,
        agent="agent",
        host="host",
        outbox=outbox,
        emit=events.append,
        stopping=attempts.stopping,
        patience_seconds=60,
    )
    network.lose = lambda request: (
        attempts.stopping.set() if request.path.endswith("/runs") else None
    )
    Worker("", {}, attempts, requester, Launcher({"command": ["true"]}, {}), None, None, {}).work()
    assert events == []
    assert attempts.tally.n_runs == 0
    assert client.get_run(f"{sweep}-0")["attempts"][0]["state"] == "preempted"


def test_a_folder_that_cannot_be_made(attempts, handout, settings, client, sweep):
    settings.home.mkdir()
    settings.runs_dir.write_text("a file")
    with pytest.raises(UsageError, match="cannot write to"):
        attempts.begin(handout)
    again = client.ask(sweep, "another-key", "agent")
    assert isinstance(again, HandOut)
    assert again.attempt == 2
