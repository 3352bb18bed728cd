"""The progress of a sweep: ended runs, runs in progress, and time left. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._results.order import NEVER_BEST
from sweep_sdk._results.run_limit import run_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Json = Mapping[str, Any]

AT_WORK = ("running", "preempting")
_FAILED = ("failed", "crashed")
_N_TIMED = 50


@dataclass(frozen=True)
class Progress:
    """The progress of a sweep; times are in seconds.

    Attributes:
        n_total: Total number of runs; None without a limit.
        seconds_a_run: Average duration of the last runs; None before the first has ended.
        seconds_left: Time until all runs have ended at this rate; None if unknown.
        at_work: The runs in progress, in order of index.
        failures: The failed and crashed runs, latest first.
        best_so_far: The best value up to each run that can be best, in order of index.
    """

    sweep: Json
    n_ended: int
    n_total: int | None
    seconds_a_run: float | None
    seconds_left: float | None
    at_work: tuple[Json, ...]
    failures: tuple[Json, ...]
    best_so_far: tuple[float, ...]


def progress_of(sweep: Json, runs: Sequence[Json], now: float) -> Progress:
    """Compute the progress of a sweep.

    Args:
        sweep: The sweep as the backend returns it.
        runs: All runs in order of index.
        now: Seconds since the epoch.
    """
    ended = [run for run in runs if run["ended_at"] is not None]
    at_work = tuple(run for run in runs if run["state"] in AT_WORK)
    failures = (run for run in runs if run["state"] in _FAILED)
    seconds = _seconds_a_run(ended)
    total = run_limit(sweep)
    n_waiting = None if total is None else max(total - len(ended) - len(at_work), 0)
    return Progress(
        sweep,
        len(ended),
        total,
        seconds,
        None if n_waiting is None else _seconds_left(sweep, n_waiting, at_work, seconds, now),
        at_work,
        tuple(sorted(failures, key=_last_time, reverse=True)),
        best_so_far(runs, sweep["metric"]),
    )


def best_so_far(runs: Sequence[Json], metric: Json | None) -> tuple[float, ...]:
    """The best value up to each run that can be best; empty without a metric."""
    if metric is None:
        return ()
    better = min if metric["goal"] == "minimize" else max
    values: list[float] = []
    for run in runs:
        if run["best"] is not None and run["state"] not in NEVER_BEST:
            values.append(better(run["best"], values[-1]) if values else run["best"])
    return tuple(values)


def _seconds_a_run(ended: Sequence[Json]) -> float | None:
    timed = [run for run in ended if run["started_at"] is not None]
    latest = sorted(timed, key=lambda run: float(run["ended_at"]))[-_N_TIMED:]
    taken = [run["ended_at"] - run["started_at"] for run in latest]
    return sum(taken) / len(taken) if taken else None


def _seconds_left(
    sweep: Json, n_waiting: int, at_work: Sequence[Json], seconds: float | None, now: float
) -> float | None:
    """The time that the remaining runs take at the present parallelism."""
    if seconds is None or not at_work or sweep["state"] == "paused":
        return None
    begun = (max(seconds - (now - run["started_at"]), 0.0) for run in at_work)
    n_to_begin = 0 if sweep["state"] in ("finished", "canceled") else n_waiting
    return float(n_to_begin * seconds + sum(begun)) / len(at_work)


def _last_time(run: Json) -> tuple[float, int]:
    return run["ended_at"] or run["started_at"] or run["created_at"], run["index"]
