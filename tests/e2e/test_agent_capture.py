"""Programs that use wandb under a real agent: what it has answered, and what it has to bear.

The programs speak wandb's protocol themselves; ``make e2e-wandb`` runs those that import it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._home.agent_lock import agent_lock

AGENT_PROCESS = Path(__file__).with_name("agent_process.py")
CLIENT = """
    import json, os, pathlib, socket, time, urllib.error, urllib.request
    from urllib.parse import urlsplit

    URL = os.environ["WANDB_BASE_URL"]

    def post(path, body):
        try:
            with urllib.request.urlopen(f"{URL}/{path}", body, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def log(step, **more):
        line = json.dumps({"loss": float(step), "_step": step})
        history = {"wandb-history.jsonl": {"offset": step, "content": [line]}}
        body = json.dumps({"files": history, **more}).encode()
        return post("files/me/p/run1/file_stream", body)
"""


@pytest.fixture
def start(client, workplace):
    """Starts an agent on a program; the sweep, and the agent, which is killed at the end."""
    agents = []

    def start(program):
        source = textwrap.dedent(CLIENT) + textwrap.dedent(program)
        (workplace / "train.py").write_text(source)
        sweep = client.create_sweep(
            {
                "method": "grid",
                "program": "train.py",
                "command": [sys.executable, "${program}"],
                "metric": {"name": "loss"},
                "parameters": {"lr": {"values": [0.1]}},
            }
        )["id"]
        agent = subprocess.Popen(
            [sys.executable, AGENT_PROCESS, sweep, "{}"], stdout=subprocess.PIPE, text=True
        )
        agents.append(agent)
        return sweep, agent

    yield start
    for agent in agents:
        agent.kill()
        agent.communicate()


def losses(client, sweep):
    return [row["metrics"]["loss"] for row in client.thinned_history(f"{sweep}-0", 10_000).rows]


def test_rows_that_were_answered_survive_an_agent_that_is_killed(client, settings, start):
    program = """
        for step in range(1_000_000):
            assert log(step) == 200
            pathlib.Path("answered.new").write_text(str(step + 1))
            os.replace("answered.new", "answered")
    """
    sweep, agent = start(program)
    answered = Path("answered")
    give_up_at = time.monotonic() + 60
    while not answered.exists() or int(answered.read_text()) < 50:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
    agent.kill()
    agent.wait()
    with agent_lock(settings.home) as lock:
        while not (found := list(sync(client, Outbox(settings.home, lock), lambda _: None))):
            assert time.monotonic() < give_up_at  # the keeper still ends the program
            time.sleep(0.05)
    assert [synced.state for synced in found] == ["preempted"]
    n_answered = int(answered.read_text())
    assert losses(client, sweep)[:n_answered] == [float(step) for step in range(n_answered)]


def test_a_program_that_misuses_the_endpoint_harms_nobody(client, start):
    program = """
        parts = urlsplit(URL)
        address = (parts.hostname, parts.port)
        silent = [socket.create_connection(address) for _ in range(300)]
        for noise in (b"\\0" * 10_000, b"POST " + parts.path.encode(), b"GET / HTTP/1.1"):
            with socket.create_connection(address) as connection:
                connection.sendall(noise)
        for connection in silent[:200]:
            connection.close()
        bodies = (b"[]", b"{", b"[" * 100_000)
        codes = [post("files/me/p/run1/file_stream", body) for body in bodies]
        codes.append(post("graphql", b"no JSON"))
        while log(0) != 200:
            time.sleep(0.1)
        log(1, complete=True, exitcode=0)
        pathlib.Path("codes").write_text(json.dumps(codes))
    """
    sweep, agent = start(program)
    agent.communicate(timeout=120)
    assert agent.returncode == 0
    assert set(json.loads(Path("codes").read_text())) == {400}
    assert client.get_run(f"{sweep}-0")["state"] == "finished"
    assert losses(client, sweep) == [0.0, 1.0]


def test_what_has_been_sent_before_the_program_ended_is_taken(client, start):
    program = """
        parts = urlsplit(URL)
        rows = [json.dumps({"loss": float(step), "_step": step}) for step in range(20_000)]
        history = {"wandb-history.jsonl": {"offset": 0, "content": rows}}
        body = json.dumps({"files": history}).encode()
        path = parts.path + "/files/me/p/run1/file_stream"
        head = f"POST {path} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n"
        connection = socket.create_connection((parts.hostname, parts.port))
        connection.sendall(head.encode() + body)
        os._exit(0)
    """
    sweep, agent = start(program)
    agent.communicate(timeout=120)
    run = client.get_run(f"{sweep}-0")
    assert run["state"] == "finished"
    assert run["summary"]["loss"] == 19_999.0
