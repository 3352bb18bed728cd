from __future__ import annotations

import pytest

from sweep_sdk._backend.retry import ONCE, Retrier, RetryPolicy
from sweep_sdk._exceptions import BackendUnavailable, WrongBackend


class Flaky:
    """Fails some times, then answers."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.seen = []

    def __call__(self, n_failures):
        self.seen.append(n_failures)
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.fixture
def sleeps():
    return []


@pytest.fixture
def make(clock, sleeps):
    def sleep(seconds):
        sleeps.append(seconds)
        clock.advance(seconds)

    def make(policy=None, **fields):
        return Retrier(
            policy or RetryPolicy(),
            clock=clock,
            sleep=sleep,
            uniform=lambda _, most: most,
            **fields,
        )

    return make


def test_the_first_answer_counts(make, sleeps):
    assert make().call(Flaky()) == "answer"
    assert sleeps == []


def test_waits_grow_and_are_bounded(make, sleeps):
    policy = RetryPolicy(attempts=None, deadline_seconds=1e9, longest_delay_seconds=2.0)
    assert make(policy).call(Flaky(*[BackendUnavailable("x")] * 6)) == "answer"
    assert sleeps == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_the_wait_is_drawn_from_zero_on(make):
    drawn = []
    policy = RetryPolicy()
    policy.delay(3, None, lambda least, most: drawn.append((least, most)) or 0.0)
    assert drawn == [(0.0, 1.0)]


def test_retry_after_is_honoured(make, sleeps):
    make().call(Flaky(BackendUnavailable("x", retry_after_seconds=7.0)))
    assert sleeps == [7.25]


def test_attempts_are_bounded(make):
    flaky = Flaky(*[BackendUnavailable("x")] * 9)
    with pytest.raises(BackendUnavailable):
        make(RetryPolicy(attempts=3)).call(flaky)
    assert flaky.seen == [0, 1, 2]


def test_no_try_begins_after_the_deadline(make, clock):
    flaky = Flaky(*[BackendUnavailable("x", retry_after_seconds=10.0)] * 9)
    started = clock()
    with pytest.raises(BackendUnavailable):
        make(RetryPolicy(attempts=None, deadline_seconds=25.0)).call(flaky)
    assert len(flaky.seen) == 3
    assert clock() - started < 25.0


def test_what_will_not_pass_is_not_repeated(make, sleeps):
    with pytest.raises(WrongBackend):
        make().call(Flaky(WrongBackend("x")))
    with pytest.raises(ValueError, match="other"):
        make().call(Flaky(ValueError("other")))
    assert sleeps == []


def test_a_policy_of_one_attempt_does_not_repeat(make, sleeps):
    with pytest.raises(BackendUnavailable):
        make(ONCE).call(Flaky(BackendUnavailable("x")))
    assert sleeps == []


def test_trouble_is_reported_only_when_it_goes_on(make):
    reported = []
    make(RetryPolicy(attempts=2), on_trouble=reported.append).call(Flaky(BackendUnavailable("one")))
    with pytest.raises(BackendUnavailable):
        make(ONCE, on_trouble=reported.append).call(Flaky(BackendUnavailable("two")))
    assert [str(error) for error in reported] == ["one"]
