"""Agents as processes, with real training programs and real signals."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

AGENT = Path(__file__).with_name("agent_process.py")
QUICK = {
    "row_interval_seconds": 0.02,
    "report_interval_seconds": 0.1,
    "term_timeout_seconds": 0.5,
}
PATIENCE_SECONDS = 30

PROGRAM = """
    import json, os, signal, sys, time
    def log(**row):
        with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
            file.write(json.dumps(row) + "\\n")
"""


@pytest.fixture
def register(client):
    def register(script, then="", points=2, **config):
        Path("train.py").write_text(textwrap.dedent(PROGRAM) + textwrap.dedent(script) + then)
        document = {
            "method": "grid",
            "program": "train.py",
            "command": ["${interpreter}", "-S", "${program}"],
            "metric": {"name": "loss"},
            "parameters": {"n": {"values": list(range(points))}},
            **config,
        }
        return client.create_sweep(document)["id"]

    return register


class AgentProcess:
    """A running agent and the events it has printed."""

    def __init__(self, sweep, *, stdin=None, **options):
        self.process = subprocess.Popen(
            [sys.executable, str(AGENT), sweep, json.dumps(QUICK | options)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def of(self, name):
        return [event for event in self.events if event["event"] == name]

    def await_output(self, text):
        """Wait until the program has printed a line."""
        await_true(lambda: text in self.output())

    def output(self):
        """What the programs have printed so far."""
        pieces = [ast.literal_eval(event["data"]) for event in self.of("Output")]
        return b"".join(pieces).decode()

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        """Wait for the agent's end; its exit code."""
        code = self.process.wait(PATIENCE_SECONDS)
        self._reader.join()
        assert self.process.stderr.read() == ""
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def start():
    started = []

    def start(sweep, **options):
        started.append(AgentProcess(sweep, **options))
        return started[-1]

    yield start
    for agent in started:
        agent.close()


def await_true(condition):
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def printed_pids(agent):
    """What the program printed as ``pid <number>``."""
    words = agent.output().split()
    return [int(words[at + 1]) for at, word in enumerate(words) if word == "pid"]


WAIT = "\n\nlog(loss=1); print('ready', flush=True); time.sleep(60)\n"


class TestTheFirstSignal:
    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
    )
    def test_the_program_gets_it_and_the_run_is_given_back(
        self, client, register, start, number, code
    ):
        agent = start(
            register(
                """
                def stop(number, _):
                    log(loss=0.5)
                    print("got", number, flush=True)
                    sys.exit(1)
                signal.signal(signal.SIGTERM, stop)
                signal.signal(signal.SIGINT, stop)
                signal.signal(signal.SIGHUP, stop)
                """,
                WAIT,
            )
        )
        agent.await_output("ready")
        agent.send(number)
        assert agent.end() == code
        ended = agent.of("RunEnded")
        assert [(event["state"], event["is_requeued"]) for event in ended] == [("preempted", True)]
        assert f"got {int(number)}" in agent.output()
        run = client.get_run(ended[0]["run"])
        assert run["attempts"][0]["state"] == "preempted"
        losses = [row["metrics"]["loss"] for row in client.history(run["id"])]
        assert losses == [1, 0.5]
        assert len(agent.of("RunStarted")) == 1

    def test_the_next_attempt_finds_the_checkpoint(self, client, register, start):
        sweep = register(
            """
            checkpoint = os.path.join(os.environ["SWEEP_RUN_DIR"], "checkpoint")
            if os.path.exists(checkpoint):
                log(loss=0, resumed=int(os.environ["SWEEP_ATTEMPT"]))
                sys.exit(0)
            def stop(number, _):
                open(checkpoint, "w").close()
                sys.exit(0)
            signal.signal(signal.SIGTERM, stop)
            """,
            WAIT,
            points=1,
        )
        agent = start(sweep)
        agent.await_output("ready")
        agent.send(signal.SIGTERM)
        assert agent.end() == 143
        again = start(sweep)
        assert again.end() == 0
        run = client.get_run(f"{sweep}-0")
        assert (run["state"], run["attempt"], run["summary"]["resumed"]) == ("finished", 2, 2)

    def test_a_program_that_says_that_it_is_done_is_done(self, client, register, start):
        sweep = register(
            """
            def stop(*_):
                log(event="finish")
                sys.exit(0)
            signal.signal(signal.SIGTERM, stop)
            """,
            WAIT,
        )
        agent = start(sweep)
        agent.await_output("ready")
        agent.send(signal.SIGTERM)
        assert agent.end() == 143
        assert client.get_run(f"{sweep}-0")["state"] == "finished"

    def test_sigterm_does_not_wait_for_ever(self, client, register, start):
        agent = start(register("signal.signal(signal.SIGTERM, signal.SIG_IGN)", WAIT))
        agent.await_output("ready")
        agent.send(signal.SIGTERM)
        assert agent.end() == 143
        ended = agent.of("RunEnded")[0]
        assert (ended["state"], ended["signal"]) == ("preempted", signal.SIGKILL)

    def test_without_forwarding_the_program_may_finish(self, client, register, start):
        script = "\nprint('ready', flush=True); time.sleep(0.4); log(loss=3)\n"
        sweep = register(script)
        agent = start(sweep, forwards_signals=False)
        agent.await_output("ready")
        agent.send(signal.SIGTERM)
        assert agent.end() == 143
        assert [run["state"] for run in client.list_runs(sweep)] == ["finished"]


