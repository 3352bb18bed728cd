"""The maximum number of runs of a sweep, and whether it has ended because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def run_limit(sweep: Mapping[str, Any]) -> int | None:
    """Maximum number of runs that a sweep hands out; None without a limit.

    Args:
        sweep: The sweep as the backend returns it.
    """
    if "limit" in sweep:
        limit: int | None = sweep["limit"]
        return limit
    bounds = (sweep.get("grid_points"), sweep.get("run_cap"))  # of an older backend
    return min((bound for bound in bounds if bound is not None), default=None)


def points_text(sweep: Mapping[str, Any]) -> str | None:
    """A message about a sweep that finished because no points are left; None for others."""
    limit, cap = run_limit(sweep), sweep.get("run_cap")
    if limit is None or sweep.get("grid_points") is None or sweep["state"] != "finished":
        return None
    if sweep["n_handed_out"] < limit or (cap is not None and cap <= limit):
        return None
    text = "every point has been run" + (f", below run_cap {cap:,}" if cap is not None else "")
    again = "" if sweep["method"] == "grid" else "; 'replacement: true' lets points come again"
    return text + again
