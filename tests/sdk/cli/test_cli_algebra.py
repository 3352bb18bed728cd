"""The search's linear algebra does not use more threads than it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweep_sdk._backend.client import open_client
from sweep_sdk._settings import load_settings

BAYES = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "program": "train.py",
    "run_cap": 1,
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}
#: Runs a command; then prints its exit code, whether it has loaded numpy, and how many threads
#: there are once numpy has multiplied matrices that are large enough for several.
COMMAND = """
import os, sys
from sweep_sdk import cli
found = [cli.main(sys.argv[1:]), "numpy" in sys.modules]
import numpy
numpy.ones((500, 500)) @ numpy.ones((500, 500))
print(*found, len(os.listdir("/proc/self/task")))
"""


@pytest.fixture(autouse=True)
def without_a_choice(monkeypatch):
    for name in [name for name in os.environ if name.endswith("_NUM_THREADS")]:
        monkeypatch.delenv(name)


def start(*words):
    command = [sys.executable, "-c", COMMAND, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_in_the_local_server(home):
    with start("local", "--port", "0", "--json") as server:
        url = json.loads(server.stdout.readline())["url"]
        with open_client(load_settings({"SWEEP_URL": url})) as client:
            client.ask(client.create_sweep(BAYES)["id"], "some-ask-key", "agent")
        server.terminate()
        assert server.stdout.read() == "0 True 1\n"


def test_in_an_agent_and_its_programs_do_not_inherit_it(home, client):
    Path("train.py").write_text("import os; open('seen', 'w').write(' '.join(os.environ))")
    with start("agent", client.create_sweep(BAYES)["id"]) as agent:
        assert agent.stdout.read().splitlines()[-1] == "0 True 1"
    assert "NUM_THREADS" not in Path("seen").read_text()
