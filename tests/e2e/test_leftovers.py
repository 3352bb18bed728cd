"""Processes left by agents that were killed with their keepers, or by killed keepers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sweep_sdk._agent.process.leftovers import (
    MARK_VARIABLE,
    Trace,
    end_leftovers,
    end_marked,
    own_trace,
)
from sweep_sdk._world import running

PATIENCE_SECONDS = 30
#: Starts workers in sessions of their own, and waits; in a second attempt it ends at once.
PROGRAM = """
    import os, subprocess, sys, time
    from pathlib import Path
    if os.environ["SWEEP_ATTEMPT"] != "1":
        sys.exit()
    code = (
        "import os, signal, sys, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "open(sys.argv[1] + '.tmp', 'w').write(str(os.getpid()));"
        "os.rename(sys.argv[1] + '.tmp', sys.argv[1]);"
        "time.sleep(100)"
    )
    worker = [sys.executable, "-S", "-c", code]
    bare = {name: value for name, value in os.environ.items() if name != "SWEEP_MARK"}
    kept = {**os.environ, "SWEEP_KEEP": "1"}
    inner = (
        "import os, subprocess, sys;"
        "own = dict(os.environ);"
        "os.environ.pop('SWEEP_KEEP');"
        f"subprocess.Popen([*{worker!r}, 'child-of-kept'], start_new_session=True);"
        "os.execve(sys.argv[1], sys.argv[1:], own)"
    )
    for name, environment in (("worker", None), ("bare", bare)):
        subprocess.Popen([*worker, name], env=environment, start_new_session=True)
    server = [sys.executable, "-S", "-c", inner, *worker, "kept"]
    subprocess.Popen(server, env=kept, start_new_session=True)
    Path("program").write_text(str(os.getpid()))
    time.sleep(100)
