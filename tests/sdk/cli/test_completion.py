"""Shell completion."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.shell_completion import BashComplete

from sweep_sdk.cli import completion
from sweep_sdk.cli.group import sweep_sdk


@pytest.fixture
def completed(home, monkeypatch, capfd):
    """What is offered after some words, of which the last may be half typed."""
    monkeypatch.setattr(completion, "_TIMEOUT_SECONDS", 60.0)

    def call(*words, **environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        shell = BashComplete(sweep_sdk, {}, "sweep-sdk", "_SWEEP_SDK_COMPLETE")
        *before, typed = words
        offered = shell.get_completions(list(before), typed)
        assert capfd.readouterr() == ("", "")
        return [(item.type, item.value) for item in offered]

    return call


def plain(*values):
    return [("plain", value) for value in values]


def test_commands(completed):
    assert completed("swee") == plain("sweep", "sweeps")


def test_the_command_answers_a_shell(home):
    asked = {
        "_SWEEP_SDK_COMPLETE": "bash_complete",
        "COMP_WORDS": "sweep-sdk sweep sw",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "sweep_sdk.cli"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("file,sw\n", "")


@pytest.mark.parametrize("words", [("sweep",), ("sweep", "--dry-run"), ("sweep", "-p", "x")])
def test_files_where_a_file_is_meant(completed, words):
    assert completed(*words, "swe") == [("file", "swe")]


@pytest.mark.parametrize(
    "words", [("agent",), ("runs",), ("best",), ("delete",), ("sweep", "--pause"), ("show",)]
)
def test_sweeps_where_a_sweep_is_meant(completed, grid, words):
    assert completed(*words, "") == plain(grid)
    assert completed(*words, grid[:3]) == plain(grid)
    assert completed(*words, "no-such-sweep") == []


def test_several_sweeps_after_each_other(completed, grid):
    assert completed("runs", grid, "") == plain(grid)


@pytest.mark.parametrize("words", [("logs",), ("show",), ("history",), ("sweep", "--stop-run")])
def test_runs_where_a_run_is_meant(completed, grid, run_one, words):
    runs = [run_one(grid), run_one(grid)]
    assert completed(*words, f"{grid}-") == plain(*runs)
    assert completed(*words, runs[1]) == plain(runs[1])
    assert completed(*words, "") == plain(grid, *runs)


def test_nothing_and_no_word_where_the_backend_is_away(completed):
    assert completed("agent", "", SWEEP_URL="http://127.0.0.1:9") == []
    assert completed("agent", "", SWEEP_URL="nonsense") == []
    assert completed("agent", "", SWEEP_LOCAL_DB="/dev/null/nowhere") == []


def test_no_database_is_made(completed, home):
    assert completed("agent", "") == []
    assert not (home / "sweeps.db").exists()
