"""Documents on the wire: each side reads what the other writes, newer or older."""

from __future__ import annotations

import math

import pytest

from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import (
    ENDING_FIELDS,
    Attention,
    Command,
    Ending,
    Finished,
    HandOut,
    Wait,
)
from sweep_service.wire.shapes import WrongShape

HAND_OUT = HandOut("abcdefgh-3", "abcdefgh", "p", 3, {"a": 1}, 2, 1, 300.0, "loss", "a key")
ANSWERS = [
    HAND_OUT,
    HandOut(**{name: getattr(HAND_OUT, name) for name in ("id", "sweep", "project", "index")},
            config={}, config_version=1, attempt=4, lease_seconds=60.0,
            attention=Attention((1, 3, 9), at_most=0.5)),
    Wait(2.5, "paused"),
    Command(None, 300.0, 7, Attention(at_least=0.9)),
    Command("stop_run", 30.0, 0, Attention()),
    Finished("preempted", is_requeued=True),
]  # fmt: skip
#: What the oldest backends leave out.
NEWER = {
    HandOut: {"metric", "key", "report_at", "target"},
    Command: {"next_offset", "report_at", "target"},
}


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_what_is_written_is_read(answer):
    read = type(answer).from_json(answer.to_json())
    assert read.to_json() == answer.to_json()


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_fields_of_a_newer_backend_are_ignored(answer):
    newer = answer.to_json() | {"colour": "red", "nested": {"a": [1]}}
    assert type(answer).from_json(newer).to_json() == answer.to_json()


@pytest.mark.parametrize("answer", [HAND_OUT, ANSWERS[3]], ids=repr)
def test_what_an_older_backend_leaves_out_has_a_default(answer):
    kind = type(answer)
    older = {name: value for name, value in answer.to_json().items() if name not in NEWER[kind]}
    assert kind.from_json(older).attention is None


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_an_answer_that_lacks_something_is_refused(answer):
    with pytest.raises(WrongShape, match="lacks"):
        type(answer).from_json({"colour": "red"})


def test_numbers_of_a_config_that_json_lacks_are_tagged():
    out = HandOut("abcdefgh-0", "abcdefgh", "p", 0, {"a": math.inf}, 1, 1, 300.0)
    assert out.to_json()["config"] == {"a": {"$number": "Infinity"}}


def test_an_ending_leaves_out_what_is_not_known():
    assert Ending(1, RunState.KILLED).to_json() == {"attempt": 1, "state": "killed", "summary": {}}


def test_a_full_ending_has_the_documented_fields():
    ending = Ending(
        attempt=1,
        state=RunState.FAILED,
        exit_code=0,
        signal=9,
        summary={"loss": 1.0},
        error_tail="last words",
        is_stopped_early=False,
        result=0.5,
        attributes={"notes": "n"},
        key="a key",
    )
    assert set(ending.to_json()) == set(ENDING_FIELDS)
