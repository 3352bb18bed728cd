"""Explanations for runs that finished without a value of the sweep's metric. Pure."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_MOST_NAMES = 8
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_EXTREMES = (".min", ".max")
NOTHING_LOGGED = (
    'nothing was logged: call run.log(), append lines such as {"loss": 0.3} to the file that'
    " SWEEP_METRICS_FILE names, or let 'metrics_from' take what is printed. A program that is"
    " started through sudo, su, ssh, env -i or in a container loses the SWEEP_* variables that"
    " identify its run"
)


def missing_metric(metric: str, logged: Collection[str], *, is_unmatched: bool = False) -> str:
    """Why a finished run has no value of the metric, and which name may have been meant.

    Args:
        metric: The sweep's metric.
        logged: The names that were logged.
        is_unmatched: Whether a pattern for it has not matched any of the program's output.
    """
    if metric in logged:
        return f"every value of {metric} was NaN or infinite"
    if is_unmatched and not logged:
        return f"nothing was logged, and nothing that was printed matches the pattern of {metric}"
    if not logged:
        return NOTHING_LOGGED.replace('"loss"', json.dumps(metric))
    names = sorted(logged)
    shown = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
    near = nearest(metric, names)
    meant = f"; did you mean {near}?" if near else ""
    pattern = "; nothing that was printed matches its pattern" if is_unmatched else ""
    return f"logged {shown}, not {metric}, the sweep's metric{meant}{pattern}"


def nearest(metric: str, names: Iterable[str]) -> str | None:
    """The name that was most likely meant: equal except for separators and case, or similar."""
    plain = {_plain(name): name for name in names}
    if _plain(metric) in plain:
        return plain[_plain(metric)]
    near = difflib.get_close_matches(_plain(metric), list(plain), n=1, cutoff=0.7)
    return plain[near[0]] if near else None


def runs_without_metric(metric: str | None, runs: Iterable[Mapping[str, Any]]) -> str | None:
    """A message about finished runs without a value of the metric; None if there are none.

    Args:
        metric: The sweep's metric, if it has one.
        runs: The runs as the backend returns them.
    """
    if metric is None:
        return None
    missing = [run for run in runs if run["state"] == "finished" and run["best"] is None]
    if not missing:
        return None
    logged = {name for run in missing for name in run["summary"] if not name.endswith(_EXTREMES)}
    count = "1 finished run has" if len(missing) == 1 else f"{len(missing):,} finished runs have"
    return f"{count} no value of {metric}: {missing_metric(metric, logged)}"


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())
