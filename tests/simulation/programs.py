"""Simulated training programs: scripts of rows, in place of ``start_child``."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from simulation.disk import Opened
from simulation.faults import Faults
from simulation.kernel import Kernel, Process
from sweep_sdk._agent.process.child import Exit, LaunchFailed
from sweep_sdk._program.run import NO_AGENT, Run
from sweep_sdk._settings import run_environment

KEEPER_GRACE_SECONDS = 2.0
#: Rows of a program's worker process have numbers from here on; its own rows have smaller ones.
WORKER_ROWS = 1000
#: More rows than these with thousands of metrics would take the time of many worlds.
_MOST_WIDE_ROWS = 3


@dataclass(frozen=True)
class Script:
    """What a program does.

    Attributes:
        n_rows: How many rows it writes.
        pause_seconds: Between two of them.
        ending: ``done`` (says so, exits with 0), ``silent`` (exits with 0), ``fails`` (exits with
            1).
        on_term: ``dies``, ``saves`` (exits with 0 soon) or ``ignores``.
        is_foreign: Whether it writes its rows by itself, in two pieces each.
        is_talkative: Whether it says more than its rows.
        is_wide: Whether a foreign program's rows have more metrics than the backend keeps.
        has_worker: Whether a forked process of the program logs into the same run.
    """

    n_rows: int
    pause_seconds: float
    ending: str = "done"
    on_term: str = "dies"
    is_foreign: bool = False
    is_talkative: bool = False
    is_wide: bool = False
    has_worker: bool = False


def script_of(rng: random.Random, *, is_failing: bool) -> Script:
    """A program of any kind.

    Args:
        rng: Decides.
        is_failing: Whether all programs of this world fail.
    """
    script = Script(
        n_rows=rng.choice((0, 1, 3, 10, 25)),
        pause_seconds=rng.choice((0.01, 0.5, 3.0, 8.0)),
        ending="fails" if is_failing else rng.choice(("done", "done", "silent", "fails")),
        on_term=rng.choice(("dies", "saves", "ignores")),
        is_talkative=rng.random() < 0.4,
        is_foreign=rng.random() < 0.3,
        is_wide=rng.random() < 0.01,
        has_worker=rng.random() < 0.15,
    )
    if script.is_wide and script.is_foreign:
        return replace(script, n_rows=min(script.n_rows, _MOST_WIDE_ROWS))
    return script


class Programs:
    """Starts programs, and knows what they wrote.

    Attributes:
        logged: How many rows the program of each run and attempt has logged.
        alive: The processes of programs that run.
        is_launching: Whether programs can be started.
    """

    def __init__(
        self,
        kernel: Kernel,
        script: Callable[[str, int], Script],
        tell: Callable[[str], None],
        faults: Faults,
    ) -> None:
        self.kernel = kernel
        self.faults = faults
        self.script = script
        self.tell = tell
        self.logged: dict[tuple[str, int], int] = {}
        self.alive: dict[tuple[str, int], Process] = {}
        self.is_launching = True

    def start_child(
        self, launch: Any, show: Any, notice: Any, held_descriptor: int | None = None, **_: Any
    ) -> Child:
        """Replaces ``start_child``."""
        self.kernel.step("start program")
        if not self.is_launching:
            raise LaunchFailed("cannot start 'train': too many open files", is_machines_fault=True)
        return Child(self, launch.environment, held_descriptor, show)

    def run(self, environment: dict[str, str], state: SimpleNamespace) -> int:
        """What a program's main thread does."""
        run = Run(run_environment(environment) or NO_AGENT)
        own = environment["SWEEP_RUN_ID"], int(environment["SWEEP_ATTEMPT"])
        script = self.script(*own)
        log = (
            _Foreign(self.kernel, environment, is_wide=script.is_wide).log
            if script.is_foreign
            else run.log
        )
        if script.is_talkative:
            run.describe(name="a run", tags=["simulated"])
            run.config.update({"epochs": script.n_rows, "path": "data/x"})
            run.define_metric("loss", summary="min,mean")
        worker: Process | None = None
        for number in range(script.n_rows):
            self.kernel.sleep(script.pause_seconds)
            if state.is_asked_to_end and script.on_term == "saves":
                return 0
            self._log(log, own, number)
            if number == 0 and script.has_worker and not script.is_foreign:
                worker = self._fork(environment, own, self._opened_by(run))
        if worker is not None and not worker.is_dead:
            self.kernel.wait(worker.waiting_for_end)
        if script.is_talkative:
            run.summary["kept"] = "checkpoint.pt"
            run.summary["size"] = script.n_rows
        if script.ending == "done":
            run.finish()
        return 1 if script.ending == "fails" else 0

    def _opened_by(self, run: Run) -> Opened | None:
        """The metrics file of a program's run; None while a fault keeps it from being opened."""
        descriptor = None if run._file is None else run._file._descriptor
        return None if descriptor is None else self.kernel.process().files[descriptor]

    def _fork(
        self, environment: dict[str, str], own: tuple[str, int], opened: Opened | None
    ) -> Process:
        """Start a process that logs beside the program, and ends with it at the latest.

        Args:
            environment: The program's.
            own: The program's run and attempt.
            opened: The program's metrics file, which both have open.
        """
        script = self.script(*own)

        def main() -> int:
            run = Run(run_environment(environment) or NO_AGENT, is_owner=False)
            if opened is not None and run._file is not None:
                run._file._descriptor = descriptor
            for number in range(min(script.n_rows, 5)):
                self.kernel.sleep(script.pause_seconds)
                self._log(run.log, own, WORKER_ROWS + number)
                self.faults.count("logged by a worker process")
            run.finish()
            return 0

        program = self.kernel.process()
        worker = self.kernel.spawn(program.machine, f"{program.name} worker", main)
        descriptor = next(worker.next_file)
        if opened is not None:
            worker.files[descriptor] = opened
            opened.n_owners += 1
        program.at_end.append(lambda: self.kernel.end(worker, -signal.SIGKILL))
        return worker

    def _log(self, log: Callable[[dict[str, float]], object], own: tuple[str, int], n: int) -> None:
        log({"loss": 1.0 / (1 + n), "n": n})
        self.logged[own] = self.logged.get(own, 0) + 1


