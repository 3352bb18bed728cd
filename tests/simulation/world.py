"""One simulated world: machines, a backend, agents and programs, under one seed."""

from __future__ import annotations

import json
import logging
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import sweep_sdk
from simulation.backend import Server, new_store
from simulation.disk import Disk, Node
from simulation.faults import Faults
from simulation.judge import LONGEST_REFUSAL_SECONDS, Broken, Judge
from simulation.kernel import Kernel, Machine, Process
from simulation.ledger import Ledger
from simulation.network import FOREIGN, ORIGIN, Network
from simulation.programs import Programs, Script, script_of
from simulation.seams import fresh_globals
from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.function_agent import run_function_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.outbox.sync import sync
from sweep_sdk._agent.view.events import (
    AgentEnded,
    AgentStarted,
    Notice,
    RunEnded,
    RunStarted,
    Waiting,
)
from sweep_sdk._agent.view.plain import show
from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_sdk._backend.transport import HttpTransport, InProcessTransport, Transport
from sweep_sdk._settings import Settings
from sweep_sdk._world import clock, disk
from sweep_service import gateway
from sweep_service.access.identity import LOCAL_ADMIN, Identity
from sweep_service.operations.services import Services

URL = "https://backend.example"
#: What an agent whose credential is refused may take to end, beyond the time that it waits.
_REFUSAL_SLACK_SECONDS = 200.0

_METRICS_FILE = re.compile(r"/([^/]+)/metrics-(\d+)\.jsonl$")


