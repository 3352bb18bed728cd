"""What an agent's events look like in a terminal."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_sdk._agent import events
from sweep_sdk.cli.agent_view import AgentView, _ProgramOutput, last_state

SWEEP = {
    "id": "k3v9x2ab",
    "state": "running",
    "method": "grid",
    "metric": {"name": "acc", "goal": "maximize"},
    "config": {
        "parameters": {
            "lr": {"distribution": "categorical", "values": [0.1, 0.2]},
            "opt": {"parameters": {"name": {"distribution": "categorical", "values": ["a", "b"]}}},
            "epochs": {"distribution": "constant", "value": 3},
            "one": {"distribution": "categorical", "values": [7]},
        }
    },
    "counts": {},
    "best": None,
}
CONFIG = {"lr": 0.1, "opt": {"name": "a"}, "epochs": 3, "one": 7}
STARTED = events.RunStarted(
    run="k3v9x2ab-11",
    index=11,
    attempt=1,
    config=CONFIG,
    command=("/usr/bin/env", "python", "my train.py"),
    slot="",
    total=24,
    log_file=Path("/runs/output.log"),
)
ENDED = events.RunEnded(
    run="k3v9x2ab-11",
    attempt=1,
    state="finished",
    exit_code=0,
    signal=None,
    reason=None,
    seconds=2.1,
    value=0.9,
    summary={"acc": 0.9, "acc.min": 0.1, "acc.max": 0.9},
    is_requeued=False,
    is_delivered=True,
    error="",
    log_file=Path("/runs/output.log"),
)


@pytest.fixture
def show(capfd):
    """Shows events after an agent's start; what they print."""
    view = AgentView(color=False)

    def call(*shown, parallel=1):
        view(events.AgentStarted("agent-1", SWEEP, parallel))
        capfd.readouterr()
        for event in shown:
            view(event)
        return capfd.readouterr()

    return call


def test_the_agents_start(capfd):
    AgentView(color=False)(events.AgentStarted("agent-1", SWEEP, 1))
    assert capfd.readouterr().out == ("agent agent-1 works on sweep k3v9x2ab: grid, maximize acc\n")


def test_a_run_shows_progress_what_varies_and_the_command(show):
    assert show(STARTED).out == (
        "[12/24] k3v9x2ab-11: lr=0.1 opt.name=a\n$ /usr/bin/env python 'my train.py'\n"
    )


def test_without_a_known_end_the_number_alone(show):
    assert show(replace(STARTED, total=None, attempt=2, command=())).out == (
        "[12] k3v9x2ab-11 (attempt 2): lr=0.1 opt.name=a\n"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "finished after 2.1 s: acc=0.9"),
        ({"value": 0.95}, "finished after 2.1 s: acc=0.9; best acc=0.95"),
        ({"value": None, "summary": {}}, "finished after 2.1 s"),
        (
            {"state": "failed", "exit_code": 3, "value": None, "summary": {}, "error": "Boom\x07"},
            "failed after 2.1 s: exit code 3\n  Boom\\x07\n  its output: /runs/output.log",
        ),
        (
            {"state": "failed", "exit_code": 1, "value": None, "summary": {}, "hint": "use me"},
            "failed after 2.1 s: exit code 1\n  use me\n  its output: /runs/output.log",
        ),
        (
            {"state": "failed", "exit_code": None, "signal": 9, "value": None, "summary": {}},
            "failed after 2.1 s: killed by SIGKILL\n  its output: /runs/output.log",
        ),
        (
            {"reason": "early_terminate", "exit_code": None, "signal": 15},
            "finished after 2.1 s: stopped early, it was behind the others; killed by SIGTERM;"
            " acc=0.9",
        ),
        (
            {"state": "preempted", "reason": "interrupted", "is_requeued": True, "summary": {}},
            "preempted after 2.1 s: interrupted; best acc=0.9; it will be handed out again",
        ),
        (
            {"is_delivered": False, "summary": {}, "value": None},
            "finished after 2.1 s\n  the backend could not be told: 'sweep-sdk sync' does it later",
        ),
    ],
)
def test_how_a_run_ended(show, changes, line):
    out = show(STARTED, replace(ENDED, **changes)).out
    assert out.partition("py'\n")[2] == f"[12/24] k3v9x2ab-11 {line}\n"


def test_the_best_so_far(show):
    assert show(events.BestSoFar("k3v9x2ab-3", "acc", 0.912345678, CONFIG)).out == (
        "best so far: acc=0.91235 by k3v9x2ab-3 (lr=0.1 opt.name=a)\n"
    )


