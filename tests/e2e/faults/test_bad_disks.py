"""Full disks, folders without write permission, and databases that are locked or too new.

A start that fails is reported in one line; a training that runs already goes on, and what it
said arrives once the trouble is over.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, await_true, python, register
from servers import server_at

from sweep_sdk._backend.client import Client
from sweep_sdk._settings import load_settings

Completed = subprocess.CompletedProcess[str]

N_ROWS = 40
#: Halves its work, and waits between the halves until it may go on.
PROGRAM = f"""
    for step in range({N_ROWS}):
        log(loss=step, **dict.fromkeys("abcdefgh", 1 / 7))
        print("step", step, flush=True)
        while step == {N_ROWS} // 2 and not os.path.exists("go on"):
            time.sleep(0.01)
    open("done", "w").close()
"""
#: The same by way of the library, whose own file is on a full disk for a while.
PROGRAM_ON_A_FULL_DISK = f"""
    import resource, sweep_sdk
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    with sweep_sdk.init() as run:
        for step in range({N_ROWS}):
            if step == 5:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1, most))
            run.log({{"loss": step}})
            if step == 30:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
"""
#: A program that has to wait for a disk does so for 30 s; here for less.
SOON = "import sweep_service.storage.sqlite.errors as e; e._DISK_RETRY_SECONDS = 1.0"
#: A locked database is waited for longer than a person is kept waiting: here both are short.
IMPATIENT = """
from sweep_sdk.cli import backend
from sweep_service.storage.sqlite.store import SqliteStore
backend.DEADLINE_SECONDS = 0.05
SqliteStore.__init__.__kwdefaults__["busy_timeout_seconds"] = 0.1
"""


@pytest.fixture
def sweep(client: Client) -> str:
    return register(client, PROGRAM)


@pytest.fixture
def database(place: Path) -> Path:
    return load_settings().local_db


@contextmanager
def agent_on(sweep: str, **options: Any) -> Iterator[Agent]:
    """An agent whose program has done half of its work; afterwards it may do the rest."""
    agent = Agent(sweep, [], **options)
    try:
        await_true(lambda: any(event["event"] == "Acknowledged" for event in agent.events))
        yield agent
        assert agent.await_end() == 0
    finally:
        agent.process.kill()
    assert all(len(notice.splitlines()) == 1 for notice in agent.notices)


@contextmanager
def full_disk(process: subprocess.Popen[str]) -> Iterator[None]:
    """No file of a process may grow: a database's log cannot take another page."""
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, most))
    yield
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))


def finish_amid(agent: Agent, trouble: str) -> None:
    """Let the program do the rest while its agent reports some trouble."""
    Path("go on").touch()
    await_true(lambda: any(trouble in notice for notice in agent.notices))
    await_true(Path("done").exists)


def check_run(client: Client, sweep: str) -> None:
    """The training was not disturbed and nothing of it is missing."""
    run = client.get_run(f"{sweep}-0")
    assert (run["state"], run["attempt"], run["exit_code"]) == ("finished", 1, 0)
    losses = [row["metrics"]["loss"] for row in client.history(run["id"])]
    assert losses == list(range(N_ROWS))


def command_line(*words: str, before: str = "", **variables: str) -> Completed:
    """Run a command, as a user whom permissions bind."""
    program = f"{before}\nimport sys; from sweep_sdk.cli import main; sys.exit(main())"
    return subprocess.run(
        python(program, *words),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def check_one_line(done: Completed, words: str, code: int = 2) -> None:
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.returncode == code


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program has begun to write and does not end."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder and all in it, for whom permissions bind."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


class TestATrainingGoesOn:
    def test_while_the_disk_is_full(self, client: Client, sweep: str) -> None:
        with agent_on(sweep, before=SOON) as agent, full_disk(agent.process):
            finish_amid(agent, "free space")
        check_run(client, sweep)

    def test_while_the_disk_of_the_local_server_is_full(
        self, client: Client, sweep: str, place: Path
    ) -> None:
        with (
            server_at(place / "home", before=SOON) as server,
            agent_on(sweep, env={"SWEEP_URL": server.url}) as agent,
            full_disk(server.process),
        ):
            finish_amid(agent, "free space")
        check_run(client, sweep)

    def test_while_its_own_disk_is_full(self, client: Client) -> None:
        command = ["${interpreter}", "${program}"]
        sweep = register(client, PROGRAM_ON_A_FULL_DISK, command=command)
        with agent_on(sweep):
            pass
        check_run(client, sweep)

    def test_while_another_program_locks_the_database(
        self, client: Client, sweep: str, database: Path
    ) -> None:
        with agent_on(sweep, before=IMPATIENT) as agent, locked(database):
            finish_amid(agent, "locked by another program")
        check_run(client, sweep)

    def test_while_the_data_folder_cannot_be_written(
        self, client: Client, sweep: str, place: Path
    ) -> None:
        env = {"SWEEP_RUNS_DIR": str(place / "runs")}
        with agent_on(sweep, env=env) as agent, read_only(place / "home"):
            Path("go on").touch()
            await_true(lambda: any(event["event"] == "RunEnded" for event in agent.events))
        check_run(client, sweep)


class TestACommandSaysInOneLine:
    @pytest.mark.parametrize(
        "words", [["runs"], ["agent"], ["best"], ["show"], ["sweep", "--stop"]]
    )
    def test_that_the_database_is_newer(
        self, client: Client, sweep: str, database: Path, words: list[str]
    ) -> None:
        client.close()
        with closing(sqlite3.connect(database)) as other:
            other.execute("PRAGMA user_version = 99")
        check_one_line(command_line(*words, sweep), "upgrade sweep-sdk")

    def test_that_no_database_can_be_made(self, place: Path) -> None:
        with read_only(place):
            done = command_line("sweeps")
        check_one_line(done, "name a folder that can be written in SWEEP_HOME")

    @pytest.mark.parametrize("words", [["runs"], ["agent"], ["sweep", "--stop"]])
    def test_that_the_database_cannot_be_written(
        self, client: Client, sweep: str, place: Path, words: list[str]
    ) -> None:
        client.close()
        with read_only(place / "home"):
            done = command_line(*words, sweep)
        check_one_line(done, "name a folder that can be written in SWEEP_HOME")

    def test_that_an_agent_cannot_write_its_data(
        self, client: Client, sweep: str, place: Path, database: Path
    ) -> None:
        home = place / "another home"
        home.mkdir()
        variables = {"SWEEP_HOME": str(home), "SWEEP_LOCAL_DB": str(database)}
        with read_only(home):
            done = command_line("agent", sweep, **variables)
        check_one_line(done, "set SWEEP_HOME to another folder")

    def test_that_the_database_is_locked(self, sweep: str, database: Path) -> None:
        with locked(database):
            done = command_line("sweep", "--pause", sweep, before=IMPATIENT)
        check_one_line(done, "end that program", code=1)

    def test_that_the_disk_is_full(self, sweep: str) -> None:
        full = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (1, 1))"
        check_one_line(command_line("sweep", "--pause", sweep, before=full), "free space", code=1)