class TestMoreSignals:
    @pytest.fixture
    def terminal(self):
        """A terminal at which somebody sits."""
        ours, theirs = os.openpty()
        yield theirs
        os.close(ours)
        os.close(theirs)

    def test_a_second_ends_and_a_third_kills_what_does_not_listen(self, register, start, terminal):
        agent = start(
            register(
                "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                "signal.signal(signal.SIGTERM, lambda *_: print('term', flush=True))",
                WAIT,
            ),
            term_timeout_seconds=60,
            stdin=terminal,
        )
        agent.await_output("ready")
        agent.send(signal.SIGINT)
        await_true(lambda: any("SIGINT" in event["message"] for event in agent.of("Notice")))
        agent.send(signal.SIGINT)
        agent.await_output("term")
        agent.send(signal.SIGINT)
        assert agent.end() == 130
        ended = agent.of("RunEnded")[0]
        assert (ended["state"], ended["signal"]) == ("preempted", signal.SIGKILL)

    def test_a_signal_reaches_all_slots(self, client, register, start):
        sweep = register("", WAIT, points=5)
        agent = start(sweep, parallel=3)
        await_true(lambda: agent.output().count("ready") == 3)
        agent.send(signal.SIGTERM)
        assert agent.end() == 143
        assert [event["state"] for event in agent.of("RunEnded")] == ["preempted"] * 3

    def test_while_waiting_for_a_run(self, client, register, start):
        sweep = register("")
        client.change_sweep(sweep, state="paused")
        agent = start(sweep)
        await_true(lambda: agent.of("Waiting"))
        agent.send(signal.SIGINT)
        assert agent.end() == 130
        assert agent.of("AgentEnded")[0]["reason"] == "interrupted by SIGINT"

    def test_a_batch_system_signals_both_at_once(self, client, register, start):
        """The program may be gone before the agent has heard from the signal."""
        sweep = register("\nprint('pid', os.getpid())", WAIT)
        agent = start(sweep)
        agent.await_output("ready")
        os.kill(printed_pids(agent)[0], signal.SIGTERM)
        agent.send(signal.SIGTERM)
        assert agent.end() == 143
        assert [event["state"] for event in agent.of("RunEnded")] == ["preempted"]


class TestTheEndOfAnAgent:
    def test_no_process_survives_the_agent(self, register, start):
        script = """
            import subprocess
            inner = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
            print("pid", os.getpid(), "pid", inner.pid, flush=True)
        """
        agent = start(register(script, WAIT))
        agent.await_output("ready")
        agent.send(signal.SIGTERM)
        agent.end()
        pids = printed_pids(agent)
        assert len(pids) == 2
        assert not any(is_alive(pid) for pid in pids)

    def test_kill_9_ends_its_programs_and_a_neighbour_takes_over(
        self, client, register, start, settings
    ):
        """Long before the lease ends; what was logged is not lost, also what was not yet sent."""
        script = """
            log(loss=5)
            if os.environ["SWEEP_ATTEMPT"] == "2":
                sys.exit(0)
            log(loss=4)
            print("pid", os.getpid(), flush=True)
        """
        sweep = register(script, WAIT, points=1)
        agent = start(sweep, row_interval_seconds=60, report_interval_seconds=90)
        agent.await_output("ready")
        neighbour = start(sweep)
        await_true(lambda: neighbour.of("Waiting"))
        agent.send(signal.SIGKILL)
        started_at = time.monotonic()
        assert neighbour.end() == 0
        assert time.monotonic() - started_at < PATIENCE_SECONDS
        assert not is_alive(printed_pids(agent)[0])
        run = client.get_run(f"{sweep}-0")
        assert (run["state"], run["attempt"]) == ("finished", 2)
        assert [attempt["state"] for attempt in run["attempts"]] == ["preempted"]
        rows = [(row["attempt"], row["metrics"]["loss"]) for row in client.history(run["id"])]
        assert rows == [(1, 5), (1, 4), (1, 1), (2, 5)]
        assert list((settings.home / "pending").iterdir()) == []


