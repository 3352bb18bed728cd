"""Output to a terminal: colours, width and the live table, in a pseudo-terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from sweep_sdk._agent.process.launcher import run_files
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_sdk._settings import load_settings
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

PATIENCE_SECONDS = 60


def in_terminal(*words, width=80, answer=None, once=None, **environment):
    """What a command writes to a terminal of ``width`` columns, and its exit code.

    ``answer`` is what the user types once the command has asked something; ``once`` is a text and
    what happens when the command has written it.
    """
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sweep_sdk.cli", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(width), **environment},
    )
    os.close(slave)
    guard = threading.Timer(PATIENCE_SECONDS, process.kill)
    guard.start()
    text = b""
    while piece := _read(master):
        text += piece
        if once is not None and once[0].encode() in text:
            once[1]()
            once = None
        if answer is not None and text.endswith(b": "):  # what is typed earlier is thrown away
            os.write(master, answer)
            answer = None
    code = process.wait()
    guard.cancel()
    os.close(master)
    return code, text.decode()


def _read(descriptor):
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.fixture
def two_runs(grid, run_one):
    more = {f"a_metric_with_a_long_name_{number}": 1.5 for number in range(5)}
    run_one(grid, loss=0.5, more=more)
    run_one(grid, loss=0.25, more=more)
    return grid


def test_colours_and_no_more_columns_than_fit(two_runs):
    code, text = in_terminal("runs", two_runs, NO_COLOR="")
    assert code == 0
    assert "\x1b[1m" in text
    plain = text.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert max(len(line) for line in plain.splitlines()) <= 80
    assert "columns did not fit" in plain


def test_a_narrow_terminal_keeps_the_essential(two_runs):
    _, text = in_terminal("runs", two_runs, width=40, NO_COLOR="1")
    assert text.split()[:3] == ["RUN", "STATE", "loss"]


@pytest.mark.parametrize("words", [["runs"], ["show"], ["agent"]])
def test_no_color_is_honoured(two_runs, client, words):
    client.change_sweep(two_runs, state="canceled")
    open("train.py", "w").close()
    code, text = in_terminal(*words, two_runs, NO_COLOR="1")
    assert code == 0
    assert "\x1b" not in text


def test_the_live_table_leaves_the_final_one(two_runs, client, run_one):
    run_one(two_runs, loss=0.1)
    last = run_one(two_runs, state=None)

    def end():
        client.finish(last, Ending(1, RunState.FINISHED))

    running = f"sweep {two_runs} is running: 4 runs (3 finished, 1 running)"
    words = ("runs", two_runs, "--watch", "--interval", "0.1")
    code, text = in_terminal(*words, once=(running, end), NO_COLOR="1")
    assert code == 0
    assert running in text
    assert text.rindex("is finished: 4 runs") > text.rindex("is running")


def watching(sweep, stdout):
    """A ``runs --watch`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sweep_sdk.cli", "runs", sweep, "--watch", "--interval", "0.1"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"},
    )


def test_ctrl_c_leaves_the_live_table_on_the_screen(two_runs):
    master, slave = os.openpty()
    process = watching(two_runs, slave)
    os.close(slave)
    text = b""
    while f"{two_runs}-1" not in text.decode():
        text += _read(master)
    process.send_signal(signal.SIGINT)
    while piece := _read(master):
        text += piece
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(PATIENCE_SECONDS), err.decode().count("error")) == (130, 0)
    os.close(master)
    # what is drawn last is not cleared away any more
    last = text.decode().rpartition("\x1b[2K")[2]
    assert f"{two_runs}-0" in last
    assert f"sweep {two_runs} is running: 2 runs (2 finished)" in last


class Observed(InProcessTransport):
    """A backend that says when it has begun to answer the n-th request."""

    def __init__(self, database, n_requests):
        super().__init__(database)
        self.n_left = n_requests
        self.is_reached = threading.Event()
        self.may_answer = threading.Event()

    def request_as(self, *arguments):
        self.n_left -= 1
        if not self.n_left:
            self.is_reached.set()
            self.may_answer.wait(PATIENCE_SECONDS)
        return super().request_as(*arguments)


@pytest.mark.parametrize(("n_requests", "begins"), [(1, b""), (4, b"RUN ")])
def test_ctrl_c_gives_a_pipe_what_was_read(two_runs, home, monkeypatch, n_requests, begins):
    with (
        closing(Observed(load_settings().local_db, n_requests)) as transport,
        LocalServer(transport, token="secret") as server,
    ):
        monkeypatch.setenv("SWEEP_URL", server.url)
        monkeypatch.setenv("SWEEP_TOKEN", "secret")
        process = watching(two_runs, subprocess.PIPE)
        assert transport.is_reached.wait(PATIENCE_SECONDS)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        transport.may_answer.set()
    assert (process.returncode, err) == (130, b"")
    assert out[:4] == begins


def test_a_question_before_deleting(two_runs, client):
    master, slave = os.openpty()
    for answer, code in (("n\n", 1), ("y\n", 0)):
        os.write(master, answer.encode())
        done = subprocess.run(
            [sys.executable, "-m", "sweep_sdk.cli", "delete", two_runs],
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == code
        assert f"delete sweep {two_runs} with 2 runs? [y/N]" in done.stderr
    os.close(master)
    os.close(slave)
    assert list(client.list_sweeps()) == []


def test_login_asks_for_the_token_and_does_not_show_it(home):
    with (
        closing(InProcessTransport(home / "db")) as transport,
        LocalServer(transport, token="secret") as server,
    ):
        code, text = in_terminal("login", "--url", server.url, answer=b"secret\n")
    assert code == 0
    assert "token" in text
    assert "secret" not in text
    assert json.loads((home / "credentials.json").read_text())["token"] == "secret"


def test_ctrl_c_is_one_line_and_130(grid, run_one):
    run = run_one(grid, state=None)
    log = run_files(load_settings().runs_dir, grid, run, 1).log
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    following = subprocess.Popen(
        [sys.executable, "-m", "sweep_sdk.cli", "logs", run, "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout.readline() == "first\n"
    following.send_signal(signal.SIGINT)
    out, err = following.communicate(timeout=PATIENCE_SECONDS)
    assert (following.returncode, out, err.strip()) == (130, "", "error: interrupted")
