"""The running processes of this machine; only Linux shows them."""

from __future__ import annotations

import os as _os
from contextlib import suppress
from dataclasses import dataclass

_PROC = "/proc"
_PARENT, _STARTED = 1, 19  # fields of /proc/N/stat after the program's name
_ENDED = (b"Z", b"X")


@dataclass(frozen=True)
class Running:
    """A running process.

    Attributes:
        parent: Process id of the parent.
        started: When it was started, in clock ticks since the machine was started.
    """

    number: int
    parent: int
    started: int
    user: int


def all_running() -> dict[int, Running]:
    """All running processes by process id."""
    try:
        numbers = [int(name) for name in _os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return {}
    found = {number: running(number) for number in numbers}
    return {number: process for number, process in found.items() if process is not None}


def running(number: int) -> Running | None:
    """A running process; None if it has ended."""
    try:
        user = _os.stat(f"{_PROC}/{number}").st_uid
        fields = _read(f"{number}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    if not fields or fields[0] in _ENDED:
        return None
    return Running(number, int(fields[_PARENT]), int(fields[_STARTED]), user)


def variables_of(number: int) -> frozenset[str]:
    """The initial environment of a process as ``NAME=VALUE``; empty if it cannot be read."""
    return frozenset(_text(f"{number}/environ").split("\0"))


def group_of(number: int) -> str:
    """The control groups of a process, in the system's format."""
    return _text(f"{number}/cgroup")


def command_of(number: int) -> str:
    """The command line of a process, for messages."""
    return " ".join(_text(f"{number}/cmdline").split("\0")).strip()


def this_start() -> str:
    """The boot id of the machine; empty if unknown."""
    return _text("sys/kernel/random/boot_id").strip()


def send(number: int, signal_number: int) -> None:
    """Send a signal to a process, if it exists and may be signalled."""
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
