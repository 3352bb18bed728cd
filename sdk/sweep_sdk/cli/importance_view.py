"""The importance of the parameters of a sweep, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk.cli.formats import NOTHING, count_text
from sweep_sdk.cli.space_view import lined_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def importance_lines(found: Mapping[str, Any], metric: str) -> Iterator[str]:
    """Lines about the importance of parameters.

    Args:
        found: The backend's answer.
        metric: Name of the sweep's metric.
    """
    n_runs = count_text(found["n_runs"], "run")
    if all(entry["share"] is None for entry in found["parameters"]):
        yield f"importance of the parameters: not enough runs yet ({n_runs})"
        return
    yield f"importance: share of the variation of {metric} explained by each parameter ({n_runs})"
    pairs = [(entry["name"], _share_text(entry)) for entry in found["parameters"]]
    yield from lined_up(pairs, indent="  ")


def _share_text(entry: Mapping[str, Any]) -> str:
    if entry["share"] is None:
        return f"{NOTHING:>4}  too few runs with different values"
    share = f"{entry['share']:4.0%}"
    return share if entry["clear"] else f"{share}  may be due to chance"
