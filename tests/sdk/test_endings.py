from __future__ import annotations

import pytest

from sweep_sdk._agent.outbox.endings import (
    KEEPER_KILLED,
    NOT_STARTED,
    ProgramOutcome,
    Verdict,
    ending_document,
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
    assert judge(Logged(exit_code=logged), ProgramOutcome(is_success, cause=cause)) == Verdict(
        state
    )


@pytest.mark.parametrize("is_success", [GOOD, BAD])
def test_stopped_early_is_finished(is_success):
    verdict = judge(Logged(), ProgramOutcome(is_success, cause="early_terminate"))
    assert verdict == Verdict("finished", is_stopped_early=True)


def test_a_program_that_expected_an_interruption():
    assert judge(Logged(is_preempting=True), ProgramOutcome(BAD)).state == "preempted"
    assert judge(Logged(is_preempting=True), ProgramOutcome(GOOD)).state == "finished"
    assert judge(Logged(is_preempting=True, exit_code=1), ProgramOutcome(GOOD)).state == "preempted"


@pytest.mark.parametrize("logged", [None, 0])
@pytest.mark.parametrize("is_success", [GOOD, BAD])
@pytest.mark.parametrize(
    "how", [{"cause": "interrupted"}, {"warned_by": 10}, {"cause": "interrupted", "warned_by": 10}]
)
def test_one_that_made_room_after_a_signal_comes_back_however_it_exits(logged, is_success, how):
    found = Logged(exit_code=logged if is_success else 1, is_preempting=True)
    assert judge(found, ProgramOutcome(is_success, **how)).state == "preempted"


def test_a_warning_of_which_the_program_took_no_notice():
    assert judge(Logged(exit_code=0), ProgramOutcome(GOOD, warned_by=10)).state == "finished"


@pytest.mark.parametrize("cause", [NOT_STARTED, KEEPER_KILLED])
def test_the_machines_fault_is_no_failure(cause):
    assert judge(Logged(), ProgramOutcome(BAD, cause=cause)).state == "preempted"


def test_a_program_that_had_finished_when_its_keeper_was_killed():
    assert judge(Logged(exit_code=0), ProgramOutcome(BAD, cause=KEEPER_KILLED)).state == "finished"


@pytest.mark.parametrize(("logged", "state"), [(None, "preempted"), (0, "finished"), (2, "failed")])
def test_when_the_agent_died_the_programs_word_counts(logged, state):
    assert judge(Logged(exit_code=logged), None).state == state


def test_the_document():
    outcome = ProgramOutcome(BAD, exit_code=3, stderr_tail="x" * 50_000 + "last words")
    document = ending_document(Verdict("failed"), outcome, 2, {"loss": 1})
    assert document["stderr_tail"].endswith("last words")
    assert len(document["stderr_tail"]) <= 20_000
    del document["stderr_tail"]
    assert document == {
        "attempt": 2,
        "state": "failed",
        "exit_code": 3,
        "signal": None,
        "summary": {"loss": 1},
        "stopped_early": False,
    }


def test_last_words_are_kept_of_failures_alone():
    outcome = ProgramOutcome(GOOD, exit_code=0, stderr_tail="a warning")
    assert "stderr_tail" not in ending_document(Verdict("finished"), outcome, 1, {})
