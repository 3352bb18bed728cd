"""Faults of a machine do not fail a run: the run is given back for other agents."""

from __future__ import annotations

import os
import resource
import sys
import textwrap
from pathlib import Path

import pytest

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.session import tally
from sweep_sdk._agent.view import events
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

QUICK = {"row_interval_seconds": 0.02, "report_interval_seconds": 0.05}
TOOL = """\
#!{interpreter} -S
import json, os, sys
from pathlib import Path
n = json.loads(Path(os.environ["SWEEP_CONFIG_FILE"]).read_text())["n"]
with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
    file.write(json.dumps({{"loss": n}}) + "\\n")
"""


@pytest.fixture
def client(client, monkeypatch):
    """Pauses take no time."""
    monkeypatch.setattr(tally, "FIRST_PAUSE_SECONDS", 0.01)
    return client


@pytest.fixture
def register(client):
    def register(command, points=4, script=""):
        tool = Path("tool")
        tool.write_text(TOOL.format(interpreter=sys.executable) + textwrap.dedent(script))
        tool.chmod(0o755)
        document = {
            "method": "grid",
            "command": command,
            "metric": {"name": "loss"},
            "parameters": {"n": {"values": list(range(points))}},
        }
        return client.create_sweep(document)["id"]

    return register


@pytest.fixture
def work(client):
    def work(sweep, on_event=lambda _: None, **options):
        seen = []

        def watch(event):
            seen.append(event)
            on_event(event)

        return run_agent(client, sweep, AgentOptions(**QUICK, **options), watch), seen

    return work


def states(client, sweep):
    return [run["state"] for run in client.list_runs(sweep)]


def messages(seen):
    return [event.message for event in seen if isinstance(event, events.Notice)]


BREAKS = {
    "it has vanished": lambda tool: tool.unlink(),
    "it may not be executed": lambda tool: tool.chmod(0o644),
    "its interpreter has vanished": lambda tool: tool.write_text("#!/nowhere/python\n"),
    "it is no program": lambda tool: tool.write_bytes(b"\x7fELF\x00\x00 of another machine"),
}
COMMANDS = {"itself": ["./tool"], "env": ["/usr/bin/env", "./tool"]}


class TestAProgramThatCannotBeStarted:
    @pytest.mark.parametrize(
        ("how", "command"),
        [
            (how, command)
            for how in BREAKS
            for command in COMMANDS
            if (how, command) != ("it is no program", "env")  # env then has the shell run it
        ],
    )
    def test_its_runs_are_given_back_and_the_agent_ends(self, client, register, work, how, command):
        sweep = register(COMMANDS[command])

        def break_it(event):
            if isinstance(event, events.RunEnded) and event.state == "finished":
                BREAKS[how](Path("tool"))

        code, seen = work(sweep, break_it)
        assert code == 1
        assert states(client, sweep) == ["finished", "pending"]
        last = seen[-1]
        assert "this machine failed to run a program 5 times in a row" in last.reason
        assert (last.n_runs, last.n_failed) == (1, 0)
        assert any("cannot start" in text or "tool" in text for text in messages(seen))

    @pytest.fixture
    def unhurried(self, monkeypatch):
        """Pauses that are long enough for a machine to be repaired in."""
        monkeypatch.setattr(tally, "FIRST_PAUSE_SECONDS", 1.0)

    @pytest.mark.parametrize("parallel", [2, 4])
    def test_several_slots_at_once(self, client, register, work, parallel):
        sweep = register(["./tool"], points=8)

        def hide(event):
            if isinstance(event, events.RunEnded) and event.state == "finished":
                Path("tool").chmod(0o644)

        code, seen = work(sweep, hide, parallel=parallel)
        assert code == 1
        assert set(states(client, sweep)) <= {"finished", "pending"}
        assert seen[-1].n_failed == 0

    def test_a_python_program_that_has_vanished(self, client, register, work):
        sweep = register(["${env}", "python", "tool"], script="Path('tool').unlink()")
        code, seen = work(sweep)
        assert code == 1
        assert states(client, sweep) == ["finished", "pending"]
        assert "no program 'tool'" in seen[-1].reason

    def test_the_agent_continues_once_the_machine_has_recovered(
        self, client, register, work, unhurried
    ):
        """Too many open files, for a while."""
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)

        def spoil(event):
            is_start = isinstance(event, events.RunStarted)
            if is_start and event.index == 0 and event.attempt == 1:
                highest = max(map(int, os.listdir("/proc/self/fd")))
                resource.setrlimit(resource.RLIMIT_NOFILE, (highest, limits[1]))
            if isinstance(event, events.Notice) and "Too many open files" in event.message:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)

        sweep = register(["./tool"], points=6)
        try:
            code, seen = work(sweep, spoil)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert code == 0
        assert states(client, sweep) == ["finished"] * 6
        assert sum(event.state == "failed" for event in ended(seen)) == 0

    def test_a_count_is_of_runs_that_started(self, client, register, work, unhurried):
        sweep = register(["./tool"])
        Path("tool").chmod(0o755)

        def hide_for_a_moment(event):
            if isinstance(event, events.RunStarted) and event.attempt == 1:
                Path("tool").chmod(0o644)
            if isinstance(event, events.Notice):
                Path("tool").chmod(0o755)

        code, seen = work(sweep, hide_for_a_moment, count=1)
        assert code == 0
        assert [event.state for event in ended(seen)][-1] == "finished"
        assert seen[-1].n_runs == 1


