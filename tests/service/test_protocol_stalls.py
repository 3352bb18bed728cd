"""The hand-out protocol with one fault, tried at every point.

A handler stalls before one of its calls, or loses the reply of one and stalls; other requests come
in between, up to two of them in any order; then it goes on. In the end one agent must bring the
sweep to its end. By default every so many-th of these plays is tried, with ``SWEEP_FAULTS=full``
each of them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from protocol_play import MAX_ATTEMPTS, STRAIGHT, Course, Play, Stop

from sweep_service.operations import ask
from sweep_service.storage.sqlite import SqliteStore

# What may happen, with the number that chooses among its possibilities.
EVENTS = {
    "ask": ("agent_asks", 0),
    "row": ("agent_reports", 1),
    "beat": ("agent_reports", 0),
    "finish": ("agent_ends_its_run", 0),
    "fail": ("agent_ends_its_run", 1),
    "preempt": ("agent_ends_its_run", 2),
    "silence": ("lease_runs_out", 0),
    "half": ("time_passes", 3),
    "again": ("request_arrives_again", 1),
    "cap": ("user_sets_the_cap", 2),
    "lower": ("user_sets_the_cap", 0),
    "update": ("user_updates_the_config", 2),
    "pause": ("user_sets_the_state", 2),
    "settle": ("somebody_settles", 0),
}
BEFORE = ["", "ask", "ask preempt", "ask row", "ask fail", "ask silence", "ask half"]
STALLED = ["ask", "row", "finish", "fail", "preempt", "cap", "update", "pause", "settle"]
MOST_MEANWHILE = 2
EVERY = {"": 97, "hunt": 13, "full": 1}[os.environ.get("SWEEP_FAULTS", "")]


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
    monkeypatch.setattr(ask, "MAX_ATTEMPTS", MAX_ATTEMPTS)
    numbers = itertools.count()

    def new_play(before: str) -> Play:
        play = Play([store], "grid", f"play-{next(numbers)}", 1, MAX_ATTEMPTS)
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
