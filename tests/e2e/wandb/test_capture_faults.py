"""Programs that use wandb while agents are killed, backends are away and runs are stopped."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._backend.client import open_client
from sweep_sdk._exceptions import SweepError
from sweep_sdk._home.agent_lock import agent_lock
from sweep_sdk._settings import load_settings
from sweep_sdk._sweeps.registering import create_sweep
from sweep_sdk._world.loopback import Answer, listen

AGENT_PROCESS = Path(__file__).parents[1] / "agent_process.py"
SWEEP = {
    "method": "grid",
    "program": "train.py",
    "metric": {"name": "loss"},
    "parameters": {"lr": {"values": [0.1]}},
}
ENDLESS = """
    import time, wandb
    run = wandb.init(project="vision")
    for step in range(100_000):
        run.log({"loss": step})
        time.sleep(0.05)
"""


@pytest.fixture
def register(newest_wandb, workplace):
    """Registers a sweep of a program, as the command line does; its id."""

    def register(client, program: str, **changes):
        (workplace / "train.py").write_text(textwrap.dedent(program))
        command = [str(newest_wandb.python), "${program}"]
        config = {**SWEEP, "command": command, **changes}
        return create_sweep(client, say=lambda _: None, config=config)["id"]

    return register


@pytest.fixture
def start():
    """Starts an agent; killed at the end of the test."""
    started = []

    def start(sweep, **options):
        agent = subprocess.Popen(
            [sys.executable, AGENT_PROCESS, sweep, json.dumps(options)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(agent)
        return agent

    yield start
    for agent in started:
        agent.kill()
        agent.communicate()


def until(condition, seconds=60.0):
    """Waits for what other processes do."""
    give_up_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    return found


def n_logged(settings, sweep):
    return sum(
        path.read_bytes().count(b'"loss"') for path in settings.runs_dir.glob(f"{sweep}/*/metrics*")
    )


def losses(client, run):
    return [row["metrics"]["loss"] for row in client.thinned_history(run, 20_000).rows]


def test_rows_survive_an_agent_that_is_killed(client, settings, register, start):
    sweep = register(client, ENDLESS)
    agent = start(sweep)
    until(lambda: n_logged(settings, sweep) > 20)
    agent.kill()
    agent.wait()
    processes = until(lambda: not wandb_processes(sweep) and ["none"])
    assert processes
    n_rows = n_logged(settings, sweep)
    with agent_lock(settings.home) as lock:
        (synced,) = sync(client, Outbox(settings.home, lock), lambda _: None)
    assert synced.state == "preempted"
    assert losses(client, f"{sweep}-0") == list(range(n_rows))


def wandb_processes(sweep):
    """The processes of this machine that belong to a run of the sweep."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"SWEEP_ID={sweep}".encode() in environ:
            found.append(process.name)
    return found


def test_a_stop_ends_a_program_that_ignores_signals_by_way_of_its_wandb(
    client, settings, register, start
):
    program = """
        import signal, time, wandb
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        run = wandb.init()
        try:
            for step in range(100_000):
                run.log({"loss": step})
                time.sleep(0.05)
        except KeyboardInterrupt:
            run.log({"loss": -1.0})
            raise
    """
    sweep = register(client, program)
    agent = start(sweep, report_interval_seconds=1.0, term_timeout_seconds=60.0)
    until(lambda: n_logged(settings, sweep) > 5)
    client.stop_run(f"{sweep}-0")
    assert agent.wait(timeout=60) is not None
    run = client.get_run(f"{sweep}-0")
    assert run["state"] == "killed"
    assert run["signal"] == signal.SIGINT  # and not SIGKILL
    assert losses(client, f"{sweep}-0")[-1] == -1.0


def test_the_backend_may_be_away_while_the_program_logs(settings, register, start, monkeypatch):
    port = free_port()
    monkeypatch.setenv("SWEEP_TOKEN", "t" * 40)
    backend = serve(port)
    monkeypatch.setenv("SWEEP_URL", f"http://127.0.0.1:{port}")
    program = """
        import os, time, wandb
        run = wandb.init()
        for step in range(50):
            run.log({"loss": 1 / (step + 1)})
        open("logged", "w").close()
        while not os.path.exists("backend-is-away"):
            time.sleep(0.05)
        for step in range(50, 100):
            run.log({"loss": 1 / (step + 1)})
        run.finish()
        open("finished", "w").close()
    """
    try:
        with open_client(load_settings()) as client:
            sweep = until(lambda: reachable(client)) and register(client, program)
            agent = start(sweep, report_interval_seconds=0.5)
            until(Path("logged").exists)
            backend.kill()
            backend.wait()
            Path("backend-is-away").touch()
            until(Path("finished").exists)
            backend = serve(port)
            assert agent.wait(timeout=90) == 0
            assert client.get_run(f"{sweep}-0")["state"] == "finished"
            assert losses(client, f"{sweep}-0") == [1 / (step + 1) for step in range(100)]
    finally:
        backend.kill()
        backend.wait()


