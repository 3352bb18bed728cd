"""Containers and clusters that lack something that every workstation has.

Each surrounding is an interpreter of its own, in which a module cannot be imported, or which has
no home folder; in it all commands are run, one after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer

COMMANDS = """
import contextlib, io, json, sys, traceback
from sweep_sdk.cli import main
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except BaseException:
            code = "Traceback: " + traceback.format_exc()
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
PROGRAM = """
import sweep_sdk
with sweep_sdk.init() as run:
    run.log({"loss": float(run.config.lr)})
"""
NO_USER = """
import pwd
def unknown(*_):
    raise KeyError("uid not found")
pwd.getpwuid = pwd.getpwnam = unknown
"""
SWEEP = (
    "program: train.py\nmethod: grid\nmetric: {name: loss}\nparameters: {lr: {values: [1, 2]}}\n"
)
#: Each needs a place on this machine, or a backend.
ALL = [
    ["sweep", "sweep.yaml"],
    ["sweep", "sweep.yaml", "--dry-run"],
    ["sweep", "--pause", "abcdefgh"],
    ["sweeps"],
    ["agent", "abcdefgh"],
    ["show", "abcdefgh"],
    ["runs", "abcdefgh"],
    ["best", "abcdefgh"],
    ["history", "abcdefgh"],
    ["delete", "abcdefgh", "--yes"],
    ["ask", "abcdefgh"],
    ["tell", "abcdefgh-0", "loss=1"],
    ["local", "--port", "0"],
]
HOME_ALONE = [["sync"], ["login", "--url", "local"]]


def hidden(*modules):
    """Code after which modules cannot be imported."""
    return "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in modules)


