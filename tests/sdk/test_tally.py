from __future__ import annotations

import threading

import pytest

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.session.tally import GivingUp, Tally


@pytest.fixture
def make(clock):
    def make(**options):
        defaults = {"max_consecutive_failures": 0, "max_runs_without_metric": 0}
        return Tally(AgentOptions(**{**defaults, **options}), clock)

    return make


def add(tally, *states):
    for state in states:
        tally.add(state)


def test_the_count_is_a_bound(make):
    tally = make(count=2)
    assert [tally.take_turn() for _ in range(3)] == [True, True, False]
    tally.give_back_turn()
    assert tally.take_turn()


def test_without_a_count_there_is_none(make):
    tally = make()
    assert all(tally.take_turn() for _ in range(1000))


def test_three_failures_in_the_first_minute(make, clock):
    tally = make()
    add(tally, "failed", "finished", "failed")
    assert tally.gave_up is None
    clock.advance(59)
    add(tally, "failed")
    assert "3 runs failed in the first 60 s" in tally.gave_up.reason
    assert not tally.take_turn()


def test_later_five_before_any_success(make, clock):
    tally = make()
    clock.advance(60)
    add(tally, *["failed"] * 4)
    assert tally.gave_up is None
    add(tally, "failed")
    assert "5 runs failed and none succeeded" in tally.gave_up.reason


def test_without_a_bound_failures_after_a_success_are_borne(make, clock):
    tally = make()
    clock.advance(60)
    add(tally, "finished", *["failed"] * 50)
    assert tally.gave_up is None
    assert (tally.n_runs, tally.n_failed) == (51, 50)


def test_failures_in_a_row(make, clock):
    tally = make(max_consecutive_failures=3)
    clock.advance(60)
    add(tally, "finished", "failed", "failed", "finished", "failed", "preempted", "failed")
    assert tally.gave_up is None
    add(tally, "failed")
    assert tally.gave_up == GivingUp("3 runs failed in a row", "max_consecutive_failures")


@pytest.mark.parametrize("state", ["killed", "preempted", "lost"])
def test_what_is_no_failure(make, state):
    tally = make()
    add(tally, *[state] * 10)
    assert tally.gave_up is None
    assert tally.n_failed == 0


def test_limits_can_be_taken_away(make):
    tally = make(max_failures=0, max_initial_failures=0)
    add(tally, *["failed"] * 50)
    assert tally.gave_up is None


def test_threads_do_not_take_more_than_the_count(make):
    tally = make(count=100)
    taken = []

    def take():
        while tally.take_turn():
            taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 100


def test_three_runs_in_a_row_without_the_metric(make):
    tally = make(max_runs_without_metric=3)
    assert tally.add("finished", is_metric_missing=True)
    assert not tally.add("finished", is_metric_missing=True)
    tally.add("failed", is_metric_missing=True)  # says nothing of what a program logs
    assert tally.gave_up is None
    tally.add("finished", is_metric_missing=True)
    assert "3 runs in a row finished without logging" in tally.gave_up.reason


def test_runs_whose_values_are_all_nan_are_reported_but_do_not_end_the_agent(make):
    tally = make(max_runs_without_metric=3)
    crossed = [tally.add("finished", is_without_value=True) for _ in range(5)]
    assert (crossed, tally.gave_up) == ([True, False, False, False, False], None)
    assert tally.add("finished", is_metric_missing=True, is_without_value=True)
    tally.add("finished")
    assert tally.add("finished", is_without_value=True)


def test_a_run_with_the_metric_resets_the_count(make):
    tally = make(max_runs_without_metric=3)
    for is_missing in (True, True, False, True, True):
        tally.add("finished", is_metric_missing=is_missing)
    assert tally.gave_up is None


def test_without_a_bound_runs_may_lack_it(make):
    tally = make(max_runs_without_metric=0)
    for _ in range(50):
        tally.add("finished", is_metric_missing=True)
    assert tally.gave_up is None


class TestMachineFaults:
    """This machine cannot run programs; that says nothing about their runs."""

    def test_it_waits_longer_each_time_and_gives_up_after_five(self, make, clock):
        tally = make(count=1)
        pauses = []
        for _ in range(5):
            assert tally.take_turn()
            pauses.append(tally.add_machine_fault("Too many open files"))
            clock.advance(pauses[-1])
        assert pauses[:4] == [1, 2, 4, 8]
        assert "5 times in a row (Too many open files)" in tally.gave_up.reason
        assert tally.gave_up.option is None
        assert (tally.n_runs, tally.n_failed, tally.is_failure) == (0, 0, True)
        assert not tally.take_turn()

    def test_what_several_slots_meet_at_once_counts_once(self, make, clock):
        tally = make()
        for _ in range(20):
            tally.take_turn()
        assert [tally.add_machine_fault("why") for _ in range(10)] == [1.0] * 10
        clock.advance(0.5)
        assert tally.add_machine_fault("why") == 0.5
        assert tally.gave_up is None

    def test_a_run_that_starts_resets_the_count(self, make, clock):
        tally = make()
        for state in ("finished", "failed", "preempted", "finished", "finished"):
            tally.take_turn()
            clock.advance(tally.add_machine_fault("why"))
            tally.take_turn()
            tally.add(state)
        assert tally.gave_up is None


class TestSuccess:
    """Batch systems see the exit code alone."""

    @pytest.mark.parametrize(
        ("states", "is_failure"),
        [
            ((), False),
            (("finished",), False),
            (("failed", "finished", "failed"), False),
            (("failed",), True),
            (("preempted",), True),
            (("lost",), True),
            (("killed",), False),
            (("killed", "failed"), True),
        ],
    )
    def test_none_of_whose_runs_succeeded(self, make, states, is_failure):
        tally = make(max_failures=0, max_initial_failures=0)
        add(tally, *states)
        assert tally.is_failure == is_failure

    def test_giving_up_is_not_a_success(self, make):
        tally = make(max_initial_failures=2)
        add(tally, "finished", "failed", "failed")
        assert tally.is_failure
