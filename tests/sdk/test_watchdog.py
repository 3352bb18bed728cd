"""One thread that ends what takes too long."""

from __future__ import annotations

import threading

import pytest

from sweep_sdk._backend.watchdog import Watchdog

PATIENCE_SECONDS = 20.0


@pytest.fixture
def acted():
    return threading.Event()


@pytest.fixture
def watchdog(acted):
    watchdog = Watchdog(acted.set)
    yield watchdog
    watchdog.close()


def its_threads(known):
    """Threads that run now and did not before."""
    return [one for one in threading.enumerate() if one not in known]


def test_it_acts_once_a_deadline_has_passed(watchdog, acted):
    watch = watchdog.begin(0.01)
    assert acted.wait(PATIENCE_SECONDS)
    assert watch.is_over


def test_a_shorter_watch_is_not_kept_waiting_by_a_longer_one(watchdog, acted):
    long = watchdog.begin(3600.0)
    short = watchdog.begin(0.01)
    assert acted.wait(PATIENCE_SECONDS)
    assert (long.is_over, short.is_over) == (False, True)


def test_what_ends_in_time_is_left_alone(watchdog, acted):
    watchdog.end(watchdog.begin(0.05))
    last = watchdog.begin(0.1)
    assert acted.wait(PATIENCE_SECONDS)
    assert last.is_over


def test_many_watches_share_one_thread(watchdog):
    known = threading.enumerate()
    for _ in range(100):
        watchdog.end(watchdog.begin(3600.0))
    watchdog.begin(3600.0)
    assert len(its_threads(known)) == 1


def test_its_thread_ends_when_nothing_is_left_and_another_is_started_later(acted):
    known = threading.enumerate()
    watchdog = Watchdog(acted.set)
    for _ in range(2):
        watchdog.begin(3600.0)
        (thread,) = its_threads(known)
        watchdog.close()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    assert not acted.is_set()
