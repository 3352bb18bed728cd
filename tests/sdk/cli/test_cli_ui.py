"""``sweep-sdk ui``: from the command to the page and back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from sweep_sdk._ui import opening


@pytest.fixture
def start(tmp_path):
    """Starts the command in an environment without a browser, and ends it."""
    started = []

    def start(*words, **variables):
        hidden = ("SWEEP_", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        environment |= {"SWEEP_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1", **variables}
        process = subprocess.Popen(
            [sys.executable, "-m", "sweep_sdk.cli", "ui", *words],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)


def test_json_gives_the_address_and_sigterm_ends_it_well(start):
    process = start("--json")
    url = json.loads(process.stdout.readline())["url"]
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert "SameSite=Strict" in answer.headers["Set-Cookie"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stdout.read() == ""


def test_without_a_browser_the_address_is_printed(start):
    process = start("--port", "0")
    line = process.stdout.readline()
    assert line.startswith("open http://127.0.0.1:")
    assert "/open?key=" in line
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert process.stdout.read() == "stopped\n"


def test_a_browser_is_started_with_a_file_and_never_with_the_secret(start, tmp_path):
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {seen}.new && mv {seen}.new {seen}\n')
    browser.chmod(0o700)
    process = start(BROWSER=f"{browser} %s")
    line = process.stdout.readline()
    secret = line.partition("key=")[2].strip()
    assert line.startswith("the dashboard is open in your browser")
    assert process.stdout.readline() == "press Ctrl-C to stop\n"
    argument = seen.read_text()
    assert argument.startswith("file://")
    assert secret
    assert secret not in argument
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_a_sweep_that_does_not_exist_is_an_error(start):
    process = start("zzzzzzzz", "--json")
    _, problem = process.communicate(timeout=30)
    assert process.returncode == 2
    assert problem.startswith("error: ")
    assert "zzzzzzzz" in problem


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "w"}, True),
     ({"DISPLAY": ":10", "SSH_CONNECTION": "a b"}, False)],
)  # fmt: skip
def test_whether_there_is_a_browser(monkeypatch, variables, expected):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(opening.sys, "platform", "linux")
    assert opening.has_browser() is expected
