"""A sweep that is watched: as a screen, as a line, as JSON. All functions are pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._process.terminal import printable
from sweep_sdk._results.outliers import limit_of
from sweep_sdk.cli.formats import (
    age_text,
    count_text,
    duration_text,
    metric_text,
    shortened,
    signal_text,
    value_text,
)
from sweep_sdk.cli.space_view import best_text, lined_up
from sweep_sdk.cli.tables import Column, fitting, table_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_sdk._results.progress import Progress

    Json = Mapping[str, Any]

_BAR_WIDTH = 40
_MOST_AT_WORK = 8
_MOST_FAILURES = 3
_BLOCKS = "▁▂▃▄▅▆▇█"


def screen_lines(
    progress: Progress, errors: Mapping[str, str], now: float, width: int, *, has_blocks: bool
) -> list[str]:
    """The lines of a screen.

    Args:
        progress: Of the sweep.
        errors: The last line on stderr of failed runs, by id.
        now: In seconds since the epoch.
        width: Of the terminal, in cells.
        has_blocks: Whether the terminal can show block characters.
    """
    overview = lined_up(list(_overview(progress, now, width, has_blocks=has_blocks)))
    lines = [shortened(line, width) for line in overview]
    if progress.at_work:
        lines += ["", *table_lines(fitting(_at_work(progress, now), width))]
        lines += _more(len(progress.at_work) - _MOST_AT_WORK)
    if progress.failures:
        lines += ["", "last failures"]
        lines += [
            shortened(f"  {failure_text(run, errors, now)}", width)
            for run in progress.failures[:_MOST_FAILURES]
        ]
        lines += _more(len(progress.failures) - _MOST_FAILURES)
    return lines


def line_of(progress: Progress) -> str:
    """One line, which changes only if something has happened to a run or to the sweep."""
    sweep = progress.sweep
    parts = [
        f"sweep {sweep['id']} is {sweep['state']}",
        f"{_ended_text(progress)} ended",
        f"{len(progress.at_work):,} at work",
        *([f"{len(progress.failures):,} failed"] if progress.failures else []),
        *([f"best {best_text(sweep['best'], sweep)}"] if sweep["best"] else []),
    ]
    return ", ".join(parts)


def document_of(progress: Progress) -> dict[str, Any]:
    """Everything as one JSON object; times in seconds."""
    sweep = progress.sweep
    return {
        "sweep": sweep["id"],
        "state": sweep["state"],
        "counts": sweep["counts"],
        "n_ended": progress.n_ended,
        "n_total": progress.n_total,
        "seconds_a_run": progress.seconds_a_run,
        "seconds_left": progress.seconds_left,
        "best": None
        if sweep["best"] is None
        else {name: sweep["best"][name] for name in ("id", "best", "config")},
        "at_work": [
            {"run": run["id"], **{name: run[name] for name in ("agent", "host", "started_at")}}
            for run in progress.at_work
        ],
        "failures": [run["id"] for run in progress.failures],
    }


def sparkline(values: Sequence[float], width: int) -> str:
    """The course of the best values in at most ``width`` block characters.

    Args:
        values: Each as good as the one before or better.
        width: In cells.
    """
    if not values:
        return ""
    sign = 1 if values[-1] <= values[0] else -1
    costs = [sign * value for value in values]
    limit = limit_of(costs)
    costs = costs if limit is None else [min(cost, limit) for cost in costs]
    n_shown = min(width, len(costs))
    shown = [costs[-1 - (n_shown - 1 - n) * len(costs) // n_shown] for n in range(n_shown)]
    low, high = min(sign * costs[0], sign * costs[-1]), max(sign * costs[0], sign * costs[-1])
    unit = (high - low) / (len(_BLOCKS) - 1) or 1.0
    return "".join(_BLOCKS[round((sign * cost - low) / unit)] for cost in shown)


def failure_text(run: Json, errors: Mapping[str, str], now: float) -> str:
    """A failed run on one line."""
    how = run["state"]
    if run["signal"] is not None:
        how = f"{how}, killed by {signal_text(run['signal'])}"
    elif run["exit_code"] is not None:
        how = f"{how}, exit code {run['exit_code']}"
    when = age_text(run["ended_at"] or run["started_at"], now)
    why = printable(errors.get(run["id"], ""))
    return f"{run['id']}  {how}, {when}" + (f": {why}" if why else "")


def _overview(
    progress: Progress, now: float, width: int, *, has_blocks: bool
) -> Iterator[tuple[str, str]]:
    sweep = progress.sweep
    name = f" '{sweep['name']}'" if sweep["name"] else ""
    yield "sweep", f"{sweep['id']}{name}, {sweep['method']}, {metric_text(sweep['metric'])}"
    yield "state", f"{sweep['state']}, {age_text(sweep['created_at'], now)}"
    yield "runs", f"{_ended_text(progress)} ended: {_counts_text(sweep['counts'])}"
    if progress.n_total:
        yield "", _bar(progress, min(_BAR_WIDTH, width - 10), has_blocks=has_blocks)
    if progress.seconds_a_run is not None:
        yield "time", _time_text(progress)
    if sweep["best"] is not None:
        yield "best", best_text(sweep["best"], sweep)
        if has_blocks and len(progress.best_so_far) > 1:
            yield "", _course(progress, width)


def _counts_text(counts: Mapping[str, int]) -> str:
    parts = (f"{number:,} {state}" for state, number in counts.items() if number)
    return ", ".join(parts) or "none handed out yet"


def _ended_text(progress: Progress) -> str:
    if progress.n_total is None:
        return count_text(progress.n_ended, "run")
    return f"{progress.n_ended:,} of {count_text(progress.n_total, 'run')}"


def _bar(progress: Progress, width: int, *, has_blocks: bool) -> str:
    """The shares of runs that have ended, and of those at work."""
    total = max(progress.n_total or 0, 1)
    n_ended = min(progress.n_ended * width // total, width)
    n_begun = min((progress.n_ended + len(progress.at_work)) * width // total, width)
    ended, at_work, rest = "█▒░" if has_blocks else "#=."
    bar = ended * n_ended + at_work * (n_begun - n_ended) + rest * (width - n_begun)
    return f"{bar} {progress.n_ended / total:.0%}"


def _time_text(progress: Progress) -> str:
    each = f"{duration_text(progress.seconds_a_run)} a run"
    if progress.seconds_left is None:
        return each
    at_work = count_text(len(progress.at_work), "run")
    return f"about {duration_text(progress.seconds_left)} left with {at_work} at work, {each}"


def _course(progress: Progress, width: int) -> str:
    values = progress.best_so_far
    first, last = value_text(values[0]), value_text(values[-1])
    room = max(min(_BAR_WIDTH, width - len(first) - len(last) - 12), 1)
    return f"{first} {sparkline(values, room)} {last}"


def _at_work(progress: Progress, now: float) -> list[Column]:
    runs = progress.at_work[:_MOST_AT_WORK]
    metric = progress.sweep["metric"]
    columns = [
        Column("AT WORK", [run["id"] for run in runs]),
        Column("AGENT", [run["agent"] or "-" for run in runs], 1),
        Column("HOST", [run["host"] or "-" for run in runs], 2),
        Column("TIME", [duration_text(now - run["started_at"]) for run in runs], 1, True),
    ]
    if metric:
        best = ["-" if run["best"] is None else value_text(run["best"]) for run in runs]
        columns.append(Column(metric["name"], best, 1, True))
    return columns


def _more(n_more: int) -> list[str]:
    return [f"  and {n_more:,} more"] if n_more > 0 else []
