"""Ends programs of agents that were killed together with their keepers.

A keeper ends all descendants of its program. If the keeper is killed too, only the environment
shows which processes belong to a run: each attempt has a random mark there. The next agent on this
machine ends the processes with such a mark if they have the user and control group of the dead
agent and were started after it. Processes that have removed the mark, and those that have
``SWEEP_KEEP=1`` or descend from one that has, are left alone.

For this purpose every running agent keeps its trace in ``<home>/agents/<name>.json``.
"""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sweep_sdk._home.agent_lock import is_held
from sweep_sdk._world import clock, disk, processes, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sweep_sdk._world.running import Running

MARK_VARIABLE = "SWEEP_MARK"
#: Environment variable that is set to 1 for processes that are to outlive their run.
KEEP_VARIABLE = "SWEEP_KEEP"
_KEPT = f"{KEEP_VARIABLE}=1"
_GRACE_SECONDS = 2.0
#: Time after which a process that survives SIGKILL is given up: it hangs in the kernel.
_GIVE_UP_SECONDS = 10.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Trace:
    """What identifies the processes of an agent's programs.

    Attributes:
        agent: Name of the agent in the outbox; every mark begins with it.
        host: The agent's machine.
        machine_start: When that machine was started.
        user: User id of the agent.
        group: Control groups of the agent.
        since: When the agent was started, in clock ticks since the machine was started.
    """

    agent: str
    host: str
    machine_start: str
    user: int
    group: str
    since: int


def mark_of(agent: str, key: str) -> str:
    """The mark of an attempt.

    Args:
        agent: Name of the agent in the outbox.
        key: A unique key.
    """
    return f"{agent}.{key}"


def own_trace(agent: str) -> Trace | None:
    """The trace of an agent in this process; None if the system does not list processes."""
    number = processes.own_id()
    this = running.running(number)
    if this is None:
        return None
    group = running.group_of(number)
    host = processes.host_name()
    return Trace(agent, host, running.this_start(), this.user, group, this.started)


@contextlib.contextmanager
def noted(home: disk.Path, agent: str) -> Iterator[None]:
    """Keep the trace of an agent, which already holds its lock, on disk during a block."""
    trace = own_trace(agent)
    path = home / "agents" / f"{agent}.json"
    with contextlib.suppress(OSError):  # without it, leftovers of this agent are not found
        if trace is not None:
            path.write_text(json.dumps(asdict(trace)), encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def end_leftovers(home: disk.Path, notice: Callable[[str], None]) -> None:
    """End the processes that dead agents of a data folder have left on this machine.

    Args:
        home: The data folder.
        notice: Called with a message about each process that is ended.
    """
    try:
        paths = sorted((home / "agents").glob("*.json"))
    except OSError:
        return
    for path in paths:
        trace = _read(path)
        if trace is not None and trace.host != processes.host_name():
            continue  # on some network file systems, locks of other machines look free
        if is_held(path.with_suffix(".lock")):
            continue
        if trace is not None and trace.machine_start == running.this_start():
            end_marked(trace, mark_of(trace.agent, ""), notice)
        with contextlib.suppress(OSError):
            path.unlink()


def end_marked(trace: Trace, mark: str, notice: Callable[[str], None]) -> None:
    """End the processes whose mark begins with ``mark``: with SIGTERM, later with SIGKILL."""
    began_at = clock.monotonic()
    signalled: set[int] = set()
    while left := _marked(trace, f"{MARK_VARIABLE}={mark}"):
        waited = clock.monotonic() - began_at
        if waited > _GIVE_UP_SECONDS:
            return
        for number in left:
            if number not in signalled:
                signalled.add(number)
                command = running.command_of(number)
                notice(f"process {number} ({command:.100}) was left behind by a run: it is ended")
                running.send(number, signal.SIGTERM)
                running.send(number, signal.SIGCONT)
            elif waited > _GRACE_SECONDS:
                running.send(number, signal.SIGKILL)
        clock.sleep(_POLL_SECONDS)


def _marked(trace: Trace, mark: str) -> list[int]:
    everything = running.all_running()
    untouched = _line_of(processes.own_id(), everything)
    return [
        number
        for number, process in everything.items()
        if process.user == trace.user
        and process.started >= trace.since
        and number not in untouched
        and any(variable.startswith(mark) for variable in running.variables_of(number))
        and running.group_of(number) == trace.group
        and not any(
            _KEPT in running.variables_of(ancestor) for ancestor in _line_of(number, everything)
        )
    ]


def _line_of(number: int, everything: Mapping[int, Running]) -> list[int]:
    """A process and its ancestors."""
    line: list[int] = []
    while number in everything and number not in line:
        line.append(number)
        number = everything[number].parent
    return line


def _read(path: disk.Path) -> Trace | None:
    """Read a trace; None if it is damaged or of another version."""
    try:
        return Trace(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