class TestSpot:
    class Handler(BaseHTTPRequestHandler):
        """IMDSv2: a token is put, and shown at every look."""

        def do_PUT(self):
            is_ours = self.path == "/latest/api/token"
            has_time = "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
            self.reply(200 if is_ours and has_time else 400, "some token")

        def do_GET(self):
            if self.headers["X-aws-ec2-metadata-token"] != "some token":
                self.reply(401, "")
            elif self.path == "/latest/meta-data/spot/instance-action" and self.server.is_doomed:
                self.reply(200, '{"action": "terminate", "time": "2026-01-01T00:00:00Z"}')
            else:
                self.reply(404, "")

        def reply(self, status, text):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    @pytest.fixture
    def metadata(self):
        server = HTTPServer(("127.0.0.1", 0), self.Handler)
        server.is_doomed = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        server.server_close()

    def test_a_notice_gives_the_run_back_ahead_of_time(
        self, client, register, start, metadata, monkeypatch
    ):
        url = f"http://127.0.0.1:{metadata.server_port}"
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        sweep = register(
            """
            def stop(*_):
                log(loss=0.5)
                sys.exit(1)
            signal.signal(signal.SIGTERM, stop)
            """,
            WAIT,
        )
        agent = start(sweep, watches_spot=True)
        agent.await_output("ready")
        metadata.is_doomed = True
        assert agent.end() == 143
        assert any("spot" in event["message"] for event in agent.of("Notice"))
        ended = agent.of("RunEnded")
        assert [(event["state"], event["is_requeued"]) for event in ended] == [("preempted", True)]
        losses = [row["metrics"]["loss"] for row in client.history(f"{sweep}-0")]
        assert losses == [1, 0.5]
        again = client.ask(sweep, "key-of-another-agent", "another")
        assert (again.id, again.attempt) == (f"{sweep}-0", 2)  # at once: no lease is waited for


def test_a_program_that_sees_its_end_coming_goes_on_from_its_checkpoint(client, register, start):
    script = """
        import sweep_sdk
        run = sweep_sdk.init()
        checkpoint = os.path.join(os.environ["SWEEP_RUN_DIR"], "checkpoint")
        if not run.resumed:
            open(checkpoint, "w").write("0.25")
            run.mark_preempting()
            sys.exit(1)
        run.log({"loss": float(open(checkpoint).read()), "attempt": run.attempt})
    """
    sweep = register(script, points=1, command=["${interpreter}", "${program}"])
    assert start(sweep).end() == 0
    run = client.get_run(f"{sweep}-0")
    assert [attempt["state"] for attempt in run["attempts"]] == ["preempted"]
    assert (run["state"], run["attempt"]) == ("finished", 2)
    assert (run["summary"]["loss"], run["summary"]["attempt"]) == (0.25, 2)


