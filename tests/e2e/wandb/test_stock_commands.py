"""The commands and the API of wandb itself, with ``sweep-sdk local`` as their server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from stock_shell import GRID, TRAIN, Shell

from sweep_service.access.tokens import token_text

TOKEN = token_text(bytes(32))


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[str]:
    """The URL of a server as users start it."""
    home = tmp_path_factory.mktemp("server")
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SWEEP_")}
    own = {"SWEEP_HOME": str(home), "XDG_CONFIG_HOME": str(home), "SWEEP_TOKEN": TOKEN}
    command = [sys.executable, "-m", "sweep_sdk.cli", "local", "--port", "0", "--json"]
    process = subprocess.Popen(command, env=kept | own, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture
def make_shell(workplace: Path, user: Path, server: str) -> Iterator[Callable[..., Shell]]:
    shells: list[Shell] = []

    def make(client: Any, url: str = server) -> Shell:
        shell = Shell(workplace, client.python, url, TOKEN)
        shell.program(TRAIN)
        shells.append(shell)
        return shell

    yield make
    for shell in shells:
        shell.close()


@pytest.fixture
def shell(make_shell: Callable[..., Shell], wandb_client: Any) -> Shell:
    """With each client."""
    return make_shell(wandb_client)


@pytest.fixture
def newest(make_shell: Callable[..., Shell], newest_wandb: Any) -> Shell:
    """With the newest client."""
    return make_shell(newest_wandb)


READ = """
import json, sys
import wandb

path = sys.argv[1] if len(sys.argv) > 1 else PATH
api = wandb.Api()
sweep = api.sweep(path)
best = sweep.best_run()
again = api.run(f"{path.rpartition('/')[0]}/{best.id}")
found = {
    "state": sweep.state,
    "lr": sweep.config["parameters"]["lr"]["value"],
    "runs": sorted((run.config["n"], run.state) for run in sweep.runs),
    "best": best.id,
    "config": dict(again.config),
    "summary": {name: again.summary[name] for name in ("loss",)},
    "losses": [row["loss"] for row in again.history(pandas=False)],
    "scanned": [row["loss"] for row in again.scan_history(page_size=2)],
    "scanned by key": [row["loss"] for row in again.scan_history(keys=["loss"], page_size=2)],
    "sampled": [row["loss"] for row in again.history(keys=["loss"], pandas=False)],
}
print("FOUND" + json.dumps(found))
"""


def test_a_sweep_from_its_file_to_its_results(shell: Shell) -> None:
    sweep = shell.register("--project", "mnist", "--name", "first")
    path = f"sweeps/mnist/{sweep}"
    agents = [shell.agent(path) for _ in range(2)]
    for agent in agents:
        shell.end(agent)
    runs = shell.runs(sweep)
    assert [(run["config"]["n"], run["state"]) for run in runs] == [
        (n, "finished") for n in (1, 2, 3, 4)
    ]
    assert {run["attempt"] for run in runs} == {1}
    assert len({run["agent"] for run in runs}) == 2
    said = shell.execute(READ.replace("PATH", repr(path)))
    found = json.loads(said.partition("FOUND")[2].splitlines()[0])
    losses = [1 / (step + 1) for step in range(5)]
    assert found == {
        "state": "FINISHED",
        "lr": 1e-05,
        "runs": [[n, "finished"] for n in (1, 2, 3, 4)],
        "best": f"{sweep}-1",
        "config": {"n": 2, "width": 3, "lr": 1e-05},
        "summary": {"loss": pytest.approx(0.2)},
        "losses": pytest.approx(losses),
        "scanned": pytest.approx(losses),
        "scanned by key": pytest.approx(losses),
        "sampled": pytest.approx(losses),
    }
    assert f"{sweep}-1" in shell.sweep_sdk("best", sweep)


def test_a_function(shell: Shell) -> None:
    sweep = shell.register()
    said = shell.execute(
        f"""
import wandb

def train():
    with wandb.init() as run:
        run.log({{"loss": float(run.config.n)}})

if __name__ == "__main__":
    wandb.agent({sweep!r}, function=train, project="uncategorized", count=2)
