"""``sweep-sdk watch``: its output in each format, and when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_sdk._results.outliers import limit_of
from sweep_sdk._results.progress import progress_of
from sweep_sdk.cli.board import Listing
from sweep_sdk.cli.watch_view import screen_lines, sparkline
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

PATIENCE_SECONDS = 60
NOW = 10_000.0
SWEEP = {
    "id": "abcd2345",
    "name": None,
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "state": "running",
    "limit": 20,
    "created_at": NOW - 600,
    "counts": {"finished": 3, "running": 2},
    "best": None,
    "config": {"parameters": {}},
}


def made_run(index, state="finished", *, took=100.0, began=NOW - 50, **fields):
    is_over = state not in ("running", "pending")
    return {
        "id": f"abcd2345-{index}",
        "index": index,
        "state": state,
        "started_at": began,
        "created_at": began,
        "ended_at": began + took if is_over else None,
        "best": None,
        "agent": f"agent-{index}",
        "host": "host",
        "exit_code": None,
        "signal": None,
        **fields,
    }


class TestProgress:
    def test_the_time_left_is_the_work_left_over_the_agents(self):
        runs = [made_run(n) for n in range(3)]
        runs += [made_run(3, "running", began=NOW - 40), made_run(4, "running", began=NOW - 500)]
        found = progress_of(SWEEP, runs, NOW)
        assert (found.n_ended, found.n_total, found.seconds_a_run) == (3, 20, 100.0)
        assert found.seconds_left == (15 * 100 + 60 + 0) / 2
        assert [run["index"] for run in found.at_work] == [3, 4]

    def test_only_the_latest_runs_are_timed(self):
        runs = [made_run(n, took=1.0, began=0.0) for n in range(100)]
        runs += [made_run(n, took=3.0, began=10.0) for n in range(100, 150)]
        assert progress_of(SWEEP, runs, NOW).seconds_a_run == 3.0

    @pytest.mark.parametrize("state", ["finished", "canceled"])
    def test_an_ended_sweep_hands_out_nothing(self, state):
        runs = [made_run(0), made_run(1, "running", began=NOW - 40)]
        assert progress_of({**SWEEP, "state": state}, runs, NOW).seconds_left == 60.0

    @pytest.mark.parametrize(
        ("sweep", "runs"),
        [
            ({"limit": None}, [made_run(0), made_run(1, "running")]),
            ({"state": "paused"}, [made_run(0), made_run(1, "running")]),
            ({}, [made_run(0)]),
            ({}, [made_run(0, "running")]),
            ({}, []),
        ],
    )
    def test_the_time_left_is_unknown(self, sweep, runs):
        assert progress_of({**SWEEP, **sweep}, runs, NOW).seconds_left is None

    def test_the_best_so_far(self):
        values = [(3.0, "finished"), (1.0, "failed"), (4.0, "running"), (2.0, "killed")]
        runs = [made_run(n, state, best=value) for n, (value, state) in enumerate(values)]
        runs.append(made_run(9))
        assert progress_of(SWEEP, runs, NOW).best_so_far == (3.0, 3.0, 2.0)
        maximize = {**SWEEP, "metric": {"name": "loss", "goal": "maximize"}}
        assert progress_of(maximize, runs, NOW).best_so_far == (3.0, 4.0, 4.0)
        assert progress_of({**SWEEP, "metric": None}, runs, NOW).best_so_far == ()

    def test_the_latest_failures_come_first(self):
        runs = [
            made_run(0, "failed", began=NOW - 400),
            made_run(1),
            made_run(2, "crashed", ended_at=None, began=NOW - 200),
            made_run(3, "failed", began=NOW - 290),
        ]
        assert [run["index"] for run in progress_of(SWEEP, runs, NOW).failures] == [3, 2, 0]


class TestScreen:
    def test_what_fits_into_the_width(self):
        runs = [made_run(n, best=5.0 - n) for n in range(3)]
        runs += [made_run(n, "running") for n in range(3, 14)]
        runs += [made_run(n, "failed", exit_code=3) for n in range(14, 19)]
        errors = {"abcd2345-18": "RuntimeError: \x1b[31m" + "out of memory " * 20}
        best = {**runs[2], "config": {f"parameter_{n}": 0.125 for n in range(9)}}
        sweep = {**SWEEP, "best": best, "name": "a\nb"}
        progress = progress_of(sweep, runs, NOW)
        for width in (40, 80, 200):
            lines = screen_lines(progress, errors, NOW, width, has_blocks=True)
            assert max(map(len, lines)) <= width
            assert not any(character in line for line in lines for character in "\n\x1b")
        text = "\n".join(lines)
        assert "8 of 20 runs ended" in text
        assert "about 59 s left with 11 runs at work, 1.7 min a run" in text
        assert "40%" in text
        assert "  and 3 more" in text
        assert "abcd2345-18  failed, exit code 3, " in text
        assert "  and 2 more" in text
        assert screen_lines(progress, errors, NOW, 80, has_blocks=False)
        assert "".join(screen_lines(progress, errors, NOW, 80, has_blocks=False)).isascii()

    def test_a_sweep_without_runs(self):
        lines = screen_lines(progress_of(SWEEP, [], NOW), {}, NOW, 80, has_blocks=True)
        assert "0 of 20 runs ended" in "\n".join(lines)

    @pytest.mark.parametrize(
        ("values", "width", "expected"),
        [
            ([], 10, ""),
            ([1.0], 10, "▁"),
            ([1.0, 1.0], 10, "▁▁"),
            ([8.0, 4.5, 1.0], 10, "█▅▁"),
            ([1.0, 4.5, 8.0], 10, "▁▅█"),
            ([8.0] * 50 + [1.0] * 50, 4, "██▁▁"),
            ([1e30, *[3.0] * 40, 1.0], 42, "█" * 41 + "▁"),
        ],
    )
    def test_the_sparkline(self, values, width, expected):
        assert sparkline(values, width) == expected

    def test_the_chart_is_limited_to_the_bulk_of_the_values(self):
        assert limit_of([]) is None
        assert limit_of([*range(100), 1e9]) == pytest.approx(95.0)
        assert limit_of(range(100)) is None


class TestOutput:
    @pytest.fixture
    def followed(self, cli, grid, run_one, client, monkeypatch):
        """Calls ``watch`` while four runs end, one between two looks."""
        first = run_one(grid, state="failed", exit_code=2)
        taken = [client.ask(grid, f"key-of-run-{n}", "a1", host="h") for n in range(3)]

        def end_one(_):
            if taken:
                run = taken.pop()
                client.finish(run.id, Ending(1, RunState.FINISHED, summary={"loss": 0.5}))

        monkeypatch.setattr(time, "sleep", end_one)
        return lambda *words: (first, cli("watch", grid, *words))

    def test_lines(self, followed, grid):
        _, result = followed()
        assert (result.code, result.err) == (0, "")
        assert [line.partition(", ")[0] for line in result.lines] == [
            *[f"sweep {grid} is running"] * 3,
            f"sweep {grid} is finished",
        ]
        assert "1 of 4 runs ended, 3 at work, 1 failed" in result.lines[0]
        assert "4 of 4 runs ended, 0 at work, 1 failed, best loss=0.5 by" in result.lines[-1]

    def test_json(self, followed, grid):
        failed, result = followed("--json")
        seen = [json.loads(line) for line in result.lines]
        assert [each["n_ended"] for each in seen] == [1, 2, 3, 4]
        assert [len(each["at_work"]) for each in seen] == [3, 2, 1, 0]
        assert seen[0]["at_work"][0]["agent"] == "a1"
        assert (seen[0]["best"], seen[-1]["best"]["best"]) == (None, 0.5)
        assert seen[-1]["failures"] == [failed]
        assert (seen[-1]["sweep"], seen[-1]["state"]) == (grid, "finished")

    def test_ctrl_c(self, cli, grid, monkeypatch):
        def interrupt(_):
            raise KeyboardInterrupt

        monkeypatch.setattr(time, "sleep", interrupt)
        result = cli("watch", grid)
        assert (result.code, result.err) == (130, "")
        assert "is pending" in result.out

    def test_a_run_is_no_sweep(self, cli, grid):
        result = cli("watch", f"{grid}-0")
        assert result.code == 2
        assert f"watch expects a sweep: {grid}" in result.err

    def test_an_unknown_sweep(self, cli, grid):
        result = cli("watch", "zzzzzzzz")
        assert result.code == 2
        assert "no sweep" in result.err


def test_a_run_whose_agent_is_lost_does_not_hold_an_ended_sweep_up(backend, network, sweep):
    client = Client(network, Retrier(RetryPolicy()))
    client.ask(sweep, "key-of-the-lost", "a1", host="h")
    client.change_sweep(sweep, state="finished")
    listing = Listing(client, sweep)
    listing.refresh()
    assert not listing.is_over
    backend.clock.advance(10_000)
    listing.refresh()
    assert [(run["state"], run["ended_at"]) for run in listing.runs] == [("crashed", None)]
    assert listing.is_over


class TestTerminal:
    def watched(self, sweep, then):
        """What ``watch`` writes to a terminal, and its code; ``then`` is called after a look."""
        master, slave = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "sweep_sdk.cli", "watch", sweep, "--interval", "0.1"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "40",
                 "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        os.close(slave)
        guard = threading.Timer(PATIENCE_SECONDS, process.kill)
        guard.start()
        text = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            text += piece
            if b"AT WORK" in text and then is not None:
                then, _ = None, then(process)
        code = process.wait()
        guard.cancel()
        os.close(master)
        return code, text.decode()

    @pytest.fixture
    def at_work(self, grid, run_one):
        run_one(grid, loss=0.5)
        run_one(grid, state="failed", exit_code=1, error_tail="Traceback\nValueError: why\n\n")
        return grid, run_one(grid, state=None)

    def test_the_last_screen_stays(self, at_work, client):
        grid, last = at_work

        def end(_):
            client.finish(last, Ending(1, RunState.FINISHED))
            client.change_sweep(grid, state="finished")

        code, text = self.watched(grid, end)
        assert code == 0
        final = text.rpartition("\x1b[2K")[2]
        assert "finished, " in final
        assert "3 of 4 runs ended" in final
        assert "failed, exit code 1" in final
        assert "ValueError: why" in final
        assert "AT WORK" not in final

    def test_ctrl_c_leaves_the_screen(self, at_work):
        code, text = self.watched(at_work[0], lambda process: process.send_signal(signal.SIGINT))
        assert code == 130
        assert "AT WORK" in text.rpartition("\x1b[2K")[2]
        assert "Traceback (most" not in text