def ended(seen):
    return [event for event in seen if isinstance(event, events.RunEnded)]


class TestFailuresInARow:
    FAILS = "if n >= 2:\n    sys.exit('CUDA error: an uncorrectable ECC error')\n"

    @pytest.mark.parametrize("parallel", [1, 3])
    def test_ten_end_an_agent_that_had_successes(self, client, register, work, parallel):
        sweep = register(["./tool"], points=40, script=self.FAILS)
        code, seen = work(sweep, parallel=parallel, max_initial_failures=0)
        assert code == 1
        assert 10 <= states(client, sweep).count("failed") < 10 + 2 * parallel
        assert seen[-1].option == "max_consecutive_failures"

    @pytest.mark.parametrize(("bound", "n_failed"), [(4, 4), (0, 18)])
    def test_an_option_says_how_many(self, client, register, work, bound, n_failed):
        sweep = register(["./tool"], points=20, script=self.FAILS)
        code, _ = work(sweep, max_consecutive_failures=bound, max_initial_failures=0)
        assert (code, states(client, sweep).count("failed")) == (1 if bound else 0, n_failed)

    def test_the_limit_is_halved_if_other_agents_succeed(self, client, register, work):
        sweep = register(["./tool"], points=40, script=self.FAILS)

        def others(event):
            if isinstance(event, events.RunEnded) and event.state == "failed":
                run = client.ask(sweep, f"key-{event.run}", "another agent")
                client.finish(run.id, Ending(1, RunState.FINISHED))

        code, seen = work(sweep, others, max_initial_failures=0)
        assert code == 1
        assert states(client, sweep).count("failed") == 5
        assert "runs in a row failed here, while" in seen[-1].reason

    def test_what_others_had_finished_before_says_nothing(self, client, register, work):
        sweep = register(["./tool"], points=40, script=self.FAILS)
        for number in range(5):
            run = client.ask(sweep, f"another-key-{number}", "another agent")
            client.finish(run.id, Ending(1, RunState.FINISHED))
        code, _ = work(sweep, max_failures=0, max_initial_failures=0)
        assert (code, states(client, sweep).count("failed")) == (1, 10)


class TestTheExitCode:
    @pytest.mark.parametrize(("script", "code"), [("sys.exit(3)", 1), ("", 0)])
    def test_none_of_whose_runs_succeeded(self, register, work, script, code):
        found, seen = work(register(["./tool"], script=script), count=1)
        assert found == code
        assert ("no run of this agent succeeded" in seen[-1].reason) == bool(code)

    def test_an_agent_without_any_run_left_exits_with_0(self, client, register, work):
        sweep = register(["./tool"])
        client.change_sweep(sweep, state="finished")
        assert work(sweep)[0] == 0