class _Foreign:
    """A program in another language: it writes lines in two pieces, and a full disk ends it.

    Its rows may have more metrics than the backend keeps.
    """

    def __init__(self, kernel: Kernel, environment: dict[str, str], *, is_wide: bool) -> None:
        self._kernel, self._is_wide = kernel, is_wide
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._opened = kernel.machine().disk.open(environment["SWEEP_METRICS_FILE"], flags)

    def log(self, metrics: dict[str, float]) -> None:
        if self._is_wide:
            metrics = metrics | {f"layer{number}/gradient": 0.1 for number in range(12_000)}
        line = json.dumps(metrics).encode() + b"\r\n"
        for piece in (b"no JSON\n[1]\n", line[:9], line[9:]):
            self._kernel.machine().disk.write_all(self._opened, piece)
            self._kernel.step("program writes")


class Child:
    """A running program, as ``Worker`` and ``Supervisor`` need it."""

    def __init__(
        self, programs: Programs, environment: dict[str, str], held: int | None, show: Any
    ) -> None:
        kernel = programs.kernel
        agent = kernel.process()
        self._kernel, self._agent = kernel, agent
        state = SimpleNamespace(is_asked_to_end=False)
        key = environment["SWEEP_RUN_ID"], int(environment["SWEEP_ATTEMPT"])
        script = programs.script(*key)
        process = kernel.spawn(
            agent.machine,
            f"program {key[0]}.{key[1]}",
            lambda: programs.run(environment, state),
        )
        programs.alive[key] = process
        self.process = process
        self.pid = process.number
        self.output = SimpleNamespace(stderr_tail=lambda: "", join=lambda _: None)
        if script.on_term == "ignores":
            process.handlers[signal.SIGTERM] = process.handlers[signal.SIGINT] = lambda *_: None
        elif script.on_term == "saves":
            process.handlers[signal.SIGTERM] = process.handlers[signal.SIGINT] = lambda *_: setattr(
                state, "is_asked_to_end", True
            )
        lock = agent.files.get(held) if held is not None else None
        if lock is not None:
            lock.n_owners += 1
            process.at_end.append(lock.let_go)
        process.at_end.append(lambda: programs.alive.pop(key, None))
        agent.at_end.append(self._agent_is_gone)

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._kernel.step(f"signal {number}")
        self._signal(number)

    def wait(self) -> Exit:
        """Wait for the program's end."""
        self._kernel.step("wait for program")
        while not self.process.is_dead:
            self._kernel.wait(self.process.waiting_for_end)
        code = self.process.exit_code
        if code is None:
            return Exit(None, None)
        return Exit(code, None) if code >= 0 else Exit(None, -code)

    def _signal(self, number: int) -> None:
        if number == signal.SIGKILL:
            self._kernel.end(self.process, -number)
        elif number == signal.SIGSTOP:
            self._kernel.stop(self.process)
        elif number == signal.SIGCONT:
            self._kernel.go_on(self.process)
        else:
            self._kernel.signal(self.process, number)

    def _agent_is_gone(self) -> None:
        """What the keeper does then."""
        if not self.process.is_dead:
            self._kernel.go_on(self.process)
            self._kernel.signal(self.process, signal.SIGTERM)
            self._kernel.after(
                KEEPER_GRACE_SECONDS, lambda: self._kernel.end(self.process, -signal.SIGKILL)
            )
