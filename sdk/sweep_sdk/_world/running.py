"""The processes of this machine, as Linux shows them; elsewhere none are seen."""

from __future__ import annotations

import os as _os
from contextlib import suppress
from dataclasses import dataclass

_PROC = "/proc"
_PARENT, _STARTED = 1, 19  # fields of /proc/N/stat, counted behind the program's name
_ENDED = (b"Z", b"X")


@dataclass(frozen=True)
class Running:
    """A process that has not ended.

    Attributes:
        started: When it was started, in ticks since the machine was.
        user: The number of its user.
    """

    number: int
    parent: int
    started: int
    user: int


def all_running() -> dict[int, Running]:
    """All processes, by number."""
    try:
        numbers = [int(name) for name in _os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return {}
    found = {number: running(number) for number in numbers}
    return {number: process for number, process in found.items() if process is not None}


def running(number: int) -> Running | None:
    """One process; None when it has ended."""
    try:
        user = _os.stat(f"{_PROC}/{number}").st_uid
        fields = _read(f"{number}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    if not fields or fields[0] in _ENDED:
        return None
    return Running(number, int(fields[_PARENT]), int(fields[_STARTED]), user)


def variables_of(number: int) -> frozenset[str]:
    """What a process was given as environment, as ``NAME=VALUE``; empty where that is secret."""
    return frozenset(_text(f"{number}/environ").split("\0"))


def group_of(number: int) -> str:
    """The control groups of a process, as the system writes them."""
    return _text(f"{number}/cgroup")


def command_of(number: int) -> str:
    """The command line of a process, for people."""
    return " ".join(_text(f"{number}/cmdline").split("\0")).strip()


def this_start() -> str:
    """What this start of the machine is called; empty where nobody says it."""
    return _text("sys/kernel/random/boot_id").strip()


def send(number: int, signal_number: int) -> None:
    """Send a signal to a process, if it is there and may be signalled."""
    with suppress(ProcessLookupError, PermissionError):
        _os.kill(number, signal_number)


def _text(name: str) -> str:
    try:
        return _read(name).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def _read(name: str) -> bytes:
    with open(f"{_PROC}/{name}", "rb") as file:
        return file.read()
