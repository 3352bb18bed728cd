"""Distributes the GPUs that are allotted to an agent among its runs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Group = tuple[str, ...]
#: Environment variables that may allot GPUs, in order of precedence.
VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "ZE_AFFINITY_MASK",
)
_NUMBER = re.compile(r"\d{1,4}")
_RANGE = re.compile(r"(\d{1,4})-(\d{1,4})")
_UUID = re.compile(r"(GPU|MIG)-[\w./-]+")
_NONE = ("", "-1", "none", "void", "nodevfiles")
_HELP = "it takes numbers, ranges and UUIDs with commas, such as 0,1 or 0-3 or 0+1,2+3"


@dataclass(frozen=True)
class Allotment:
    """The GPUs that this process may use.

    Attributes:
        variable: The environment variable that allots GPUs to this process and to programs.
        names: The GPUs in the variable; None if it is not set, so that all GPUs may be used.
    """

    variable: str
    names: tuple[str, ...] | None


def parse_groups(texts: Sequence[str], per_run: int | None = None) -> tuple[Group, ...]:
    """Parse groups of GPUs, of which each run gets one.

    Args:
        texts: Numbers, UUIDs, ranges (``0-3``: four groups), or GPUs joined by ``+`` (``0+1``: one
            group of two).
        per_run: Number of GPUs in a group.

    Raises:
        UsageError: An item is not a GPU or is listed twice, or the groups differ in size.
    """
    groups = [group for text in texts for group in _groups(text.strip())]
    if per_run is not None:
        groups = _regrouped(groups, per_run)
    names = [name for group in groups for name in group]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"gpus: {', '.join(twice)} is listed twice; name each GPU once")
    return tuple(groups)


def allotment(environ: Mapping[str, str]) -> Allotment:
    """The GPUs that a scheduler or the user has allotted to this process."""
    for variable in VARIABLES:
        if variable in environ:
            names = [name.strip() for name in environ[variable].split(",")]
            usable = () if names[0].lower() in _NONE else tuple(name for name in names if name)
            return Allotment(variable, usable)
    return Allotment(VARIABLES[0], None)


def variables_of(groups: Sequence[Group], allotted: Allotment) -> list[dict[str, str]]:
    """For each group, the environment variable that makes only its GPUs visible to a program.

    Args:
        groups: The groups; numbers count from 0 within the allotted GPUs.
        allotted: The GPUs allotted to the agent.

    Raises:
        UsageError: A group has a GPU that is not allotted.
    """
    return [
        {allotted.variable: ",".join(_resolved(name, allotted) for name in group)}
        for group in groups
    ]


def _groups(text: str) -> list[Group]:
    span = _RANGE.fullmatch(text)
    if span is not None and int(span[1]) <= int(span[2]):
        return [(str(number),) for number in range(int(span[1]), int(span[2]) + 1)]
    names = tuple(name.strip() for name in text.split("+"))
    for name in names:
        if not (_NUMBER.fullmatch(name) or _UUID.fullmatch(name)):
            raise UsageError(f"gpus: found '{text}'; {_HELP}")
    return [tuple(str(int(name)) if name.isdecimal() else name for name in names)]


def _regrouped(groups: Sequence[Group], per_run: int) -> list[Group]:
    names = [name for group in groups for name in group]
    if any(len(group) > 1 for group in groups):
        raise UsageError("gpus: give either groups, such as 0+1, or a number of GPUs per run")
    if len(names) % per_run:
        raise UsageError(
            f"gpus: {len(names)} GPUs do not make groups of {per_run}; name a multiple of {per_run}"
        )
    return [tuple(names[start : start + per_run]) for start in range(0, len(names), per_run)]


def _resolved(name: str, allotted: Allotment) -> str:
    if allotted.names is None:
        return name
    has = f"{allotted.variable}={','.join(allotted.names)}"
    if not allotted.names:
        raise UsageError(f"gpus: found {name}, but no GPU is allotted here ({has})")
    if name.isdecimal():
        if int(name) < len(allotted.names):
            return allotted.names[int(name)]
        last = len(allotted.names) - 1
        raise UsageError(
            f"gpus: found {name}; {len(allotted.names)} are allotted here ({has}), which are"
            f" numbered from 0: {'0' if last == 0 else f'0 to {last}'}"
        )
    if any(known == name or known.startswith(name) for known in allotted.names):
        return name
    raise UsageError(f"gpus: {name} is not among those that are allotted here ({has})")
