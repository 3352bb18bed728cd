"""The command line as a whole: help, usage errors, quick start."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import click
import pytest

from sweep_sdk._version import __version__
from sweep_sdk.cli.group import COMMANDS, EQUIVALENTS, sweep_sdk

HEAVY = ("requests", "rich", "yaml", "numpy", "platformdirs", "sweep_service", "asyncio")


def command_of(name):
    return sweep_sdk.get_command(click.Context(sweep_sdk), name)


def examples_of(name):
    """The lines of a command's help that show how it is called."""
    found = re.findall(r"\b(sweep-sdk .*)$", command_of(name).epilog, re.MULTILINE)
    return [re.split(r" [<>|] |\)\"?$", line)[0] for line in found]


EXAMPLES = [(name, line) for name in COMMANDS for line in examples_of(name)]


def test_help_names_every_command_and_every_exit_code(cli):
    result = cli("--help")
    assert result.code == 0
    for word in (*COMMANDS, "0", "1", "2", "130", "143"):
        assert re.search(rf"^ +{word}  ", result.out, re.MULTILINE), word


def test_without_a_command_the_help_is_shown(cli):
    assert cli().out == cli("--help").out == cli("-h").out
    assert cli().code == 0


def test_version(cli):
    assert cli("--version").out == f"sweep-sdk {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_an_example(cli, name):
    result = cli(name, "--help")
    assert result.code == 0
    assert "Example" in result.out
    assert f"sweep-sdk {name}" in result.out
    assert max(map(len, result.lines)) <= 100


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_the_examples_are_understood(name, line):
    program, called, *words = shlex.split(line)
    assert (program, called) == ("sweep-sdk", name)
    command_of(name).make_context(name, words)  # raises for what it does not know


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["swepe"],
            "no such command 'swepe': did you mean sweep or sweeps? (see 'sweep-sdk --help')",
        ),
        (["xyzzy"], "no such command 'xyzzy' (see 'sweep-sdk --help')"),
        (
            ["best"],
            "Missing argument 'SWEEP'. ('sweep-sdk sweeps' lists them; see 'sweep-sdk best",
        ),
        (["best", "abcdefgh", "extra"], "unexpected extra argument"),
        (["runs"], "Missing argument 'SWEEP...'. ('sweep-sdk sweeps' lists them; see"),
        (["tell"], "Missing argument 'RUN'. (see 'sweep-sdk tell --help')"),
        (["agent", "abcdefgh", "--count", "0"], "0 is not in the range"),
        (["agent", "abcdefgh", "--count", "many"], "'many' is not a valid integer"),
        (["sweeps", "--sate", "x"], "No such option"),
        (["local", "--port", "70000"], "70000 is not in the range"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli, words, message):
    result = cli(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(("word", "meant"), EQUIVALENTS.items())
def test_words_of_other_tools_are_answered_with_ours(cli, word, meant):
    result = cli(word)
    assert result.code == 2
    assert f"no such command '{word}': did you mean 'sweep-sdk {meant}'?" in result.err
    assert word not in COMMANDS


@pytest.mark.parametrize("meant", sorted(set(EQUIVALENTS.values())))
def test_the_answer_is_understood(meant):
    name, *words = meant.split()
    if not name.startswith("--"):
        command_of(name).make_context(name, words)  # raises for what it does not know


def loaded_after(code):
    """Which heavy modules a fresh interpreter has after ``code``."""
    script = f"{code}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["log", "loss=0.3"]])
def test_what_must_be_quick_loads_nothing_heavy(home, words):
    assert loaded_after(f"from sweep_sdk.cli import main; main({words!r})") == "[]"


def process(*words, stdout):
    return subprocess.run(
        [sys.executable, "-m", "sweep_sdk.cli", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


READING = [
    ["sweeps"],
    ["sweeps", "--json"],
    ["runs", "ID"],
    ["runs", "ID", "--csv"],
    ["show", "ID"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
class TestOutputThatGoesNowhere:
    @pytest.fixture
    def command_words(self, grid, run_one, words):
        run_one(grid, loss=0.5)
        return [grid if word == "ID" else word for word in words]

    def test_a_full_disk_is_one_line(self, command_words):
        with open("/dev/full", "wb", buffering=0) as full:
            done = process(*command_words, stdout=full)
        assert done.returncode == 2
        assert done.stderr == "error: No space left on device\n"

    def test_a_reader_that_has_seen_enough_is_no_error(self, command_words):
        reading, writing = os.pipe()
        os.close(reading)
        done = process(*command_words, stdout=writing)
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "redirections", "code"),
    [
        (["--version"], ">&-", 0),
        (["sweeps"], ">&- 2>&-", 0),
        (["sweep", "-"], "<&-", 2),
        (["login", "--url", "http://127.0.0.1:1"], "<&-", 1),
        (["show", "nope"], "2>/dev/full", 2),
        (["show", "nope"], "2>&-", 2),
    ],
)
def test_streams_that_are_closed_or_full(home, words, redirections, code):
    script = f'exec "$0" -m sweep_sdk.cli "$@" {redirections}'
    command = ["sh", "-c", script, sys.executable, *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == code
    assert "Traceback" not in result.stderr