@pytest.mark.parametrize(
    ("reason", "words"), [("paused", "is paused"), ("leased", "being worked on")]
)
def test_a_waiting_agent_says_why(show, reason, words):
    assert words in show(events.Waiting(reason, "")).out


def test_notices_go_to_stderr(show):
    printed = show(events.Notice("line 3 is left out: \x1b[2J", "k3v9x2ab-1"))
    assert printed == ("", "k3v9x2ab-1: line 3 is left out: \\x1b[2J\n")


def test_the_end_sums_up(show):
    sweep = {
        **SWEEP,
        "state": "finished",
        "counts": {"finished": 23, "failed": 1},
        "best": {"id": "k3v9x2ab-3", "best": 0.98, "config": CONFIG},
    }
    assert show(events.AgentEnded(0, "the sweep has ended", 12, 1, sweep)).out == (
        "the sweep has ended (12 runs here, 1 failed)\n"
        "sweep k3v9x2ab is finished: 24 runs (23 finished, 1 failed)\n"
        "best: acc=0.98 by k3v9x2ab-3 (lr=0.1 opt.name=a)\n"
    )
    assert (
        show(events.AgentEnded(1, "gave up", 1, 1, None)).out == "gave up (1 run here, 1 failed)\n"
    )


class TestProgramOutput:
    def test_passes_through_byte_by_byte(self, capfdbinary):
        view = AgentView(color=False)
        content = bytes(range(256))
        view(events.Output("r-1", content, is_stderr=False))
        view(events.Output("r-1", b"\xff\x00", is_stderr=True))
        assert capfdbinary.readouterr() == (content, b"\xff\x00")

    def test_the_agents_lines_begin_on_a_line_of_their_own(self, show):
        printed = show(
            events.Output("k3v9x2ab-11", b"50%", is_stderr=True),
            events.Output("k3v9x2ab-11", b"no end", is_stderr=False),
            events.Waiting("paused", ""),
        )
        assert printed.err == "50%\n"
        assert printed.out.splitlines()[0] == "no end"

    def test_of_several_runs_whole_lines_with_a_label(self, show):
        out = show(
            events.Output("r-1", b"one ", is_stderr=False),
            events.Output("r-2", b"two\nthr", is_stderr=False),
            events.Output("r-1", b"line\n", is_stderr=False),
            replace(ENDED, run="r-2", summary={}, value=None),
            parallel=2,
        ).out
        assert out == "r-2 | two\nr-1 | one line\nr-2 | thr\nr-2 finished after 2.1 s\n"

    def test_a_line_without_end_is_not_kept_for_ever(self, show):
        chunk = events.Output("r-1", b"x" * 50_000, is_stderr=False)
        assert len(show(chunk, chunk, parallel=2).out) > 90_000


class ClosedPipe(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_a_closed_terminal_silences_the_view_only(monkeypatch, capfd):
    view = AgentView(color=False)
    view(events.AgentStarted("agent-1", SWEEP, 1))
    monkeypatch.setattr(sys, "stdout", ClosedPipe())
    view(STARTED)
    monkeypatch.undo()
    view(STARTED)
    assert "k3v9x2ab-11" not in capfd.readouterr().out


def test_colours_are_for_terminals(capfd):
    view = AgentView(color=None)
    view(events.AgentStarted("agent-1", SWEEP, 1))
    view(STARTED)
    assert "\x1b" not in capfd.readouterr().out
    colored = AgentView(color=True)
    colored(events.AgentStarted("agent-1", SWEEP, 1))
    colored(STARTED)
    assert "\x1b[36m" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (b"whole", b"whole"),
        (b"windows\r", b"windows"),
        (b"\r 10%\r 20%", b" 20%"),
        (b"\r10%\r\r", b"10%"),
        (b"\r", b""),
        (b"", b""),
    ],
)
def test_the_last_state_of_a_line(line, state):
    assert last_state(line) == state


def test_progress_of_several_runs_is_shown_while_it_is_made(clock, capfdbinary):
    output = _ProgramOutput(clock)
    output.is_labelled = True
    for second in range(7):
        output.write(events.Output("a-0", b"\r%d%%" % second, is_stderr=True))
        output.write(events.Output("a-1", b"\r%d0%%" % second, is_stderr=True))
        clock.advance(1)
    output.write(events.Output("a-0", b"\rdone\n", is_stderr=True))
    lines = capfdbinary.readouterr().err.decode().splitlines()
    assert [line for line in lines if line.startswith("a-0")] == [
        *("a-0 | 0%", "a-0 | 2%", "a-0 | 4%", "a-0 | 6%"),
        "a-0 | done",
    ]
    assert [line for line in lines if line.startswith("a-1")][:2] == ["a-1 | 00%", "a-1 | 20%"]
