"""Ends what is left of the programs of agents that were killed together with their keepers.

A keeper ends whatever descends from its program. Should it be killed too, nothing but the
environment shows which processes belong to a run: each attempt has a random mark of its own there.
A process that carries it is ended by the next agent on this machine if it is of the same user and
in the same control group as the dead agent was, and was started later. One that has dropped the
mark, or has ``SWEEP_KEEP=1`` or descends from a process that has, is left alone.

Every agent notes for this who it is, in ``<home>/agents/<name>.json``, as long as it lives.
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
#: Set to 1 for a process that is to outlive its run.
KEEP_VARIABLE = "SWEEP_KEEP"
_KEPT = f"{KEEP_VARIABLE}=1"
_GRACE_SECONDS = 2.0
#: After that a process is given up that even SIGKILL does not end: it hangs in the kernel.
_GIVE_UP_SECONDS = 10.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Trace:
    """By what the processes of an agent's programs are known.

    Attributes:
        agent: The name under which the outbox knows the agent; every mark begins with it.
        host: The machine in which it ran.
        machine_start: The start of the machine in which it ran.
        user: The number of its user.
        group: Its control groups.
        since: When it was started itself, in ticks since the machine was.
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
        agent: The name under which the outbox knows the agent.
        key: What nobody else has.
    """
    return f"{agent}.{key}"


def own_trace(agent: str) -> Trace | None:
    """That of an agent in this process; None where the system does not show processes."""
    number = processes.own_id()
    this = running.running(number)
    if this is None:
        return None
    group = running.group_of(number)
    host = processes.host_name()
    return Trace(agent, host, running.this_start(), this.user, group, this.started)


@contextlib.contextmanager
def noted(home: disk.Path, agent: str) -> Iterator[None]:
    """Keep the trace of an agent on disk for the time of a block; its lock is held already."""
    trace = own_trace(agent)
    path = home / "agents" / f"{agent}.json"
    with contextlib.suppress(OSError):  # then nobody finds what it leaves behind
        if trace is not None:
            path.write_text(json.dumps(asdict(trace)), encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def end_leftovers(home: disk.Path, notice: Callable[[str], None]) -> None:
    """End what dead agents of a data folder have left running on this machine.

    Args:
        home: The data folder.
        notice: Called with each process that is ended, in a line.
    """
    try:
        paths = sorted((home / "agents").glob("*.json"))
    except OSError:
        return
    for path in paths:
        trace = _read(path)
        if trace is not None and trace.host != processes.host_name():
            continue  # on some network file systems its lock would look free from here
        if is_held(path.with_suffix(".lock")):
            continue
        if trace is not None and trace.machine_start == running.this_start():
            end_marked(trace, mark_of(trace.agent, ""), notice)
        with contextlib.suppress(OSError):
            path.unlink()


def end_marked(trace: Trace, mark: str, notice: Callable[[str], None]) -> None:
    """End the processes whose mark begins so: politely, and after a grace by force."""
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
    """A process and those from which it descends."""
    line: list[int] = []
    while number in everything and number not in line:
        line.append(number)
        number = everything[number].parent
    return line


def _read(path: disk.Path) -> Trace | None:
    """A trace; None where it is damaged, or of another version."""
    try:
        return Trace(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