def reachable(client):
    with contextlib.suppress(SweepError):
        return client.health()
    return None


def free_port():
    with listen() as server:
        return server._port


def serve(port):
    words = [sys.executable, "-m", "sweep_sdk", "local", "--port", str(port)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


ACCOUNT_KEY = "1234567890" * 4


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A W&B server of the user's own, which keeps what it gets; the user has an account there."""
    from sweep_sdk._capture.protocol import Protocol
    from sweep_sdk._capture.recording import Recording
    from sweep_sdk._metrics.writer import MetricsFile

    folder = tmp_path / "theirs"
    folder.mkdir()
    file = folder / "metrics.jsonl"
    recording = Recording(
        MetricsFile(str(file)), run="", config={}, metric="loss", notice=lambda _: None
    )
    server = Theirs(listen(), file)
    address = server.loopback.add(server.answer)
    server.protocol = Protocol(
        recording, address=address, folder=folder, is_stopped=lambda: False, notice=lambda _: None
    )
    monkeypatch.setenv("WANDB_BASE_URL", address)
    monkeypatch.setenv("WANDB_API_KEY", ACCOUNT_KEY)
    yield server
    server.loopback.close()


class Theirs:
    def __init__(self, loopback, file):
        self.loopback, self.file, self.protocol = loopback, file, None
        self.is_away = False
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        return Answer(502) if self.is_away else self.protocol.answer(request)

    @property
    def lines(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()]


SHORT = """
    import wandb
    run = wandb.init(project="vision", config={"epochs": 3})
    for step in range(3):
        run.log({"loss": wandb.config.lr / (step + 1)})
    run.finish()
"""


def test_a_user_with_an_account_has_everything_there_and_in_the_sweep(
    client, register, start, theirs
):
    sweep = register(client, SHORT)
    agent = start(sweep)
    out, _ = agent.communicate(timeout=120)
    assert client.get_sweep(sweep)["config"]["wandb"] == "mirror"
    assert client.get_run(f"{sweep}-0")["state"] == "finished"
    assert losses(client, f"{sweep}-0") == [0.1 / (step + 1) for step in range(3)]
    rows = [line for line in theirs.lines if "metrics" in line and "step" in line]
    assert [row["metrics"]["loss"] for row in rows] == [0.1 / (step + 1) for step in range(3)]
    config = {}
    for line in theirs.lines:
        config |= line.get("config", {})
    assert config == {"epochs": 3, "lr": 0.1}
    bodies = [json.loads(request.body) for request in theirs.requests if request.path == "graphql"]
    buckets = [body["variables"] for body in bodies if "UpsertBucket" in body["query"]]
    assert buckets[0]["project"] == "vision"
    assert all(bucket["sweep"] is None for bucket in buckets)
    credentials = {request.headers["Authorization"] for request in theirs.requests}
    assert credentials == {"Basic " + base64.b64encode(f"api:{ACCOUNT_KEY}".encode()).decode()}
    assert "as before (account from WANDB_API_KEY), and to the sweep" in out


def test_the_sweep_goes_on_when_their_wandb_is_away_from_the_beginning(
    client, register, start, theirs
):
    theirs.is_away = True
    sweep = register(client, SHORT)
    agent = start(sweep)
    out, _ = agent.communicate(timeout=180)
    assert client.get_run(f"{sweep}-0")["state"] == "finished"
    assert losses(client, f"{sweep}-0") == [0.1 / (step + 1) for step in range(3)]
    assert "does not answer" in out


def test_an_agent_without_the_account_says_so_and_takes_everything(
    client, register, start, theirs, monkeypatch
):
    sweep = register(client, SHORT)
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.delenv("WANDB_BASE_URL")
    agent = start(sweep)
    out, _ = agent.communicate(timeout=120)
    assert losses(client, f"{sweep}-0") == [0.1 / (step + 1) for step in range(3)]
    assert "this machine has no account" in out
    assert theirs.requests == []


def test_a_program_that_forks_after_init_disturbs_nothing(client, register, start):
    program = """
        import os, wandb
        run = wandb.init()
        run.log({"loss": 1.0})
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        run.log({"loss": 0.5})
        run.finish()
    """
    sweep = register(client, program)
    agent = start(sweep)
    agent.communicate(timeout=120)
    assert client.get_run(f"{sweep}-0")["state"] == "finished"
    assert losses(client, f"{sweep}-0") == [1.0, 0.5]


def test_an_agent_that_is_suspended_goes_on_where_it_was(client, settings, register, start):
    program = """
        import os, time, wandb
        run = wandb.init()
        for step in range(200):
            run.log({"loss": step})
            time.sleep(0.02)
        run.finish()
    """
    sweep = register(client, program)
    agent = start(sweep)
    until(lambda: n_logged(settings, sweep) > 5)
    os.kill(agent.pid, signal.SIGSTOP)  # the endpoint hangs, and its program goes on
    time.sleep(3.0)
    os.kill(agent.pid, signal.SIGCONT)
    agent.communicate(timeout=120)
    assert losses(client, f"{sweep}-0") == list(range(200))