@pytest.fixture
def run(tmp_path):
    """Runs commands in surroundings: what is in place before, and the environment's variables."""

    def run(commands, customize="", **variables):
        (tmp_path / "sitecustomize.py").write_text(customize)
        (tmp_path / "train.py").write_text(PROGRAM)
        (tmp_path / "sweep.yaml").write_text(SWEEP)
        path = f"{os.path.dirname(sys.executable)}{os.pathsep}/usr/bin:/bin"
        done = subprocess.run(
            [sys.executable, "-c", COMMANDS, json.dumps(commands)],
            env={"PATH": path, "PYTHONPATH": str(tmp_path), **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def check_refused(commands, found, *words):
    """Each has said, in one line, what is enough to repair it."""
    for command, (code, _, err) in zip(commands, found, strict=True):
        assert code == 2, (command, code, err)
        assert len(err.splitlines()) == 1, (command, err)
        for word in words:
            assert word in err, (command, err)


@pytest.fixture
def served(tmp_path):
    """Settings for a backend in this process."""
    with closing(InProcessTransport(tmp_path / "server" / "sweeps.db")) as transport:
        server = LocalServer(transport, token="secret")
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield {"SWEEP_URL": server.url, "SWEEP_TOKEN": "secret"}
        server.stop()
        thread.join()


class TestNoHome:
    def test_every_command_says_what_to_set(self, run):
        commands = ALL + HOME_ALONE
        check_refused(commands, run(commands, NO_USER), "no home folder", "SWEEP_HOME")

    def test_the_doctor_and_the_version(self, run):
        (code, out, _), (version_code, *_) = run([["doctor"], ["--version"]], NO_USER)
        assert (code, version_code) == (1, 0)
        assert "set SWEEP_HOME" in " ".join(out.split()).replace("Set", "set")

    def test_the_setting_that_it_names_is_enough(self, run, tmp_path):
        check_whole_sweep(run, NO_USER, SWEEP_HOME=str(tmp_path / "home"))

    @pytest.mark.parametrize("home", ["", ".", "relative"])
    def test_a_home_that_is_not_a_folder(self, run, home):
        variables = {"HOME": home} if home else {}
        check_refused([["sweeps"]], run([["sweeps"]], NO_USER, **variables), "SWEEP_HOME")


class TestAHomeThatCannotBeWritten:
    def test_every_command_that_writes_names_the_setting_that_is_enough(self, run):
        commands = [command for command in ALL if "--dry-run" not in command]
        commands += [["login", "--url", "local"]]
        check_refused(commands, run(commands, HOME="/proc/nobody"), "SWEEP_HOME")

    def test_a_dry_run_needs_none(self, run):
        ((code, _, err),) = run([["sweep", "sweep.yaml", "--dry-run"]], HOME="/proc/nobody")
        assert (code, err) == (0, "")

    def test_an_agent_with_a_backend_elsewhere(self, run, served):
        sweep = json.loads(run([["sweep", "sweep.yaml", "--json"]], HOME="/proc/x", **served)[0][1])
        agent = [["agent", sweep["id"]]]
        check_refused(agent, run(agent, HOME="/proc/x", **served), "SWEEP_HOME")

    def test_a_runs_folder_that_cannot_be_written(self, run, served, tmp_path):
        variables = {**served, "SWEEP_HOME": str(tmp_path / "home")}
        sweep = json.loads(run([["sweep", "sweep.yaml", "--json"]], **variables)[0][1])
        agent = [["agent", sweep["id"]]]
        ((code, _, err),) = run(agent, SWEEP_RUNS_DIR="/proc/x", **variables)
        assert code == 2
        assert "SWEEP_RUNS_DIR" in err.splitlines()[-1]


def test_credentials_that_cannot_be_read(run, tmp_path):
    (tmp_path / ".config" / "sweep-sdk" / "credentials.json").mkdir(parents=True)
    commands = [*ALL, ["sync"]]
    check_refused(commands, run(commands, HOME=str(tmp_path)), "credentials.json", "SWEEP_HOME")


class TestNoSQLite:
    HIDDEN = hidden("_sqlite3")

    def test_every_command_says_what_to_use(self, run, tmp_path):
        commands = [command for command in ALL if "--dry-run" not in command]
        found = run(commands, self.HIDDEN, SWEEP_HOME=str(tmp_path / "home"))
        check_refused(commands, found, "without SQLite", "SWEEP_URL")

    def test_what_needs_no_database(self, run, tmp_path):
        commands = [["sweep", "sweep.yaml", "--dry-run"], ["sync"], ["--version"], ["--help"]]
        found = run(commands, self.HIDDEN, SWEEP_HOME=str(tmp_path / "home"))
        assert [code for code, *_ in found] == [0] * 4

    def test_the_doctor(self, run, tmp_path):
        ((code, out, _),) = run([["doctor"]], self.HIDDEN, SWEEP_HOME=str(tmp_path / "home"))
        assert code == 1
        assert "without SQLite" in " ".join(out.split())


def check_whole_sweep(run, customize, **variables):
    """A sweep from its file to its best run."""
    ((code, out, err),) = run([["sweep", "sweep.yaml", "--json"]], customize, **variables)
    assert code == 0, err
    sweep = json.loads(out)["id"]
    words = ["agent", "sweeps", "show", "runs", "best", "history", "sync", "doctor"]
    commands = [
        [word, sweep] if word not in ("sweeps", "sync", "doctor") else [word] for word in words
    ]
    for command, (code, _, err) in zip(
        commands, run(commands, customize, **variables), strict=True
    ):
        assert code == 0, (command, err)
    found = run([["runs", sweep, "--json"]], customize, **variables)
    assert [entry["state"] for entry in json.loads(found[0][1])] == ["finished"] * 2


@pytest.mark.parametrize("modules", [("_sqlite3",), ("_ctypes", "ssl", "_ssl"), ("pwd", "grp")])
def test_with_a_backend_elsewhere_everything_works(run, served, tmp_path, modules):
    home = str(tmp_path / "home")
    check_whole_sweep(run, hidden(*modules), SWEEP_HOME=home, **served)


@pytest.mark.parametrize("modules", [("_ctypes",), ("ssl", "_ssl"), ("pwd", "grp")])
def test_everything_works_on_this_machine(run, tmp_path, modules):
    check_whole_sweep(run, hidden(*modules), SWEEP_HOME=str(tmp_path / "home"))


@pytest.mark.parametrize("module", ["uvicorn", "starlette", "httptools"])
def test_a_server_without_its_libraries(run, tmp_path, module):
    command = [["local", "--port", "0"]]
    found = run(command, hidden(module), SWEEP_HOME=str(tmp_path / "home"))
    check_refused(command, found, f"needs the package {module}", "pip install", "[local]")


def test_no_folder_for_temporary_files(run, tmp_path):
    lost = "import tempfile\ntempfile._candidate_tempdir_list = lambda: ['/nowhere']\n"
    check_whole_sweep(run, lost, SWEEP_HOME=str(tmp_path / "home"), TMPDIR="/nowhere")


def test_a_secure_connection_without_ssl(run, tmp_path):
    commands = [command for command in ALL if command[0] != "local"]
    commands += [["login", "--url", "https://127.0.0.1:9"]]
    variables = {"SWEEP_URL": "https://127.0.0.1:9", "SWEEP_HOME": str(tmp_path / "home")}
    check_refused(commands, run(commands, hidden("ssl", "_ssl"), **variables), "module ssl")
