"""Queries about a sweep, shared by the command line and the Python API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.references import is_run, parse_run
from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.notices import notify
from sweep_sdk._results.names import Names
from sweep_sdk._results.order import best_by, read_goal
from sweep_sdk._results.rows import rows_of
from sweep_sdk._results.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sweep_sdk._backend.client import Client

    Json = dict[str, Any]


@dataclass(frozen=True)
class Best:
    """A best run, and the metric that it was ranked by.

    Attributes:
        goal: ``minimize`` or ``maximize``.
    """

    run: Mapping[str, Any]
    value: float
    metric: str
    goal: str


def find_runs(client: Client, sweep: str, selection: Selection = EVERYTHING) -> list[Json]:
    """The selected runs of a sweep.

    Raises:
        UsageError: No run has one of the names in the selection.
    """
    runs = list(client.list_runs(sweep))
    if selection.is_everything or not runs:
        return runs
    return [dict(run) for run in selection.of(runs, metrics_of(client.get_sweep(sweep)))]


def metrics_of(*sweeps: Mapping[str, Any]) -> dict[str, Mapping[str, Any] | None]:
    """The metric of each sweep, by its id."""
    return {sweep["id"]: sweep["metric"] for sweep in sweeps}


def find_best(
    client: Client,
    sweep: str,
    metric: str | None = None,
    goal: str | None = None,
    advice: str = "give the goal, minimize or maximize",
) -> Best | None:
    """The best run of a sweep by any metric; None if no run has a value.

    Args:
        client: Client used for the request.
        sweep: A reference to the sweep.
        metric: Name of the metric; by default the sweep's.
        goal: Goal for the metric; by default the sweep's, for its own metric.
        advice: Advice in the error about a missing goal.

    Raises:
        UsageError: No run has such a metric, or its goal is missing.
        NotPossible: No metric is given, and the sweep has none.
    """
    if metric is None and goal is None:
        run = client.best_run(sweep)
        if run is None:
            return None
        own = client.get_sweep(sweep)["metric"]
        return Best(run, run["best"], own["name"], own["goal"])
    found = client.get_sweep(sweep)
    own = found["metric"]
    name = metric if metric is not None else own["name"] if own else None
    if name is None:
        raise UsageError(f"sweep {found['id']} has no metric: name the one that decides")
    order = _goal(name, goal, own, advice)
    if own and (name, order) == (own["name"], own["goal"]):
        return find_best(client, sweep)
    runs = list(client.list_runs(sweep))
    best = best_by(runs, name, order)
    if best is None and any(run["summary"] for run in runs):
        Names(runs, metrics_of(found)).check_metric(name)
    return None if best is None else Best(best[0], best[1], name, order)


def _goal(metric: str, goal: str | None, own: Mapping[str, Any] | None, advice: str) -> str:
    if goal is not None:
        return read_goal(goal)
    if own is not None and own["name"] == metric:
        return str(own["goal"])
    of_sweep = f": that of the sweep is for '{own['name']}'" if own else ""
    raise UsageError(f"is a small or a large '{metric}' better? {advice}{of_sweep}")


def find_rows(
    client: Client,
    reference: str,
    keys: Sequence[str] = (),
    samples: int | None = None,
    *,
    is_joined: bool = False,
    notice: Callable[[str], None] = notify,
) -> Iterator[Json]:
    """The logged rows of a run, or of all runs of a sweep, read as they are consumed.

    Args:
        client: Client used for the request.
        reference: A reference to a run or a sweep.
        keys: Only return rows that have one of these metrics, reduced to these; empty for all.
        samples: Approximate number of rows per run, including the extremes; None for all.
        is_joined: Whether to leave out rows that a later attempt logged again.
        notice: Called at the end with a message about keys that no row has.

    Raises:
        UsageError: The reference is invalid, or ``samples`` is below 1.
    """
    if samples is not None and samples < 1:
        raise UsageError(f"{samples} rows of a run are wanted; needs a number of at least 1")
    if is_run(reference):
        runs: Iterator[str] = iter((parse_run(reference)[1],))
    else:
        runs = (run["id"] for run in client.list_runs(reference))
    unseen = set(keys)
    for run in runs:
        for row in rows_of(client, run, keys, samples, is_joined=is_joined):
            if unseen:
                unseen.difference_update(row)
            yield row
    if unseen:
        notice(nowhere_text(reference, unseen))


def nowhere_text(reference: str, keys: Collection[str]) -> str:
    """The error that no row has a requested metric."""
    return f"no row of {reference} has {' or '.join(map(repr, sorted(keys)))}"
