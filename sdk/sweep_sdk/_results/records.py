"""Runs as flat records of names and values, for files and tables."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Run = Mapping[str, Any]

#: Fields that every run has, in output order.
RUN_FIELDS = (
    "id",
    "index",
    "state",
    "sweep",
    "attempt",
    "exit_code",
    "signal",
    "stopped_early",
    "best",
    "agent",
    "host",
    "created_at",
    "started_at",
    "ended_at",
)
#: Groups of names that differ from run to run, in output order.
GROUPS = ("config", "summary", "attributes")
#: Fields that hold seconds since the epoch.
RUN_TIMES = ("created_at", "started_at", "ended_at")


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested maps as one level of dotted names; empty maps stay as they are."""
    return dict(_leaves(values, prefix))


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def run_record(run: Run) -> dict[str, Any]:
    """A run's fields, then its ``config.*``, ``summary.*`` and ``attributes.*``."""
    record = {name: run[name] for name in RUN_FIELDS}
    for group in GROUPS:
        record |= flattened(run.get(group) or {}, f"{group}.")
    return record


def record_names(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of all records of runs: fields first, then group after group."""
    names = [name for name in names_of(records) if name not in RUN_FIELDS]
    groups = [f"{group}." for group in GROUPS]
    names.sort(key=lambda name: next(i for i, g in enumerate(groups) if name.startswith(g)))
    return [*RUN_FIELDS, *names]


def names_of(maps: Iterable[Mapping[str, Any]]) -> list[str]:
    """All keys, in order of first appearance."""
    return list(dict.fromkeys(name for values in maps for name in values))


def seconds_taken(run: Run, now: float) -> float | None:
    """Duration of the newest attempt so far.

    None if no agent works on the run, because the duration is unknown or includes waiting.
    """
    if run["started_at"] is None:
        return None
    if run["ended_at"] is not None:
        return float(run["ended_at"] - run["started_at"])
    return float(now - run["started_at"]) if run["state"] == "running" else None


def iso_time(seconds: float | None) -> str | None:
    """A time in ISO 8601, UTC, to the millisecond; None for one that no calendar has."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
    except (OSError, OverflowError, ValueError):  # a program may log any number as the time
        return None