"""
NAMES = ("program", "worker", "bare", "kept", "child-of-kept")


@pytest.fixture
def sweep(client):
    Path("train.py").write_text(textwrap.dedent(PROGRAM))
    document = {
        "method": "grid",
        "program": "train.py",
        "command": ["${interpreter}", "-S", "${program}"],
        "parameters": {"n": {"values": [1]}},
    }
    return client.create_sweep(document)["id"]


@pytest.fixture
def start():
    """Starts an agent; at the end nothing that it has started is left."""
    agents = []

    def start(sweep):
        words = [sys.executable, "-m", "sweep_sdk", "agent", sweep]
        agents.append(
            subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return agents[-1]

    yield start
    for agent in agents:
        with suppress(ProcessLookupError):
            agent.kill()
        agent.communicate()
    for name in NAMES:
        if Path(name).exists():
            with suppress(ProcessLookupError):
                os.kill(pid_of(name), signal.SIGKILL)


def pid_of(name):
    return int(Path(name).read_text())


def await_true(condition):
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def is_alive(pid):
    return running.running(pid) is not None


def keepers_of(agent):
    return [
        number
        for number, process in running.all_running().items()
        if process.parent == agent.pid and "keeper_main.py" in running.command_of(number)
    ]


def await_workers():
    await_true(lambda: all(Path(name).exists() and Path(name).read_text() for name in NAMES))


def test_the_next_agent_ends_what_is_left_after_both_were_killed(client, sweep, start):
    first = start(sweep)
    await_workers()
    run_id = client.get_run(f"{sweep}-0")["id"]
    shell = subprocess.Popen(["sleep", "100"], env={**os.environ, "SWEEP_RUN_ID": run_id})
    try:
        first.send_signal(signal.SIGSTOP)  # so that it cannot end the rest itself
        for keeper in keepers_of(first):
            os.kill(keeper, signal.SIGKILL)
        first.kill()
        first.wait()
        await_true(lambda: not is_alive(pid_of("program")))
        assert is_alive(pid_of("worker"))
        second = start(sweep)
        said, _ = second.communicate(timeout=PATIENCE_SECONDS)
        assert second.returncode == 0, said
        assert not is_alive(pid_of("worker"))
        for name in ("bare", "kept", "child-of-kept"):
            assert is_alive(pid_of(name)), name
        assert shell.poll() is None
    finally:
        shell.kill()
        shell.wait()
    reported = [line for line in said.splitlines() if "was left behind by a run" in line]
    assert len(reported) == 1
    assert f"process {pid_of('worker')} " in reported[0]
    assert not list(Path("home/agents").glob("*"))
    (run,) = client.list_runs(sweep)
    assert (run["state"], run["attempt"]) == ("finished", 2)


def test_a_keeper_that_is_killed_alone_gives_its_run_back(client, sweep, start):
    agent = start(sweep)
    await_workers()
    (keeper,) = keepers_of(agent)
    os.kill(keeper, signal.SIGKILL)
    said, _ = agent.communicate(timeout=PATIENCE_SECONDS)
    assert agent.returncode == 0, said
    assert "the process that looks after" in said
    assert not is_alive(pid_of("program"))
    assert not is_alive(pid_of("worker"))
    run = client.get_run(f"{sweep}-0")
    assert [attempt["state"] for attempt in run["attempts"]] == ["preempted"]
    assert (run["state"], run["attempt"]) == ("finished", 2)


@pytest.fixture
def marked():
    """Starts a process that carries a mark."""
    started = []

    def marked(mark, **variables):
        environment = {**os.environ, MARK_VARIABLE: mark, **variables}
        started.append(subprocess.Popen(["sleep", "100"], env=environment))
        return started[-1]

    yield marked
    for process in started:
        process.kill()
        process.wait()


class TestWhoIsMeant:
    @pytest.fixture
    def trace(self):
        return own_trace(uuid.uuid4().hex)  # tests run beside each other

    @pytest.mark.parametrize("key", ["one", "two"])
    def test_every_attempt_of_the_agent(self, trace, marked, key):
        process, notices = marked(f"{trace.agent}.{key}"), []
        end_marked(trace, f"{trace.agent}.", notices.append)
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
        assert len(notices) == 1

    def test_one_attempt(self, trace, marked):
        other, notices = marked(f"{trace.agent}.two"), []
        end_marked(trace, f"{trace.agent}.one", notices.append)
        assert other.poll() is None
        assert notices == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"user": 2**20 + 1},
            {"group": "0::/job_of_its_own\n"},
            {"since": 2**60},
        ],
    )
    def test_what_is_another_users_or_groups_or_older_is_left_alone(
        self, trace: Trace, marked, changes
    ):
        process, notices = marked(f"{trace.agent}.one"), []
        end_marked(replace(trace, **changes), f"{trace.agent}.", notices.append)
        assert process.poll() is None
        assert notices == []

    @pytest.mark.parametrize("is_here", [True, False])
    def test_what_another_machine_keeps_in_a_shared_data_folder_is_its_own(
        self, trace: Trace, tmp_path, is_here
    ):
        """Its lock looks free from here where the file system does not pass locks on."""
        found = trace if is_here else replace(trace, host="another")
        folder = tmp_path / "agents"
        folder.mkdir()
        (folder / f"{trace.agent}.json").write_text(json.dumps(asdict(found)))
        (folder / f"{trace.agent}.lock").touch()
        end_leftovers(tmp_path, pytest.fail)
        assert len(list(folder.iterdir())) == (0 if is_here else 2)

    def test_what_is_to_be_kept(self, trace, marked):
        process, notices = marked(f"{trace.agent}.one", SWEEP_KEEP="1"), []
        end_marked(trace, f"{trace.agent}.", notices.append)
        assert process.poll() is None
        assert notices == []

    def test_an_agent_that_was_started_inside_a_run_does_not_end_itself(self, trace, tmp_path):
        code = (
            "from sweep_sdk._agent.process.leftovers import end_marked, Trace\n"
            f"end_marked({trace!r}, '{trace.agent}.', print)\nprint('still there')"
        )
        words = ["sh", "-c", f'{sys.executable} -c "$1"; true', "sh", code]
        environment = {**os.environ, MARK_VARIABLE: f"{trace.agent}.one"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "still there\n"
