from __future__ import annotations

import pytest

from sweep_sdk._agent.outbox.endings import (
    KEEPER_KILLED,
    NOT_STARTED,
    ProgramOutcome,
    ending_of,
    judge,
)
from sweep_sdk._agent.outbox.logged import Logged

GOOD, BAD = True, False


@pytest.mark.parametrize(
    ("logged", "is_success", "cause", "state"),
    [
        (None, GOOD, None, "finished"),
        (0, GOOD, None, "finished"),
        (0, BAD, None, "failed"),
        (None, BAD, None, "failed"),
        (1, GOOD, None, "failed"),
        (None, BAD, "stop_run", "killed"),
        (0, GOOD, "canceled", "killed"),
        (None, BAD, "run_timeout", "failed"),
        (None, BAD, "interrupted", "preempted"),
        (None, GOOD, "interrupted", "preempted"),
        (0, GOOD, "interrupted", "finished"),
        (0, BAD, "interrupted", "preempted"),
        (1, GOOD, "interrupted", "preempted"),
        (None, BAD, "lease_lost", "preempted"),
    ],
)
def test_states(logged, is_success, cause, state):
    assert judge(Logged(exit_code=logged), ProgramOutcome(is_success, cause=cause)) == state


@pytest.mark.parametrize("is_success", [GOOD, BAD])
def test_stopped_early_is_finished(is_success):
    ending = ending_of(Logged(), ProgramOutcome(is_success, cause="early_terminate"), 1, None)
    assert (ending.state, ending.is_stopped_early) == ("finished", True)


def test_a_program_that_expected_an_interruption():
    assert judge(Logged(is_preempting=True), ProgramOutcome(BAD)) == "preempted"
    assert judge(Logged(is_preempting=True), ProgramOutcome(GOOD)) == "finished"
    assert judge(Logged(is_preempting=True, exit_code=1), ProgramOutcome(GOOD)) == "preempted"


@pytest.mark.parametrize("logged", [None, 0])
@pytest.mark.parametrize("is_success", [GOOD, BAD])
@pytest.mark.parametrize(
    "how", [{"cause": "interrupted"}, {"warned_by": 10}, {"cause": "interrupted", "warned_by": 10}]
)
def test_one_that_made_room_after_a_signal_comes_back_however_it_exits(logged, is_success, how):
    found = Logged(exit_code=logged if is_success else 1, is_preempting=True)
    assert judge(found, ProgramOutcome(is_success, **how)) == "preempted"


def test_a_warning_of_which_the_program_took_no_notice():
    assert judge(Logged(exit_code=0), ProgramOutcome(GOOD, warned_by=10)) == "finished"


@pytest.mark.parametrize("cause", [NOT_STARTED, KEEPER_KILLED])
def test_the_machines_fault_is_no_failure(cause):
    assert judge(Logged(), ProgramOutcome(BAD, cause=cause)) == "preempted"


def test_a_program_that_had_finished_when_its_keeper_was_killed():
    assert judge(Logged(exit_code=0), ProgramOutcome(BAD, cause=KEEPER_KILLED)) == "finished"


@pytest.mark.parametrize(("logged", "state"), [(None, "preempted"), (0, "finished"), (2, "failed")])
def test_when_the_agent_died_the_programs_word_counts(logged, state):
    assert judge(Logged(exit_code=logged), None) == state


def test_the_document():
    outcome = ProgramOutcome(BAD, exit_code=3, stderr_tail="x" * 50_000 + "last words")
    document = ending_of(Logged(), outcome, 2, "a key").to_json()
    assert document["stderr_tail"].endswith("last words")
    assert len(document["stderr_tail"]) <= 20_000
    del document["stderr_tail"]
    assert document == {
        "attempt": 2,
        "key": "a key",
        "state": "failed",
        "exit_code": 3,
        "summary": {},
        "stopped_early": False,
    }


def test_last_words_are_kept_of_failures_alone():
    outcome = ProgramOutcome(GOOD, exit_code=0, stderr_tail="a warning")
    assert "stderr_tail" not in ending_of(Logged(), outcome, 1, None).to_json()
