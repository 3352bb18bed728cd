"""The functions of the Python API that read results; ``sweep_sdk`` loads them on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.client import open_client
from sweep_sdk._backend.references import is_run
from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.frames import frame_of, frame_of_runs
from sweep_sdk._results.queries import find_best, find_rows, find_runs, metrics_of
from sweep_sdk._results.selection import selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd


def runs(
    sweep_id: str,
    *,
    where: str | Iterable[str] = (),
    sort: str | Iterable[str] = (),
    top: int | None = None,
    state: str | Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Runs of a sweep: dicts with ``id``, ``state``, ``config``, ``summary``, ``best`` and more.

    ``summary`` has the last value of every metric and, if it was logged more than once,
    ``NAME.min`` and ``NAME.max``; values are numbers, including NaN and infinities. Times are
    seconds since the epoch.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.
        where: Conditions that must hold, such as ``"lr<0.01 and opt=adam"``, or several of them.
            Names are those of parameters, metrics and fields, with a prefix if they are ambiguous:
            ``config.lr``, ``summary.loss``. The sweep's metric means a run's best value.
        sort: Names to sort by, such as ``"lr"`` or ``["-acc", "lr"]``; ``-`` puts the largest
            first.
            Runs without a value come last. By default in order of index.
        top: Maximum number of runs; without ``sort``, the best ones.
        state: Only return runs in this state, or in one of several.

    Raises:
        UsageError: A condition is invalid, or no run has a name in it.
    """
    wanted = selection(where, sort, top, state)
    with open_client() as client:
        return find_runs(client, sweep_id, wanted)


def best(
    sweep_id: str, metric: str | None = None, goal: str | None = None
) -> dict[str, Any] | None:
    """The run with the best value of a metric so far, or None.

    Failed, crashed and pending runs do not count. Running ones only count for the sweep's own
    metric and goal.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.
        metric: Name of the metric; by default the sweep's.
        goal: ``"minimize"`` or ``"maximize"``; required for metrics other than the sweep's.

    Raises:
        UsageError: No run has such a metric, or the goal is missing.
        NotPossible: The sweep has no metric, and none is given.
    """
    with open_client() as client:
        if metric is None and goal is None:
            return client.best_run(sweep_id)
        found = find_best(client, sweep_id, metric, goal)
        return None if found is None else dict(found.run)


def history(
    run_or_sweep: str,
    keys: str | Iterable[str] = (),
    samples: int | None = None,
    *,
    joined: bool = False,
) -> list[dict[str, Any]]:
    """The rows logged by a run, or by all runs of a sweep, in order.

    Each row is a flat dict: ``run``, ``attempt``, ``step``, ``time`` (seconds since the epoch) and
    the metrics by name. A metric with the name of one of these four is called ``metric.NAME``.
    A run that was handed out several times has the rows of all its attempts in sequence.

    Args:
        run_or_sweep: The id of a run or of a sweep.
        keys: Only return rows that have one of these metrics, reduced to these; by default all.
        samples: Approximate number of rows per run, including the best and worst values; by default
            all.
        joined: Whether to join several attempts into one curve: from its first step on, an attempt
            replaces the rows of earlier ones.
    """
    names = [keys] if isinstance(keys, str) else list(keys)
    with open_client() as client:
        return list(find_rows(client, run_or_sweep, names, samples, is_joined=joined))


def frame(
    source: str | Iterable[Mapping[str, Any]],
    *,
    where: str | Iterable[str] = (),
    sort: str | Iterable[str] = (),
    top: int | None = None,
    state: str | Iterable[str] = (),
) -> pd.DataFrame:
    """A pandas data frame of the runs of a sweep, or of what ``runs()`` or ``history()`` returned.

    Runs have the columns ``config.*``, ``summary.*`` and ``attributes.*`` beside their fields; rows
    have a column for each metric. Times are in UTC. The frame of a sweep keeps the sweep in
    ``attrs["sweep"]``, so ``sweep_sdk.plots`` can draw a part of it.

    Args:
        source: ``entity/project/id``, ``project/id`` or ``id`` of a sweep; or runs; or rows.
        where: As for ``runs()``, like the following ones; for the id of a sweep only.
        sort: Names to sort by.
        top: Maximum number of runs.
        state: Only include runs in these states.

    Raises:
        UsageError: pandas is not installed, the id is that of a run, or runs and rows are mixed.
    """
    wanted = selection(where, sort, top, state)
    if not isinstance(source, str):
        if not wanted.is_everything:
            raise UsageError("where, sort, top and state need the id of a sweep")
        return frame_of(source)
    if is_run(source):
        raise UsageError(f"'{source}' is a run: its rows are frame(history('{source}'))")
    with open_client() as client:
        sweep = client.get_sweep(source)
        runs = wanted.of(list(client.list_runs(source)), metrics_of(sweep))
    found = frame_of_runs(runs)
    found.attrs["sweep"] = {name: sweep[name] for name in ("id", "name", "metric", "config")}
    return found
