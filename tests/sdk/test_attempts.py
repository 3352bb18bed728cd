from __future__ import annotations

import errno
import json
import threading
import time

import pytest
from made_answers import problem

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.outbox.endings import ProgramOutcome
from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._agent.session.session import AgentSession, registered
from sweep_sdk._agent.slot import attempt as _attempt
from sweep_sdk._agent.slot.attempt import Attempt
from sweep_sdk._agent.view.events import BestSoFar, Notice, RunEnded
from sweep_sdk._exceptions import BackendUnavailable, UsageError
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, HandOut

DONE = ProgramOutcome(True, exit_code=0)


@pytest.fixture
def events():
    return []


@pytest.fixture
def session(client, sweep, settings, events, clock):
    """An agent's; its waits move the fake clock until the agent has to end."""
    with registered(settings) as lock:
        session = AgentSession(
            client, client.get_sweep(sweep), AgentOptions(), settings, lock, events.append
        )
        session.stopping = ImpatientEvent(clock)
        yield session


@pytest.fixture
def begin(session):
    """Begins an attempt, which nothing stops."""
    return lambda handout: Attempt(session, handout, pytest.fail)


@pytest.fixture
def pending(settings):
    """Reads the pending deliveries on disk."""
    return lambda: [
        json.loads(path.read_text()) for path in (settings.home / "pending").glob("*.json")
    ]


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
    begin, client, sweep, handout, events
):
    first = begin(handout)
    changed = {**client.get_sweep(sweep)["config"], "metric": {"name": "acc"}}
    client.change_sweep(sweep, config=changed)
    second = begin(client.ask(sweep, "another-key-of-the-test", "agent"))
    for attempt in (first, second):
        log(attempt, '{"loss": 1, "acc": 0.5}\n{"event": "summary", "metrics": {"acc": 0.7}}\n')
        attempt.finish(DONE)
    best = [event for event in events if isinstance(event, BestSoFar)]
    assert [(event.metric, event.value) for event in best] == [("acc", 0.7)]
    assert [event for event in events if isinstance(event, Notice)] == []
    assert [run["best"] for run in client.list_runs(sweep)] == [0.7, 0.7]


def test_a_pending_delivery_is_saved_before_anything_runs(begin, handout, pending):
    attempt = begin(handout)
    (saved,) = pending()
    assert (saved["run"], saved["attempt"], saved["outcome"]) == (handout.id, 1, None)
    assert saved["metrics_file"] == str(attempt.files.metrics)


def test_the_end_is_reported_counted_and_compared(begin, session, handout, events, pending):
    attempt = begin(handout)
    log(attempt, '{"loss": 2}\n{"loss": 1}\n{"loss": 3}\n')
    attempt.finish(DONE)
    assert (ended(events).state, ended(events).value) == ("finished", 1)
    assert ended(events).summary == {"loss": 3}
    assert events[-1] == BestSoFar(handout.id, "loss", 1, handout.config)
    assert session.tally.n_runs == 1
    assert pending() == []


def test_a_failure_shows_its_last_words(begin, session, handout, events):
    outcome = ProgramOutcome(False, exit_code=1, stderr_tail="Traceback ...\nValueError: diverged")
    begin(handout).finish(outcome)
    assert ended(events).error == "ValueError: diverged"
    assert session.tally.n_failed == 1


def test_an_outage_of_ten_minutes_at_the_end_is_borne(begin, handout, events, network, clock):
    attempt = begin(handout)
    log(attempt, '{"loss": 1}\n')
    back_at = clock() + 600
    network.fail = lambda _: BackendUnavailable("away") if clock() < back_at else None
    attempt.finish(DONE)
    assert (ended(events).state, ended(events).is_delivered) == ("finished", True)
    assert len([event for event in events if isinstance(event, Notice)]) == 1


def test_one_of_an_hour_is_not_but_nothing_is_lost(begin, handout, events, network, pending):
    attempt = begin(handout)
    log(attempt, '{"loss": 1}\n')
    network.go_away()
    attempt.finish(DONE)
    assert (ended(events).state, ended(events).is_delivered) == ("finished", False)
    (saved,) = pending()
    assert (saved["outcome"]["exit_code"], saved["holder"]) == (0, None)
    assert "sweep-sdk sync" in events[-3].message