"""
    )
    assert shell.states(sweep)[:2] == [(1, "finished", 1), (2, "finished", 1)], said


def test_states_updates_and_prior_runs(shell: Shell) -> None:
    shell.program("import wandb\nwandb.init().log({'loss': 1.0})".replace("\\\n", "\n"))
    sweep = shell.register()
    assert "Cannot pause pending sweep" in shell.wandb("sweep", "--pause", sweep, code=None)
    shell.end(shell.agent(sweep, "--count", "1"))
    for option, state in (("--pause", "paused"), ("--resume", "running"), ("--stop", "finished")):
        shell.wandb("sweep", option, sweep)
        assert json.loads(shell.sweep_sdk("show", sweep, "--json"))["state"] == state
    shell.wandb("sweep", "--resume", sweep)
    (shell.folder / "more.yaml").write_text(
        json.dumps({**GRID, "parameters": {"n": {"values": [1, 2, 3, 4, 5]}, "lr": {"value": 1}}})
    )
    shell.wandb("sweep", "--update", f"sweeps/uncategorized/{sweep}", "more.yaml")
    shown = json.loads(shell.sweep_sdk("show", sweep, "--json"))
    assert (shown["config_version"], shown["limit"] >= 5) == (2, True)
    second = shell.register("--prior_run", f"{sweep}-0")
    assert json.loads(shell.sweep_sdk("show", second, "--json"))["limit"] == 3
    shell.wandb("sweep", "--cancel", sweep)
    assert json.loads(shell.sweep_sdk("show", sweep, "--json"))["state"] == "canceled"


def test_a_mistake_in_a_sweep_file_is_shown(shell: Shell) -> None:
    (shell.folder / "sweep.yaml").write_text("method: nothing\nparameters: {}\n")
    said = shell.wandb("sweep", "sweep.yaml", code=None)
    assert "method: found 'nothing'" in said
    assert "ID:" not in said


def test_a_run_of_no_sweep_is_refused_in_our_words(shell: Shell) -> None:
    said = shell.execute("import wandb\nwandb.init(project='mnist')", code=1)
    assert "keeps the runs of sweeps alone" in said


FATES = r"""
import os, pathlib, signal, sys, time

n = int(dict(word.lstrip("-").split("=") for word in sys.argv[1:])["n"])
with open("launches", "a") as file:
    file.write(f"{n}\n")
if n == 1:
    sys.exit("this program dies before wandb.init")

import wandb

run = wandb.init()
run.log({"loss": float(n)})
if n == 2 and not pathlib.Path("interrupted").exists():
    pathlib.Path("interrupted").touch()
    run.mark_preempting()
    run.finish(exit_code=1)
    os._exit(1)
if n == 3:
    time.sleep(2)  # the client sends its first rows
    os.kill(os.getpid(), signal.SIGKILL)
if n == 4:
    run.finish()
    time.sleep(8)  # it saves its model
    pathlib.Path("saved").touch()
if n == 5:
    pathlib.Path("waits").touch()
    time.sleep(600)
"""


def test_what_becomes_of_programs_that_do_not_end_well(
    newest: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_AGENT_DISABLE_FLAPPING", "true")
    monkeypatch.setenv("WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL", "1")
    newest.program(FATES)
    sweep = newest.register(parameters={"n": {"values": [1, 2, 3, 4, 5, 6]}})
    agent = newest.agent(sweep)
    waiting = newest.folder / "waits"
    wait_for(waiting.exists, agent)
    newest.sweep_sdk("sweep", "--stop-run", f"{sweep}-4")
    newest.end(agent)
    assert newest.states(sweep) == [
        (1, "failed", 1),
        (2, "finished", 2),
        (3, "failed", 1),
        (4, "finished", 1),
        (5, "killed", 1),
        (6, "finished", 1),
    ]
    launches = (newest.folder / "launches").read_text().split()
    assert [launches.count(n) for n in "123456"] == [2, 2, 1, 1, 1, 1]
    assert (newest.folder / "saved").exists()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return once a condition holds; an error once the process has ended."""
    while not condition():
        try:
            process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(process.communicate()[0])


class LosesReplies(ThreadingHTTPServer):
    """Passes requests on, and loses the first answer that hands out each run."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passed)
        self.target = url
        self.lost: set[bytes] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def is_lost(self, content: bytes) -> bool:
        found = re.search(rb"run_id[^0-9a-z]+([0-9a-z-]+)", content)
        if found is None or found[1] in self.lost:
            return False
        self.lost.add(found[1])
        return True


class _Passed(BaseHTTPRequestHandler):
    server: LosesReplies

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: self.headers[name] for name in ("Authorization",) if name in self.headers}
        request = Request(self.server.target + self.path, body, headers, method=self.command)
        try:
            with build_opener(ProxyHandler({})).open(request) as answer:
                status, content = answer.status, answer.read()
        except HTTPError as error:
            status, content = error.code, error.read()
        if self.server.is_lost(content):
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST

    def log_message(self, *_: object) -> None:
        pass


def test_a_grid_is_run_once_although_replies_are_lost(
    make_shell: Callable[..., Shell], newest_wandb: Any, server: str
) -> None:
    with LosesReplies(server) as between:
        thread = Thread(target=between.serve_forever, args=(0.05,))
        thread.start()
        shell = make_shell(newest_wandb, between.url)
        shell.program("open('launches', 'a').write('x')\n" + TRAIN)
        sweep = shell.register()
        agents = [shell.agent(sweep) for _ in range(2)]
        for agent in agents:
            shell.end(agent)
        states = shell.states(sweep)
        between.shutdown()
        thread.join()
    assert len(between.lost) == 4
    assert states == [(n, "finished", 1) for n in (1, 2, 3, 4)]
    assert (shell.folder / "launches").read_text() == "xxxx"