def test_a_closed_pipe_does_not_end_the_training(client, register, tmp_path):
    """As with ``... | head``: who watches is gone, the work goes on."""
    sweep = register("print('x' * 100_000)", points=3)
    process = subprocess.Popen(
        [sys.executable, str(AGENT), sweep, json.dumps(QUICK)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.close()
    process.wait(PATIENCE_SECONDS)
    assert [run["state"] for run in client.list_runs(sweep)] == ["finished"] * 3


def test_a_parent_that_ignores_sigchld(register, start, client):
    """The system then forgets how children end; cron and some containers start programs so."""
    sweep = register("log(loss=1)", points=1)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        agent = start(sweep)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert agent.end() == 0
    assert [run["state"] for run in client.list_runs(sweep)] == ["finished"]


class TestBatchSystems:
    CHECKPOINT = """
        from pathlib import Path
        asked = []
        for name in ("SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGALRM"):
            signal.signal(getattr(signal, name), lambda number, _: asked.append(number))
        log(loss=1)
        print("ready", flush=True)
        while not asked:
            time.sleep(0.01)
        Path("checkpoint").write_text(str(asked[0]))
        sys.exit(75)
    """

    @pytest.mark.parametrize("name", ["SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGALRM"])
    def test_the_program_has_time_and_its_run_is_given_back(self, client, register, start, name):
        sweep, number = register(self.CHECKPOINT), getattr(signal, name)
        agent = start(sweep, term_timeout_seconds=20)
        agent.await_output("ready")
        agent.send(number)
        assert agent.end() == 128 + number
        assert Path("checkpoint").read_text() == str(int(number))
        assert [event["state"] for event in agent.of("RunEnded")] == ["preempted"]
        (run,) = client.list_runs(sweep)
        assert run["state"] == "pending"

    @pytest.mark.parametrize("exits", ["sys.exit()", "sys.exit(1)"])
    def test_a_program_that_marks_its_run_comes_back_however_it_exits(
        self, client, register, start, exits
    ):
        script = f"""
            import sweep_sdk
            run = sweep_sdk.init()
            def save(*_):
                run.mark_preempting()
                run.finish()
                {exits}
            signal.signal(signal.SIGUSR1, save)
        """
        sweep = register(script, WAIT, command=["${interpreter}", "${program}"])
        agent = start(sweep)
        agent.await_output("ready")
        agent.send(signal.SIGUSR1)
        assert agent.end() == 128 + signal.SIGUSR1
        assert [event["state"] for event in agent.of("RunEnded")] == ["preempted"]
        (run,) = client.list_runs(sweep)
        assert run["state"] == "pending"

    @pytest.mark.parametrize(
        "names", [("SIGTERM", "SIGINT"), ("SIGUSR1", "SIGTERM"), ("SIGINT", "SIGTERM", "SIGCONT")]
    )
    def test_signals_of_several_kinds_within_a_moment_do_not_insist(self, register, start, names):
        script = """
            def save(*_):
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                time.sleep(1)
                print("saved", flush=True)
                sys.exit(1)
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, save)
        """
        agent = start(register(script, WAIT), term_timeout_seconds=20)
        agent.await_output("ready")
        for name in names:
            agent.send(getattr(signal, name))
            time.sleep(0.05)
        assert agent.end() in (128 + signal.SIGTERM, 128 + signal.SIGINT)
        assert "saved" in agent.output()

    @pytest.mark.parametrize("name", ["SIGABRT", "SIGSYS", "SIGTRAP", "SIGSTKFLT"])
    def test_signals_that_are_usually_faults_can_be_sent_too(self, client, register, start, name):
        sweep = register("", WAIT)
        agent = start(sweep)
        agent.await_output("ready")
        agent.send(getattr(signal, name))
        assert agent.end() == 128 + getattr(signal, name)
        assert [event["state"] for event in agent.of("RunEnded")] == ["preempted"]
        (run,) = client.list_runs(sweep)
        assert run["state"] == "pending"

    @pytest.mark.parametrize("name", ["SIGUSR1", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGRTMIN"])
    def test_what_the_program_takes_no_notice_of_changes_nothing(self, register, start, name):
        number = getattr(signal, name)
        script = f"signal.signal({int(number)}, lambda *_: print('heard', flush=True))\n"
        wait = "print('ready', flush=True)\nfor _ in range(30):\n    time.sleep(0.02)\n"
        agent = start(register(script, wait, points=1))
        agent.await_output("ready")
        agent.send(number)
        assert agent.end() == 0
        assert "heard" in agent.output()
        assert [event["state"] for event in agent.of("RunEnded")] == ["finished"]

    def test_a_signal_that_is_repeated_at_once_does_not_insist(self, register, start):
        script = """
            def save(*_):
                time.sleep(0.5)
                print("saved", flush=True)
                sys.exit(1)
            signal.signal(signal.SIGTERM, save)
        """
        agent = start(register(script, WAIT), term_timeout_seconds=20)
        agent.await_output("ready")
        for _ in range(4):
            agent.send(signal.SIGTERM)
            time.sleep(0.05)
        assert agent.end() == 143
        assert "saved" in agent.output()

    def test_ctrl_z_stops_the_program_too(self, register, start):
        beats = "\nprint('ready', flush=True)\nfor n in range(400):\n    print(n, flush=True)"
        agent = start(register("", beats + "; time.sleep(0.01)\n", points=1))
        agent.await_output("ready")
        agent.send(signal.SIGTSTP)
        await_true(lambda: state_of(agent.process.pid) == "T")
        seen = len(agent.output())
        time.sleep(0.3)
        assert len(agent.output()) == seen
        agent.send(signal.SIGCONT)
        assert agent.end() == 0
        assert [event["state"] for event in agent.of("RunEnded")] == ["finished"]
        assert any("handed out again" in event["message"] for event in agent.of("Notice"))


class TestTheBackendLearnsOfTheEndAtOnce:
    SLOW = """
        def save(*_):
            print("saving", flush=True)
            time.sleep(60)
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU"):
            signal.signal(getattr(signal, name), save)
    """

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU"])
    def test_the_run_is_preempting_while_its_program_saves(self, client, register, start, name):
        sweep = register(self.SLOW, WAIT, points=1)
        patient = {"row_interval_seconds": 60, "report_interval_seconds": 90}
        agent = start(sweep, term_timeout_seconds=60, **patient)
        agent.await_output("ready")
        assert client.get_run(f"{sweep}-0")["state"] == "running"
        agent.send(getattr(signal, name))
        agent.await_output("saving")
        await_true(lambda: client.get_run(f"{sweep}-0")["state"] == "preempting")

    def test_the_backend_is_notified_also_without_forwarding(self, client, register, start):
        sweep = register("", WAIT, points=1)
        agent = start(sweep, forwards_signals=False)
        agent.await_output("ready")
        agent.send(signal.SIGTERM)
        await_true(lambda: client.get_run(f"{sweep}-0")["state"] == "preempting")


def state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
