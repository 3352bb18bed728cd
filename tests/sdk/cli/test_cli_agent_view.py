"""How an agent's events are shown in a terminal."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_sdk._agent.view import events
from sweep_sdk.cli.agent_view import AgentView
from sweep_sdk.cli.program_output import PROGRESS_SECONDS, QUIET_SECONDS, ProgramOutput

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
    assert capfd.readouterr().out == (
        "agent agent-1 started on sweep k3v9x2ab: grid, maximize acc\n"
    )


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
            "failed after 2.1 s: exit code 3\n  Boom\\x07\n  output: /runs/output.log",
        ),
        (
            {"state": "failed", "exit_code": 1, "value": None, "summary": {}, "hint": "use me"},
            "failed after 2.1 s: exit code 1\n  use me\n  output: /runs/output.log",
        ),
        (
            {"state": "failed", "exit_code": None, "signal": 9, "value": None, "summary": {}},
            "failed after 2.1 s: killed by SIGKILL\n  output: /runs/output.log",
        ),
        (
            {"reason": "early_terminate", "exit_code": None, "signal": 15},
            "finished after 2.1 s: stopped early: its metric was worse than that of other runs;"
            " killed by SIGTERM; acc=0.9",
        ),
        (
            {"state": "preempted", "reason": "interrupted", "is_requeued": True, "summary": {}},
            "preempted after 2.1 s: interrupted; best acc=0.9; it will be handed out again",
        ),
        (
            {"is_delivered": False, "summary": {}, "value": None},
            "finished after 2.1 s\n"
            "  its result could not be delivered: use 'sweep-sdk sync' to deliver it later",
        ),
    ],
)
def test_how_a_run_ended(show, changes, line):
    out = show(STARTED, replace(ENDED, **changes)).out
    assert out.partition("py'\n")[2] == f"[12/24] k3v9x2ab-11 {line}\n"


def test_of_many_metrics_a_few_are_shown_the_sweeps_first(show):
    summary = {f"m{n}": n for n in range(20_000)} | {"acc": 0.9}
    out = show(STARTED, replace(ENDED, summary=summary)).out
    assert out.partition("py'\n")[2] == (
        "[12/24] k3v9x2ab-11 finished after 2.1 s: acc=0.9 m0=0 m1=1 m2=2 m3=3 m4=4"
        " and 19,995 more\n"
    )


def test_the_best_so_far(show):
    assert show(events.BestSoFar("k3v9x2ab-3", "acc", 0.912345678, CONFIG)).out == (
        "best so far: acc=0.91235 by k3v9x2ab-3 (lr=0.1 opt.name=a)\n"
    )


@pytest.mark.parametrize(("reason", "words"), [("paused", "is paused"), ("leased", "in progress")])
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

    def test_several_runs_are_shown_as_whole_lines_with_labels(self, show):
        out = show(
            events.Output("r-1", b"one ", is_stderr=False),
            events.Output("r-2", b"two\nthr", is_stderr=False),
            events.Output("r-1", b"line\n", is_stderr=False),
            replace(ENDED, run="r-2", summary={}, value=None),
            parallel=2,
        ).out
        assert out == "r-2 | two\nr-1 | one line\nr-2 | thr\nr-2 finished after 2.1 s\n"

    @pytest.mark.parametrize(
        ("pieces", "lines"),
        [
            ([b"\r1/9", b"\r2/9", b"\r3/9"], ["1/9"]),
            ([b"1/9\r", b"2/9\r"], ["1/9"]),
            ([b"\r1/9", b"\r2/9", b"\r9/9\n"], ["1/9", "9/9"]),
            ([b"1/9\r", b"9/9\r", b"\n"], ["1/9", "9/9"]),
            ([b"a\r", b"\n", b"b\r\n"], ["a", "b"]),
            ([b"a\n\nb\n"], ["a", "", "b"]),
            ([b"\r\x1b[A1/9\x1b[K", b"\r\n"], ["1/9"]),
            ([b"\x1b[31mred\n"], ["\x1b[31mred\x1b[0m"]),
        ],
    )
    def test_a_progress_bar_among_several_runs_shows_its_last_state(self, show, pieces, lines):
        out = show(*(events.Output("r-1", piece, is_stderr=False) for piece in pieces), parallel=2)
        assert out.out == "".join(f"r-1 | {line}\n" for line in lines)

    def test_a_line_without_end_is_shown_when_nothing_is_added_to_it(self, capfd):
        now = 100.0
        output = ProgramOutput(clock=lambda: now)
        output.is_labelled = True

        def shown(data):
            if data:
                output.write(events.Output("r-1", data, is_stderr=False))
            output.show_unfinished()
            return capfd.readouterr().out

        assert shown(b"loading ") == ""
        now += QUIET_SECONDS
        assert shown(b"") == "r-1 | loading \n"
        assert shown(b"") == ""
        assert shown(b"the data\nstep 1") == "r-1 | the data\n"
        now += QUIET_SECONDS
        assert shown(b"") == ""
        now += PROGRESS_SECONDS
        assert shown(b"") == "r-1 | step 1\n"
        assert shown(b"\n") == ""

    def test_a_progress_bar_is_shown_now_and_then(self, capfd):
        now = 100.0
        output = ProgramOutput(clock=lambda: now)
        output.is_labelled = True
        for step in range(100):
            output.write(events.Output("r-1", b"\r%d/100" % step, is_stderr=False))
            now += PROGRESS_SECONDS / 40
        assert capfd.readouterr().out == "r-1 | 0/100\nr-1 | 40/100\nr-1 | 80/100\n"

    def test_two_progress_bars_do_not_garble_each_other(self, show):
        pieces = [
            events.Output(f"r-{run}", b"\r%d/9" % step, is_stderr=False)
            for step in range(9)
            for run in (1, 2)
        ]
        ends = [replace(ENDED, run=f"r-{run}", summary={}, value=None) for run in (1, 2)]
        assert show(*pieces, *ends, parallel=2).out.splitlines() == [
            "r-1 | 0/9",
            "r-2 | 0/9",
            "r-1 | 8/9",
            "r-1 finished after 2.1 s",
            "r-2 | 8/9",
            "r-2 finished after 2.1 s",
        ]

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
