"""Points to add to a sweep, from a table or from the best runs of another sweep."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.importing import config_of, flat, parameters_of
from sweep_sdk._results.order import best_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_sdk._backend.client import Client

    Json = dict[str, Any]


def points_of(
    rows: Sequence[Mapping[str, Any]], sweep: Mapping[str, Any]
) -> tuple[list[Json], list[str]]:
    """The configurations in rows, and the names of columns that are not parameters.

    Args:
        rows: Values by names of parameters, dotted if nested; texts as in a CSV file.
        sweep: The sweep as the backend returns it.
    """
    parameters = parameters_of(sweep)
    table = [flat(row, parameters) for row in rows]
    others = dict.fromkeys(name for row in table for name in row if name not in parameters)
    return [config_of(row, parameters) for row in table], list(others)


def best_configs(client: Client, sweep: str, count: int) -> list[Json]:
    """The configurations of the best runs of a sweep, best first.

    Raises:
        UsageError: The sweep has no metric, or no run has a value of it.
    """
    found = client.get_sweep(sweep, survey=False)
    if found["metric"] is None:
        raise UsageError(f"sweep {found['id']} has no metric, so none of its runs is best")
    runs = [run for run in client.list_runs(sweep) if _has_value(run)]
    goals = {found["id"]: found["metric"].get("goal", "minimize")}
    best = [run["config"] for run in best_first(runs, goals)[:count]]
    if not best:
        raise UsageError(f"no run of sweep {found['id']} has a value of its metric yet")
    return best


def _has_value(run: Mapping[str, Any]) -> bool:
    value = run["best"]
    is_over = run["ended_at"] is not None and run["state"] in ("finished", "killed")
    return is_over and isinstance(value, (int, float)) and math.isfinite(value)