def test_an_agent_that_must_end_does_not_wait_long(
    begin, session, handout, events, network, monkeypatch
):
    monkeypatch.setattr(_attempt, "HURRY_SECONDS", 0.05)
    monkeypatch.setattr(_attempt, "_HURRY_POLL_SECONDS", 0.01)
    attempt = begin(handout)
    session.stopping.set()
    network.go_away()
    began_at = session.stopping.clock()
    attempt.finish(ProgramOutcome(False, cause="interrupted"))
    assert (ended(events).state, ended(events).is_delivered) == ("preempted", False)
    assert session.stopping.clock() - began_at < 200


def test_no_request_is_begun_that_would_not_be_over_when_the_agent_has_to_have_ended(
    begin, session, handout, events, network
):
    attempt = begin(handout)
    session.stopping.set()
    session.deadline.at = time.monotonic() + 2.0
    network.go_away()
    attempt.finish(ProgramOutcome(False, cause="interrupted"))
    assert (ended(events).state, ended(events).is_delivered) == ("preempted", False)
    assert len(network.sent("/finish")) == 1


def test_a_token_that_is_refused_at_the_end_loses_nothing(begin, handout, network, pending):
    attempt = begin(handout)
    network.fail = lambda _: problem(401, "unauthorized")
    attempt.finish(DONE)
    assert len(pending()) == 1


def test_a_run_that_others_have_is_let_go(begin, handout, events, client, pending):
    attempt = begin(handout)
    log(attempt, '{"loss": 1}\n')
    client.finish(handout.id, Ending(1, RunState.PREEMPTED))
    attempt.finish(DONE)
    assert (ended(events).state, ended(events).reason) == ("lost", "lease_lost")
    assert pending() == []
    assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 1}]


def test_rows_of_a_run_that_was_lost_are_kept_beside_it(begin, handout, events, client):
    attempt = begin(handout)
    log(attempt, '{"loss": 1}\n')
    client.finish(handout.id, Ending(1, RunState.PREEMPTED))
    attempt.finish(ProgramOutcome(False, cause="lease_lost"))
    assert ended(events).state == "lost"
    assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 1}]


def test_rows_of_a_lost_run_wait_on_disk_while_the_backend_is_away(
    begin, handout, events, client, network, settings
):
    attempt = begin(handout)
    log(attempt, '{"loss": 1}\n')
    client.finish(handout.id, Ending(1, RunState.PREEMPTED))
    network.fail = lambda _: problem(401, "unauthorized")
    attempt.finish(ProgramOutcome(False, cause="lease_lost"))
    assert (ended(events).state, ended(events).is_delivered) == ("lost", False)
    network.fail = lambda _: None
    (synced,) = sync(client, Outbox(settings.home), lambda _: None)
    assert synced.state == "lost"
    assert [row["metrics"] for row in client.history(handout.id)] == [{"loss": 1}]


def test_a_deleted_sweep(begin, handout, events, client, sweep):
    attempt = begin(handout)
    client.delete_sweep(sweep)
    attempt.finish(ProgramOutcome(False, cause="deleted"))
    assert (ended(events).state, ended(events).reason) == ("lost", "deleted")


def test_a_run_that_comes_while_the_agent_is_stopped_is_given_back(
    begin, session, events, client, sweep, network
):
    network.lose = lambda request: (
        session.stopping.set() if request.path.endswith("/runs") else None
    )
    assert list(session.attempts("", begin)) == []
    assert events == []
    assert session.tally.n_runs == 0
    assert client.get_run(f"{sweep}-0")["attempts"][0]["state"] == "preempted"


def test_a_run_whose_folder_cannot_be_made_is_handed_out_again(
    begin, session, settings, client, sweep
):
    settings.runs_dir.write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write to .*; set SWEEP_RUNS_DIR"):
        next(session.attempts("", begin))
    again = client.ask(sweep, "another-key", "agent")
    assert isinstance(again, HandOut)
    assert (again.id, again.attempt) == (f"{sweep}-0", 2)


def test_a_machine_that_is_short_of_something_for_a_moment_is_tried_again(
    begin, session, events, client, sweep
):
    failures = [OSError(errno.ENFILE, "Too many open files in system")]

    def begin_when_possible(handout):
        if failures:
            raise failures.pop()
        return begin(handout)

    attempt = next(session.attempts("", begin_when_possible))
    assert (attempt.handout.id, attempt.handout.attempt) == (f"{sweep}-0", 2)
    (notice,) = events
    assert notice.run == f"{sweep}-0"
    assert "the run is given back, and this agent tries again in 1 s" in notice.message
