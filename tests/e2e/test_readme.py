"""The README is executed: its files are written, its commands run, its output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
CHANGING = [
    (re.compile(r"\b[a-z0-9-]+-\d{2,}\b"), "AGENT"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "TIME"),
    (re.compile(r"[ \t]+"), " "),
]


@pytest.fixture
def shell(tmp_path):
    """A shell in a folder with the README's files and a data folder of its own."""
    for _, name, text in BLOCKS:
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    binaries = str(Path(sys.executable).parent)
    env = {key: value for key, value in os.environ.items() if not key.startswith("SWEEP_")}
    env |= {"SWEEP_HOME": str(tmp_path / "home"), "COLUMNS": "100"}
    env["PATH"] = binaries + os.pathsep + env["PATH"]

    def run(command):
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def steps(text):
    """Commands of a console block, each with the output that the README shows.

    Only a line that starts with a known program is a command: an agent's output has lines with
    a dollar sign too.
    """
    parts = re.split(r"^\$ (?=sweep-sdk )", text, flags=re.MULTILINE)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


def settled(text, sweep):
    """Lines without what differs from run to run."""
    text = text.replace(sweep, "SWEEP")
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return [line.strip() for line in text.splitlines()]


def test_the_session_runs_as_shown(shell):
    commands = [step for kind, _, text in BLOCKS if kind == "console" for step in steps(text)]
    assert len(commands) >= 5
    shown_id = re.search(r"sweep (\w{8}) in project", README).group(1)
    real_id = shown_id
    for command, shown in commands:
        output = shell(command.replace(shown_id, real_id))
        if command.startswith("sweep-sdk sweep"):
            real_id = re.search(r"sweep (\w{8}) in project", output).group(1)
        assert settled(output, real_id) == settled(shown, shown_id), command


def test_the_function_agent_runs_as_shown(shell):
    assert "5 runs, best: {'loss': " in shell("python function_agent.py")
