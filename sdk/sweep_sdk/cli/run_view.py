"""The details of a run, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._process.terminal import printable
from sweep_sdk._results.records import flattened
from sweep_sdk.cli.formats import (
    age_text,
    assignments,
    duration_text,
    signal_text,
    value_text,
)
from sweep_sdk.cli.space_view import lined_up
from sweep_sdk.cli.suggestion_view import suggestion_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Json = Mapping[str, Any]


def run_lines(run: Json, history: Sequence[Json], log_file: Path, now: float) -> Iterator[str]:
    """Lines about a run.

    Args:
        run: The backend's full answer about the run.
        history: Some of its rows.
        log_file: Path of its output, if it was executed on this machine.
        now: The current time, in seconds since the epoch.
    """
    yield from lined_up(list(_overview(run, log_file, now)))
    yield from _section("config", _values(run["config"]))
    yield from _section("set by the program", _values(run.get("attributes") or {}))
    yield from _section("attempts", _attempts(run, now))
    yield from _section("summary", _values(run["summary"]))
    yield from _section("history", [_row_text(row, now) for row in history])
    record = run.get("suggestion")
    yield from _section("why this configuration", [suggestion_text(record)] if record else [])
    last_lines = (run["error_tail"] or "").splitlines()
    yield from _section("last lines of stderr", [printable(line) for line in last_lines])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _overview(run: Json, log_file: Path, now: float) -> Iterator[tuple[str, str]]:
    yield "run", f"{run['id']} (index {run['index']} of sweep {run['sweep']})"
    yield "state", _state_text(run, now)
    if run["best"] is not None:
        yield "best", value_text(run["best"])
    yield "created", age_text(run["created_at"], now)
    if log_file.exists():
        yield "output", str(log_file)
    else:
        yield "output", f"on host {run['host'] or 'unknown'}"


def _state_text(run: Json, now: float) -> str:
    if run["state"] == "deleted":
        again = f"sweep-sdk delete {run['id']} --again"
        deleted = f"deleted {age_text(run['ended_at'], now)}"
        return f"{deleted}; to hand out its configuration again: {again}"
    if run["stopped_early"]:
        return f"{run['state']}, stopped early{_stop_text(run.get('early_stop'))}"
    if run["lease_end"] is None:
        return str(run["state"])
    left = run["lease_end"] - now
    if left >= 0:
        return f"{run['state']}, lease expires in {duration_text(left)}"
    return f"{run['state']}, lease expired {duration_text(-left)} ago"


def _stop_text(stop: Json | None) -> str:
    if stop is None:  # stopped by a backend that did not store the reason
        return ""
    value, limit = value_text(stop["value"]), value_text(stop["threshold"])
    return f" at value {stop['band']} of the metric: {value} is worse than the threshold, {limit}"


def _attempts(run: Json, now: float) -> list[str]:
    if run["state"] == "deleted":
        return []
    if run["state"] == "pending":  # its latest attempt is listed among the ended ones
        texts = [_attempt_text(attempt, now) for attempt in run["attempts"]]
        return [*texts, "waiting to be handed out"]
    newest = {name: run[name] for name in ("attempt", "agent", "host", "state", "started_at")}
    newest |= {name: run[name] for name in ("ended_at", "exit_code", "signal")}
    earlier = [attempt for attempt in run["attempts"] if attempt["attempt"] < run["attempt"]]
    return [_attempt_text(attempt, now) for attempt in (*earlier, newest)]


def _attempt_text(attempt: Json, now: float) -> str:
    place = printable(f"agent {attempt['agent']} on {attempt['host'] or 'unknown host'}")
    began = f"started {age_text(attempt['started_at'], now)}"
    return f"{attempt['attempt']}: {place}, {began}, {_end_text(attempt, now)}"


def _end_text(attempt: Json, now: float) -> str:
    if attempt["ended_at"] is None:  # unknown for an attempt whose agent was lost
        took = duration_text(now - attempt["started_at"])
        return f"running for {took}" if attempt["state"] == "running" else str(attempt["state"])
    took = duration_text(attempt["ended_at"] - attempt["started_at"])
    how = ""
    if attempt["signal"] is not None:
        how = f", killed by {signal_text(attempt['signal'])}"
    elif attempt["exit_code"] is not None:
        how = f", exit code {attempt['exit_code']}"
    return f"{attempt['state']} after {took}{how}"


def _values(values: Json) -> list[str]:
    pairs = [(name, value_text(value)) for name, value in flattened(values).items()]
    return lined_up(pairs)


def _row_text(row: Json, now: float) -> str:
    step = "-" if row["step"] is None else row["step"]
    at = "" if row["at"] is None else f", {age_text(row['at'], now)}"
    return f"attempt {row['attempt']}, step {step}{at}: {assignments(row['metrics'])}"
