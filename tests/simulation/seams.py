"""Replaces what the client's ``_world`` imports by a simulated world during a block."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from simulation.backend import Stepped
from simulation.disk import descriptor_functions, path_class
from simulation.kernel import Kernel, Process, wall_time
from simulation.ledger import WRITES, judged
from simulation.network import Session
from simulation.threads import thread_classes
from sweep_sdk._agent import function_agent
from sweep_sdk._agent.slot import program
from sweep_sdk._program import current_run
from sweep_sdk._world import chance, clock, disk, loopback, network, processes, running, threads
from sweep_service import bootstrap
from sweep_service.operations import evidence
from sweep_service.storage import deferred
from sweep_service.storage.sqlite import database, sweeps
from sweep_service.storage.sqlite.database import Database
from sweep_service.storage.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from simulation.world import World


@contextlib.contextmanager
def installed(world: World) -> Iterator[None]:
    """Have all of the client's code live in a world."""
    kernel = world.kernel
    with contextlib.ExitStack() as stack:
        for module, name, value in _replacements(world):
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        stack.callback(_Globals(kernel).restore)
        yield


def _replacements(world: World) -> Iterator[tuple[Any, str, Any]]:
    kernel = world.kernel
    yield clock, "_time", _time(kernel)
    for name, value in thread_classes(kernel).items():
        yield threads, name, value
    yield disk, "Path", path_class(kernel)
    for name, value in descriptor_functions(kernel).items():
        yield disk, name, value
    yield network, "backend_session", lambda *_, **__: Session(world.network)
    yield loopback, "listen", NoConnections  # none of these programs uses wandb
    yield running, "_PROC", "/nowhere"  # programs are no processes here, and keepers are not killed
    yield processes, "_os", _own_process(kernel)
    yield processes, "_signal", _signals(kernel)
    yield processes, "_socket", SimpleNamespace(gethostname=lambda: kernel.machine().name)
    rng = random.Random(f"chance {world.seed}")
    yield chance, "_random", rng
    yield chance, "_uuid", SimpleNamespace(uuid4=lambda: UUID(int=rng.getrandbits(128), version=4))
    yield program, "start_child", world.programs.start_child
    # the backend inside the client's own process
    yield bootstrap, "time", SimpleNamespace(time=lambda: wall_time(kernel, kernel.machine()))
    yield bootstrap, "random", SimpleNamespace(SystemRandom=lambda: random.Random(rng.random()))
    yield deferred, "DeferredStore", _stepped(world)
    yield Database, "write", _stepped_write(kernel)
    yield database, "_file_id", _remembered(world.file_ids, database._file_id)
    for name in WRITES:
        yield SqliteStore, name, judged(world, name, getattr(SqliteStore, name))
    yield evidence, "load_observations", _judged_observations(world)
    yield sweeps, "_DELETE_BATCH", 2


class NoConnections:
    """A loopback to which nobody connects."""

    def __enter__(self) -> NoConnections:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, answer: Any) -> str:
        return "http://127.0.0.1:1/key"

    def remove(self, address: str, seconds: float) -> None:
        pass


def _time(kernel: Kernel) -> SimpleNamespace:
    def sleep(seconds: float) -> None:
        kernel.step("sleep")
        kernel.sleep(seconds)

    return SimpleNamespace(
        monotonic=lambda: 1000.0 + kernel.now * kernel.machine().rate,
        time=lambda: wall_time(kernel, kernel.machine()),
        sleep=sleep,
    )


def _own_process(kernel: Kernel) -> SimpleNamespace:
    def kill(_: int, number: int) -> None:
        assert number == signal.SIGSTOP
        kernel.stop(kernel.process())
        kernel.pass_turn()

    return SimpleNamespace(getpid=lambda: kernel.process().number, kill=kill)


def _signals(kernel: Kernel) -> SimpleNamespace:
    def getsignal(number: int) -> Any:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        return kernel.process().handlers.get(int(number), default)

    def set_signal(number: int, handler: Any) -> Any:
        before = getsignal(number)
        kernel.process().handlers[int(number)] = handler
        return before

    return SimpleNamespace(
        getsignal=getsignal, signal=set_signal, SIG_DFL=signal.SIG_DFL, SIGSTOP=signal.SIGSTOP
    )


def _stepped(world: World) -> Any:
    real = deferred.DeferredStore

    def make(*values: Any, **named: Any) -> Stepped:
        return Stepped(real(*values, **named), world.kernel, lambda: False)

    return make


def _judged_observations(world: World) -> Any:
    """What a search learns is compared with what the store had when it was asked."""
    real = evidence.load_observations

    def load(services: Any, sweep: str, ended: Any = frozenset()) -> Any:
        kept = {entry.index for entry in world.store.list_observations(sweep, -math.inf)}
        found = real(services, sweep, ended)
        world.judge.check_evidence(kept & set(ended), {entry.index for entry in found})
        return found

    return load


def _stepped_write(kernel: Kernel) -> Any:
    """Each transaction is a step: an operation of several can be cut short between them."""
    real = Database.write

    def write(self: Database) -> Any:
        if kernel.is_inside():
            kernel.step("transaction")
        return real(self)

    return write


def _remembered(known: dict[Path, Any], real: Any) -> Any:
    """Which file a path leads to, looked up where it may have changed: that is most of all calls.

    Args:
        known: What was found; moving files empties it.
        real: Looks it up.
    """

    def find(path: Path, least_bytes: int = 0) -> Any:
        if least_bytes:  # a file can be emptied without being moved
            return real(path, least_bytes)
        found = known.get(path)
        if found is None:
            found = real(path)
            if found is not None:
                known[path] = found
        return found

    return find


class _Globals:
    """What a Python process has once, for each process that calls functions.

    The environment is a plain dictionary for as long as the world lasts: processes change places by
    a change of ``os.environ`` alone, and nothing reaches the environment of this interpreter.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._real = os.environ
        os.environ = dict(os.environ)  # type: ignore[assignment]  # noqa: B003
        self._own = self._read()
        kernel.on_switch = self._switch

    def restore(self) -> None:
        """Give this interpreter back what it had."""
        self._write(self._own)
        os.environ = self._real  # noqa: B003

    def _switch(self, old: Process | None, new: Process | None) -> None:
        if old is not None and old.globals:
            old.globals = self._read()
            self._write(self._own)
        if new is not None and new.globals:
            self._write(new.globals)

    def _read(self) -> dict[Any, Any]:
        return {
            "run": current_run._active.run,
            "calling": function_agent._calling,
            "environment": os.environ,
        }

    def _write(self, found: dict[Any, Any]) -> None:
        current_run._active.run = found["run"]
        function_agent._calling = found["calling"]
        os.environ = found["environment"]  # noqa: B003


def fresh_globals(variables: Mapping[str, str] | None = None) -> dict[Any, Any]:
    """Those of a process that has just begun, with these variables besides the usual ones."""
    environment = dict(os.environ) | dict(variables or {})
    return {"run": None, "calling": threads.Lock(), "environment": environment}
