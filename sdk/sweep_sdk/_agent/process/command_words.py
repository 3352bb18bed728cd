"""Finds out what a command line will start, as far as that is certain. Pure except for file checks.

A command may be anything: a shell, a launcher, a container. A wrong guess would reject a command
that works, so anything that is not fully understood counts as unknown.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=.*", re.DOTALL)
_HARMLESS = ("-v", "--debug", "--")
_PYTHON = re.compile(r"python(\d+(\.\d+)*)?(\.exe)?")
_PYTHON_FLAGS = re.compile(r"-[BEIOPRSbdqsuvx]+")
_PYTHON_OPTIONS = ("-X", "-W")


def started_by_env(words: Sequence[str]) -> list[str]:
    """The words that are finally executed, after a leading ``env``, in this folder with this PATH.

    Returns:
        The words; empty if they are not certain, for example because ``env`` changes the folder.
    """
    if not words or PurePath(words[0]).name != "env":
        return list(words)
    rest = list(words[1:])
    while rest:
        if rest[0] in _HARMLESS:
            rest = rest[1:]
            continue
        changed = _variable_changed(rest)
        if changed is None:
            break
        name, n_words = changed
        if name == "PATH":
            return []
        rest = rest[n_words:]
    return [] if rest and rest[0].startswith("-") else rest


def _variable_changed(rest: Sequence[str]) -> tuple[str, int] | None:
    """The variable that the first words of ``env`` set or unset, and the number of these words."""
    assignment = _ASSIGNMENT.fullmatch(rest[0])
    if assignment is not None:
        return assignment["name"], 1
    if rest[0] in ("-u", "--unset") and len(rest) > 1:
        return rest[1], 2
    for prefix in ("--unset=", "-u"):
        if rest[0].startswith(prefix) and rest[0] != prefix:
            return rest[0].removeprefix(prefix), 1
    return None


def python_file(words: Sequence[str]) -> str | None:
    """The file that Python will run; None if that is not certain.

    Args:
        words: Words as returned by ``started_by_env``.
    """
    if not words or not _PYTHON.fullmatch(PurePath(words[0]).name):
        return None
    rest = list(words[1:])
    while rest and rest[0].startswith("-"):
        if _PYTHON_FLAGS.fullmatch(rest[0]):
            rest = rest[1:]
        elif rest[0] in _PYTHON_OPTIONS:
            rest = rest[2:]
        elif rest[0].startswith(_PYTHON_OPTIONS):
            rest = rest[1:]
        else:
            return None
    return rest[0] if rest else None
