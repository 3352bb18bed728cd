"""The hand-out protocol with one fault, injected at every point.

A handler stalls before one of its calls, or loses the reply of one and stalls; other requests come
in between, up to two of them in any order; then it goes on. In the end one agent must bring the
sweep to its end. By default a sample of these plays is tried, with ``SWEEP_FAULTS=full``
each of them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from protocol_play import (
    LEASE_SECONDS,
    MAX_ATTEMPTS,
    N_POINTS,
    PREEMPTING_SECONDS,
    STRAIGHT,
    Course,
    Play,
    Stop,
)
from protocol_requests import Ask, Delete, Finish, SetCap, SetState, Update

from sweep_service.errors import LeaseLost
from sweep_service.model.records.records import Lease, Run
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.ask import Wait
from sweep_service.protocol import leases
from sweep_service.protocol.leases import release
from sweep_service.storage.sqlite.store import SqliteStore

# What may happen, with the number that chooses among its possibilities.
EVENTS = {
    "ask": ("agent_asks", 0),
    "row": ("agent_reports", 1),
    "beat": ("agent_reports", 0),
    "leave": ("agent_has_to_end", 0),
    "finish": ("agent_ends_its_run", 0),
    "fail": ("agent_ends_its_run", 1),
    "preempt": ("agent_ends_its_run", 2),
    "silence": ("lease_runs_out", 0),
    "half": ("time_passes", 3),
    "again": ("request_arrives_again", 1),
    "cap": ("user_sets_the_cap", 2),
    "cap_here": ("user_sets_the_cap", 1),
    "lower": ("user_sets_the_cap", 0),
    "update": ("user_updates_the_config", 2),
    "pause": ("user_sets_the_state", 2),
    "reconcile": ("somebody_reconciles", 0),
    "retry": ("user_retries_a_run", 0),
    "delete": ("user_deletes_a_run", 0),
    "from scratch": ("user_deletes_a_run", 1),
}
BEFORE = [
    "",
    "ask",
    "ask preempt",
    "ask row",
    "ask fail",
    "ask silence",
    "ask half",
    "ask cap",
    "ask leave",
    "ask fail ask fail",
    "ask finish",
]
STALLED = [
    "ask",
    "row",
    "leave",
    "finish",
    "fail",
    "preempt",
    "cap",
    "cap_here",
    "update",
    "pause",
    "reconcile",
    "retry",
    "delete",
    "from scratch",
]
MOST_MEANWHILE = 2
EVERY = {"": 97, "hunt": 17, "full": 1}[os.environ.get("SWEEP_FAULTS", "")]


def happen(play: Play, name: str, course: Course = STRAIGHT) -> None:
    what, which = EVENTS[name]
    getattr(play, what)(which, course)


def courses(play: Play, stalled: str) -> Iterator[Course]:
    """A stall before each call but the first, and a lost reply of each write."""
    happen(play, stalled, Course(Stop(n_calls=0)))
    for flight in play.flights:
        for n_calls in itertools.count():
            if flight.call is None:
                break
            if n_calls:
                yield Course(Stop(n_calls=n_calls))
            if flight.call.is_write:
                yield Course(Stop(n_calls=n_calls), "lose")
            play.step(flight)
    play.flights.clear()


def sequences() -> Iterator[tuple[str, ...]]:
    """All that may happen meanwhile."""
    for length in range(1, MOST_MEANWHILE + 1):
        yield from itertools.product(EVENTS, repeat=length)


@pytest.fixture
def new_play(tmp_path, monkeypatch):
    """Makes a play in which some things have happened already."""
    monkeypatch.setattr(leases, "MAX_ATTEMPTS", MAX_ATTEMPTS)
    monkeypatch.setattr(leases, "PREEMPTING_GRACE_SECONDS", PREEMPTING_SECONDS)
    monkeypatch.setattr(leases, "PREEMPTING_LEASE_SECONDS", PREEMPTING_SECONDS)
    numbers = itertools.count()

    def new_play(before: str, config: str = "grid") -> Play:
        play = Play([store], config, f"play-{next(numbers)}", 1, MAX_ATTEMPTS)
        for name in before.split():
            happen(play, name)
        return play

    with SqliteStore(tmp_path / "sweeps.db") as store:
        yield new_play


@pytest.mark.parametrize("before", BEFORE)
def test_promises_hold_wherever_a_handler_stalls(new_play, before):
    course_of = {stalled: list(courses(new_play(before), stalled)) for stalled in STALLED}
    plans = (
        (stalled, course, meanwhile)
        for stalled in STALLED
        for course in course_of[stalled]
        for meanwhile in sequences()
    )
    for stalled, course, meanwhile in itertools.islice(plans, 0, None, EVERY):
        play = new_play(before)
        try:
            happen(play, stalled, course)
            for name in meanwhile:
                happen(play, name)
            play.stalled_handler_goes_on(0)
            play.end()
        except AssertionError as error:
            raise AssertionError(f"{before} | {stalled} {course} | {meanwhile}: {error}") from error
        finally:
            play.kill_handlers()


def test_a_run_that_begins_and_ends_while_a_handler_that_reconciles_looks_away(new_play):
    """It has seen no lease, then it sees an ended run: the observation may still be missing."""
    play = new_play("", "bayes")
    happen(play, "ask", Course(Stop(n_writes=1)))  # an index, and no lease yet
    happen(play, "reconcile", Course(Stop(n_calls=2)))  # the leases are read
    play.stalled_handler_goes_on(0)
    happen(play, "finish", Course(Stop(n_writes=1), "die"))  # an outcome, and no observation yet
    play.stalled_handler_goes_on(0)
    play.end()


def test_a_cap_that_was_worked_out_for_an_older_config(new_play):
    """The grid grows before the new cap is written: all of its points are to be had."""
    play = new_play("ask")
    play.send(SetCap(N_POINTS + 9), Course(Stop(n_writes=0)))
    values = list(range(N_POINTS + 2))
    play.send(Update({**play.document, "run_cap": 2, "parameters": {"a": {"values": values}}}))
    play.stalled_handler_goes_on(0)
    assert play.worlds[0].witness.snapshot.counter.limit == len(values)
    play.end()


def test_a_holder_that_is_heard_from_while_its_run_is_about_to_crash(new_play):
    """Another has found it silent for too long, for the last time; before it acts, a beat comes."""
    play = new_play("ask silence")
    play.clock.now += LEASE_SECONDS + 0.5
    play.ask_the_store(Ask("suspecting"))
    play.clock.now += LEASE_SECONDS
    play.send(Ask("taking"), Course(Stop(n_writes=0)))
    happen(play, "beat")
    play.stalled_handler_goes_on(0)
    assert play.worlds[0].witness.snapshot.runs[0].outcome is None
    play.end()


def test_a_config_that_is_stored_is_not_computed_again(new_play):
    """An older backend, which worked out another for this index, has handed it out once."""
    play = new_play("")
    store, sweep, now = play.worlds[0].store, play.worlds[0].sweep, play.clock.now
    index, _ = store.claim_index(sweep)
    names = {"key": "earlier", "agent": "agent", "host": "host"}
    store.save(sweep, None, Lease(index, 1, slot="", lease_end=now + 1, **names))
    run = Run(index, {"a": N_POINTS - 1}, 1, 1, created_at=now, started_at=now, **names)
    store.save(sweep, None, run)
    lease = store.get_lease(sweep, index)
    store.save(sweep, lease, release(lease, 1, is_failure=False))
    assert play.ask_the_store(Ask("later")).config == run.config


def test_an_ask_waits_while_another_is_between_its_lease_and_its_run(new_play):
    """The index is no hole, and nothing is to be had: that is no reason for an error."""
    play = new_play("")
    happen(play, "ask", Course(Stop(n_writes=2)))
    assert isinstance(play.ask_the_store(Ask("waiting")), Wait)
    play.stalled_handler_goes_on(0)
    play.end()


def test_a_holder_that_a_clock_ahead_of_the_others_suspects_is_heard_from(new_play):
    """Its lease is fresh by the clock of the handler that hears of it."""
    play = new_play("ask")
    world = play.worlds[0]
    lease = world.store.get_lease(world.sweep, 0)
    world.store.save(world.sweep, lease, replace(lease, suspect_at=play.clock.now))
    happen(play, "beat")
    assert world.store.get_lease(world.sweep, 0).suspect_at is None


def test_the_end_of_an_older_attempt_is_refused_and_leaves_no_record_of_the_newer(new_play):
    play = new_play("ask silence")
    world = play.worlds[0]
    assert isinstance(play.ask_the_store(Finish(0, 1, RunState.PREEMPTED)), LeaseLost)
    records = world.store.list_attempt_records(world.sweep, 0)
    assert [(one.attempt, one.state) for one in records] == [(1, RunState.CRASHED)]
    happen(play, "finish")
    assert isinstance(play.ask_the_store(Finish(0, 1, RunState.FINISHED)), LeaseLost)


def test_a_finish_that_looks_away_while_its_run_is_retried(new_play):
    """Its first try has ended the run; the repeat has read what came first, then comes a retry."""
    play = new_play("ask fail ask fail")
    play.send(play.sent[-1], Course(Stop(n_calls=2)))
    happen(play, "retry")
    play.stalled_handler_goes_on(0)
    assert play.worlds[0].witness.snapshot.runs[0].outcome is None
    play.end()


def test_a_retry_that_dies_is_carried_out_by_the_next_ask(new_play):
    play = new_play("ask fail ask fail cap")
    happen(play, "retry", Course(Stop(n_writes=1), "die"))
    play.send(Ask("next"))
    run = play.worlds[0].witness.snapshot.runs[0]
    assert (run.outcome, run.attempt) == (None, 3)
    play.end()


def test_a_retry_that_dies_in_a_finished_sweep_is_carried_out_when_it_is_resumed(new_play):
    play = new_play("ask fail ask fail")
    happen(play, "retry", Course(Stop(n_writes=1), "die"))
    play.send(SetState(SweepState.RUNNING))
    play.send(Ask("next"))
    run = play.worlds[0].witness.snapshot.runs[0]
    assert (run.outcome, run.attempt) == (None, 3)
    play.end()


def test_a_late_ask_does_not_get_a_run_that_is_retried(new_play):
    """Its index was taken for a hole, and its lease comes when the run there has ended."""
    play = new_play("")
    happen(play, "ask", Course(Stop(n_writes=1)))  # an index, and no lease yet
    happen(play, "reconcile")
    answer = play.ask_the_store(Ask("another"))
    play.ask_the_store(Finish(answer.index, answer.attempt, RunState.FINISHED))
    play.stalled_handler_goes_on(0, Course(Stop(n_writes=1)))  # a lease, and no run
    play.send(Delete(answer.index, is_again=True))
    play.stalled_handler_goes_on(0)
    play.end()


def test_a_late_retry_leaves_an_ended_sweep_in_peace(new_play):
    """Another has carried the amendment out, the run has ended again, and so has the sweep."""
    play = new_play("ask fail ask fail")
    happen(play, "retry", Course(Stop(n_writes=1)))
    happen(play, "retry")
    for what in ("ask", "finish"):
        happen(play, what)
    assert play.worlds[0].witness.snapshot.counter.state is SweepState.FINISHED
    play.stalled_handler_goes_on(0)
    assert play.worlds[0].witness.snapshot.counter.state is SweepState.FINISHED
    play.end()


def test_a_sweep_that_is_resumed_before_its_first_run_goes_on(new_play):
    """Nothing is being worked on, but there is more to give out."""
    play = new_play("")
    play.send(SetState(SweepState.PAUSED))
    play.send(SetState(SweepState.RUNNING))
    happen(play, "ask")
    assert len(play.busy) == 1
    play.end()


def test_rows_count_when_their_run_ends_while_another_takes_it(new_play):
    """The lease that knew of them is another's already; the run is not yet."""
    play = new_play("ask row")
    play.clock.now += LEASE_SECONDS + 0.5
    play.ask_the_store(Ask("suspecting"))
    play.clock.now += LEASE_SECONDS
    play.send(Ask("taking"), Course(Stop(n_writes=1)))
    happen(play, "finish")
    play.stalled_handler_goes_on(0)
    play.end()