class World:
    """What there is, and what has happened.

    Attributes:
        engaged: The agents that have had a good answer.
        signalled: When each agent got its first signal.
        paused: Processes that were stopped for some time.
        delivered: Attempts whose end an agent has delivered, and has said so.
        given_up: Attempts whose end an agent could not deliver, and has said so.
        undelivered: The same, by the names of the agents.
        broken_disks: Machines whose disk failed for some time.
        store_failures: The share of the store's calls that fail.
        counted: The agents that have taken as many runs as they were to take.
        successful: The agents that have finished a run.
        n_failed: How many attempts have failed.
        is_deleting: Whether somebody has asked for the sweep's deletion.
        is_deletion_acknowledged: Whether they were reported that it is done.
        file_ids: Which files the database's names lead to, as far as that was looked up.
        story: What happened, in lines for people, with the true time of each.
        excused: Attempts of which rows may be lost: their machine lost its power.
        tidied: Attempts of which rows may be lost, but not unnoticed: their files were taken away
            when no agent had them open.
        n_removals: How often the files of each attempt were taken away.
        removed: Attempts whose files were taken away, with the agents that had them open.
        started: When each agent started.
        misled: Agents that started where somebody else answers in the backend's place.
        token: The token that the backend takes; None while it takes every one.
        known_token: The one that the machines know.
        refused_since: When the backend began to take another one than they know.
        has_outdated: Whether the gateway did not know the routes for some time.
        n_points: How many points the sweep has, each of which is to be handed out.
        are_runs_apart: Whether no two runs that are out may have the same configuration.
        is_quick: Whether programs end soon.
        refusal_seconds: How long machines go on with a credential that is refused.
        is_slow: Whether programs take long.
        is_stubborn: Whether those take no notice of a request to end.
    """

    def __init__(self, seed: int, folder: Path, *, is_local: bool, n_machines: int) -> None:
        self.seed = seed
        self.folder = folder
        self.kernel = Kernel(seed)
        self.faults = Faults()
        self.rng = random.Random(f"world {seed}")
        self.story: list[tuple[float, str]] = []
        self.engaged: set[str] = set()
        self.signalled: dict[str, float] = {}
        self.paused: set[str] = set()
        self.delivered: set[tuple[str, int]] = set()
        self.given_up: set[tuple[str, int]] = set()
        self.undelivered: dict[str, set[tuple[str, int]]] = {}
        self.broken_disks: set[str] = set()
        self.store_failures = 0.0
        self.n_failed = 0
        self.successful: set[str] = set()
        self.counted: set[str] = set()
        self.is_deleting = False
        self.is_deletion_acknowledged = False
        self.excused: set[tuple[str, int]] = set()
        self.tidied: set[tuple[str, int]] = set()
        self.n_removals: Counter[tuple[str, int]] = Counter()
        self.removed: dict[tuple[str, int], str] = {}
        self.started: dict[str, float] = {}
        self.misled: set[str] = set()
        self.token: str | None = None
        self.known_token = "a-token"
        self.refused_since: float | None = None
        self.has_outdated = False
        self.config: dict[str, Any] = {}
        self.n_points: int | None = None
        self.are_runs_apart = False
        self.is_quick = self.is_slow = self.is_stubborn = False
        self.refusal_seconds = 0.0
        self.lease_seconds = 30
        self.is_each_point_once = False
        self.are_backend_clocks_true = True
        self.has_calmed = False
        self.is_database_away = False
        self.was_database_away = False
        self.is_local = is_local
        self.is_failing = self.rng.random() < 0.08
        self.sweep = ""
        self.servers: list[Server] = []
        self.agents: list[Process] = []
        self.people: list[Process] = []
        self.begun: dict[str, set[tuple[str, int]]] = {}
        self._coroutines: list[Coroutine[Any, Any, float]] = []
        self._scripts: dict[tuple[str, int], Script] = {}
        self.machines = [self._machine(f"host{number}") for number in range(n_machines)]
        self.cloud = self._machine("cloud")
        self.network = Network(self.kernel, self.faults, seed)
        self.network.deliver = self._deliver
        self.programs = Programs(self.kernel, self.script, self.tell, self.faults)
        self.judge = Judge(self)
        self.file_ids: dict[Path, Any] = {}
        self.store = new_store(folder)
        self.ledger = Ledger(self, folder / "sweeps.db")
        self._handle = gateway.handle
        self.own_services = Services(store=self.store, clock=lambda: 0.0, rng=random.Random(seed))

    def tell(self, text: str) -> None:
        """Add a line to the story."""
        self.story.append((self.kernel.now, text))

    # Who is there

    def _machine(self, name: str) -> Machine:
        machine = Machine(name)
        machine.disk = Disk(self.kernel, machine)
        machine.disk.make_folder("/home", parents=True, exist_ok=True)
        machine.disk.names["train.py"] = Node(0)  # in the folder in which agents work
        self.kernel.machines.append(machine)
        return machine

    def start_servers(self, n_servers: int) -> None:
        """Start the backend; every server has a machine with a clock of its own."""
        for number in range(n_servers):
            machine = self._machine(f"cloud{number}")
            server = Server(
                self.kernel, machine, f"server{number}", self.store, self.seed, self._store_fails
            )
            self.servers.append(server)

    def _store_fails(self) -> bool:
        return self.rng.random() < self.store_failures

    def transport(self) -> Transport:
        """A way to the backend, for the process that runs."""
        if self.is_local:
            return InProcessTransport(self.folder / "sweeps.db", ("tmpfs", "overlay"))
        return HttpTransport(URL, self.known_token, read_token=lambda: self.known_token)

    def learn_token(self) -> None:
        """Have all machines know the token that the backend takes."""
        self.known_token = self.token or self.known_token

    def check_who_waits(self) -> None:
        """Whether those whose credential was refused for too long have ended."""
        since = self.refused_since
        bound = LONGEST_REFUSAL_SECONDS + _REFUSAL_SLACK_SECONDS
        if since is None or self.kernel.now - since < bound:
            return
        there = [agent for agent in self.agents if self.started[agent.name] < since]
        waiting = [agent.name for agent in there if not agent.is_dead]
        if waiting:
            raise Broken(
                f"{waiting[0]} still waits after its credential was refused for"
                f" {self.kernel.now - since:.0f} s"
            )

    def client(self, policy: RetryPolicy | None = None) -> Client:
        """A client, for the process that runs.

        Nobody begins to work with a wrong file: what it then keeps is not there when the right one
        is back, and no program can know that.
        """
        while self.is_local and self.is_database_away:
            self.kernel.sleep(1.0)
        return Client(self.transport(), Retrier(policy or RetryPolicy()))

    def settings(self) -> Settings:
        """Those of every process."""
        home = disk.Path("/home/sweeps")
        return Settings(
            url=None if self.is_local else URL,
            token=None,
            project=None,
            home=home,
            local_db=home / "sweeps.db",
            runs_dir=home / "runs",
            credentials_file=home / "credentials.json",
        )

    def environment(self) -> dict[str, str]:
        """The variables that lead a command to the backend."""
        if self.is_local:
            database = str(self.folder / "sweeps.db")
            return {"SWEEP_URL": "", "SWEEP_LOCAL_DB": database, "SWEEP_HOME": str(self.folder)}
        return {"SWEEP_URL": URL, "SWEEP_HOME": str(self.folder)}

    def start_agent(self, machine: Machine, name: str, options: AgentOptions) -> Process:
        """Start an agent, the real one."""

        def main() -> int:
            with self.client() as client:
                return run_agent(client, self.sweep, options, self.watcher(name), self.settings())

        self.tell(f"{name} starts on {machine.name}")
        return self._agent(self.kernel.spawn(machine, name, main))

    def _agent(self, agent: Process) -> Process:
        self.agents.append(agent)
        self.started[agent.name] = self.kernel.now
        return agent

    def start_sync(self, machine: Machine, name: str) -> Process:
        """Start ``sweep-sdk sync`` on a machine."""

        def main() -> int:
            with self.client() as client:
                for synced in sync(client, Outbox(self.settings().home), self.noticer(name)):
                    self.tell(f"{name}: {synced.run}.{synced.attempt} is {synced.state}")
            return 0

        self.tell(f"{name} on {machine.name}")
        return self.kernel.spawn(machine, name, main)

    def start_function_agent(self, machine: Machine, name: str, options: AgentOptions) -> Process:
        """Start an agent that calls a function in its own process."""

        def train() -> float:
            run = sweep_sdk.init()
            script = self.script(str(run.id), run.attempt)
            for number in range(script.n_rows):
                clock.sleep(script.pause_seconds)
                run.log({"loss": 1.0 / (1 + number), "n": number})
                self.programs.logged[str(run.id), run.attempt] = number + 1
            if script.ending == "fails":
                raise SystemExit("the training fails") if script.is_foreign else ValueError("no")
            return float(script.n_rows)

        async def trained() -> float:
            return train()

        def train_later() -> Coroutine[Any, Any, float]:
            self._coroutines.append(trained())
            return self._coroutines[-1]

        function = self.rng.choice((train, train_later))

        def main() -> int:
            with self.client() as client:
                watch, settings = self.watcher(name), self.settings()
                return run_function_agent(client, self.sweep, function, options, watch, settings)

        self.tell(f"{name} starts on {machine.name}, with a function")
        agent = self.kernel.spawn(machine, name, main)
        agent.globals = fresh_globals()
        return self._agent(agent)

    def start_person(self, machine: Machine, name: str, main: Callable[[], int]) -> Process:
        """Have somebody do something."""
        person = self.kernel.spawn(machine, name, main)
        self.people.append(person)
        return person

    def excuse(self, machine: Machine) -> None:
        """Rows of what was begun on a machine may be lost: its power was cut."""
        self.excused |= self.begun.get(machine.name, set())

    def excuse_all_but_open(self, machine: Machine) -> None:
        """Rows of what was begun on a machine may be lost: its files were removed.

        An agent that lives reads on in what it has open.
        """
        alive = {process.name for process in machine.processes}
        for own in self.begun.get(machine.name, set()):
            self.n_removals[own] += 1
            holder = self.judge.holders.get(own)
            if own in self.delivered or holder not in alive:
                self.tidied.add(own)
            else:
                self.removed[own] = holder

    def start_operator(self, name: str, act: Callable[[Client], object]) -> Process:
        """Have somebody do something about the sweep, from a calm place."""

        def main() -> int:
            with self.client() as client:
                act(client)
            return 0

        self.tell(name)
        return self.kernel.spawn(self.cloud, name, main)

    def watcher(self, name: str) -> Callable[[Any], None]:
        """An agent's events, for the story."""

        def watch(event: Any) -> None:
            show(event)
            if isinstance(event, AgentStarted):
                self.engaged.add(name)
                self._count_neighbours()
            elif isinstance(event, RunStarted):
                self.tell(f"{name}: {event.run}.{event.attempt} begins")
                begun = self.begun.setdefault(self.kernel.machine().name, set())
                begun.add((event.run, event.attempt))
            elif isinstance(event, RunEnded):
                self.tell(f"{name}: {event.run}.{event.attempt} ends: {event.state}")
                self.n_failed += event.state == "failed"
                if event.state == "finished":
                    self.successful.add(name)
                kept = self.delivered if event.is_delivered else self.given_up
                kept.add((event.run, event.attempt))
                if not event.is_delivered:
                    self.undelivered.setdefault(name, set()).add((event.run, event.attempt))
            elif isinstance(event, Notice):
                self.tell(f"{name}: {event.message}")
                self.judge.heard(event.message)
            elif isinstance(event, Waiting):
                self.tell(f"{name}: waits ({event.reason})")
            elif isinstance(event, AgentEnded):
                self.tell(f"{name}: ends with {event.exit_code}: {event.reason}")
                if "count" in event.reason:
                    self.counted.add(name)

        return watch

    def _count_neighbours(self) -> None:
        """Count that an agent begins beside another one of the same home."""
        there = self.kernel.machine().processes
        if sum(agent in there for agent in self.agents) > 1:
            self.faults.count("several agents of one home")

    def noticer(self, name: str) -> Callable[[str], None]:
        """What a command says, for the story."""
        return lambda message: self.tell(f"{name}: {message}")

    def take_database_away(self, *, is_replaced: bool) -> None:
        """Remove the database's files, of which there is a copy; perhaps put an older one there.

        Args:
            is_replaced: By the file alone, without what is still in its log.
        """
        self.ledger.close()
        away = self.folder / "away"
        away.mkdir(exist_ok=True)
        for path in self.folder.glob("sweeps.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, away / path.name)
            path.unlink()
        if is_replaced:
            shutil.copy(away / "sweeps.db", self.folder / "sweeps.db")
        self.file_ids.clear()
        self.is_database_away = self.was_database_away = True

    def put_database_back(self) -> None:
        """Put the copy back, in place of whatever is there, and start the backend again."""
        if not self.is_database_away:
            return
        self.store.close()
        for path in self.folder.glob("sweeps.db*"):
            path.unlink()
        for path in (self.folder / "away").iterdir():
            path.rename(self.folder / path.name)
        self.file_ids.clear()
        self.is_database_away = False
        self.store = new_store(self.folder)
        self.own_services = replace(self.own_services, store=self.store)
        for server in self.servers:
            server.restart(self.store)

    # What happens

    def handle(
        self,
        services: Services,
        method: str,
        path: str,
        query: Any,
        headers: Any,
        body: bytes,
        *,
        identity: Identity | None = None,
    ) -> gateway.Response:
        """The backend's gateway, under the eyes of the judge."""
        origin = headers.get(ORIGIN) or self.kernel.process().name
        before = self.judge.began(method, path, body)
        answer = self._handle(services, method, path, query, headers, body, identity=identity)
        if method == "POST" and ("finish" in path or path.endswith("/runs")):
            self.kernel.step(f"answered {method} {path} {answer.status}")
        try:
            self.judge.saw(
                method, path, dict(headers), body, answer.status, answer.body, origin, before
            )
            self.ledger.answered(method, path, answer.status)
        except Broken as broken:
            self.fail(broken)
        return answer

    def fail(self, broken: Broken) -> None:
        """End the world, in a moment and outside of all processes.

        What runs now may take an exception for something else, and go on.
        """

        def end() -> None:
            raise broken

        self.kernel.at(self.kernel.now, end)

    def _deliver(
        self, method: str, target: str, headers: dict[str, str], body: bytes, reply: Any
    ) -> bool:
        up = [server for server in self.servers if server.is_up]
        if not up:
            return False
        if self.token is not None and headers.get("Authorization") != f"Bearer {self.token}":
            reply(*FOREIGN["gateway 401"])
            return True
        self.rng.choice(up).handle(method, target, headers, body, reply)
        return True

    def script(self, run: str, attempt: int) -> Script:
        if (run, attempt) not in self._scripts:
            rng = random.Random(f"{self.seed} {run} {attempt}")
            script = script_of(rng, is_failing=self.is_failing)
            if self.has_calmed:
                script = Script(2, 0.5)
            elif self.is_slow:
                script = Script(25, 3.0, on_term="ignores" if self.is_stubborn else "dies")
            elif self.is_quick:
                script = replace(script, n_rows=min(script.n_rows, 3), is_wide=False)
                script = replace(script, pause_seconds=min(script.pause_seconds, 2.0))
            self._scripts[run, attempt] = script
        return self._scripts[run, attempt]

    # What is kept

    def peek(self, path: str, query: dict[str, str] | None = None) -> Any:
        """What the backend answers now to a reader; None where that is not there."""
        answer = self._handle(
            self.own_services, "GET", path, query or {}, {}, b"", identity=LOCAL_ADMIN
        )
        assert answer.status not in (401, 403), answer.body
        return json.loads(answer.body) if answer.status == 200 else None

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """All items of a list."""
        query: dict[str, str] = {}
        while True:
            found = self.peek(path, query)
            if found is None:
                return
            yield from found["items"]
            if found["next"] is None:
                return
            query = {"cursor": found["next"]}

    def runs(self) -> list[dict[str, Any]]:
        """All runs as the backend has them."""
        return list(self.pages(f"/v1/sweeps/{self.sweep}/runs"))

    def rows(self, runs: list[dict[str, Any]]) -> dict[tuple[str, int], list[int]]:
        """The rows of all attempts, by the numbers that their programs gave them."""
        kept: dict[tuple[str, int], list[int]] = {}
        for run in runs:
            for row in self.pages(f"/v1/sweeps/{self.sweep}/runs/{run['id']}/history"):
                own = run["id"], row["attempt"]
                kept.setdefault(own, []).append(int(row["metrics"]["n"]))
        return kept

    def written(self) -> dict[tuple[str, int], list[int]]:
        """The rows of all attempts that the disks have, or had in files that were removed."""
        found: dict[tuple[str, int], list[int]] = {}
        for machine in self.machines:
            for path, node in machine.disk.made:
                match = _METRICS_FILE.search(path)
                if match is not None:
                    numbers = found.setdefault((match[1], int(match[2])), [])
                    numbers += [number for line in node.data.split(b"\n") for number in _rows(line)]
        return found

    def check(self) -> None:
        """Whether all that the store keeps is as it should be, while things go on."""
        if not self.is_database_away:
            self.ledger.check_all()

    def check_rest(self) -> None:
        """Whether all promises hold, by all that a reader can see when nothing happens any more."""
        if self.is_deleting and self.peek(f"/v1/sweeps/{self.sweep}") is None:
            self.judge.check_nothing_is_left(self.ledger.left_of_the_sweep())
            return
        runs = self.runs()
        self.judge.check_ends(runs)
        if self.n_points is not None:
            self.judge.check_points(len(runs), self.n_points)
        self.judge.check_rows(self.rows(runs))

    def close(self) -> None:
        """End all that is left, and give back the file."""
        self.kernel.close()
        for coroutine in self._coroutines:
            coroutine.close()  # those of processes that were killed will never run
        self.ledger.close()
        self.store.close()


def _rows(line: bytes) -> list[int]:
    """The number of the row that a line is; none if it is no whole row."""
    try:
        found = json.loads(line)
    except ValueError:
        return []
    metrics = found.get("metrics", found) if isinstance(found, dict) else {}
    return [int(metrics["n"])] if "n" in metrics else []


class Unexpected(logging.Handler):
    """Makes what the backend logs as an error a broken promise."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))

    def check(self) -> None:
        """Raise if anything was logged."""
        if self.records:
            raise Broken(f"the backend had an unexpected error: {self.records[0]}")
