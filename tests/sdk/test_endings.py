from __future__ import annotations

import pytest

from sweep_sdk._agent.outbox.endings import (
    KEEPER_KILLED,
    NOT_STARTED,
    Outcome,
    Verdict,
    ending_document,
    judge,
)
from sweep_sdk._agent.outbox.said import Said

GOOD, BAD = True, False


@pytest.mark.parametrize(
    ("said", "is_success", "cause", "state"),
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
def test_states(said, is_success, cause, state):
    assert judge(Said(exit_code=said), Outcome(is_success, cause=cause)) == Verdict(state)


@pytest.mark.parametrize("is_success", [GOOD, BAD])
def test_stopped_early_is_finished(is_success):
    verdict = judge(Said(), Outcome(is_success, cause="early_terminate"))
    assert verdict == Verdict("finished", is_stopped_early=True)


def test_a_program_that_expected_an_interruption():
    assert judge(Said(is_preempting=True), Outcome(BAD)).state == "preempted"
    assert judge(Said(is_preempting=True), Outcome(GOOD)).state == "finished"
    assert judge(Said(is_preempting=True, exit_code=1), Outcome(GOOD)).state == "preempted"


@pytest.mark.parametrize("said", [None, 0])
@pytest.mark.parametrize("is_success", [GOOD, BAD])
@pytest.mark.parametrize(
    "how", [{"cause": "interrupted"}, {"warned_by": 10}, {"cause": "interrupted", "warned_by": 10}]
)
def test_one_that_made_room_after_a_signal_comes_back_however_it_exits(said, is_success, how):
    found = Said(exit_code=said if is_success else 1, is_preempting=True)
    assert judge(found, Outcome(is_success, **how)).state == "preempted"


def test_a_warning_of_which_the_program_took_no_notice():
    assert judge(Said(exit_code=0), Outcome(GOOD, warned_by=10)).state == "finished"


@pytest.mark.parametrize("cause", [NOT_STARTED, KEEPER_KILLED])
def test_the_machines_fault_is_no_failure(cause):
    assert judge(Said(), Outcome(BAD, cause=cause)).state == "preempted"


def test_a_program_that_had_finished_when_its_keeper_was_killed():
    assert judge(Said(exit_code=0), Outcome(BAD, cause=KEEPER_KILLED)).state == "finished"


@pytest.mark.parametrize(("said", "state"), [(None, "preempted"), (0, "finished"), (2, "failed")])
def test_when_the_agent_died_the_programs_word_counts(said, state):
    assert judge(Said(exit_code=said), None).state == state


def test_the_document():
    outcome = Outcome(BAD, exit_code=3, stderr_tail="x" * 50_000 + "last words")
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
    outcome = Outcome(GOOD, exit_code=0, stderr_tail="a warning")
    assert "stderr_tail" not in ending_document(Verdict("finished"), outcome, 1, {})
