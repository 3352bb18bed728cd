"""Reads the curves of any number of runs in several requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sweep_sdk._backend.client import Client
    from sweep_service.wire.curves import Curve

_RUNS_A_REQUEST = 100


def find_curves(
    client: Client, sweep: str, indices: Sequence[int], metric: str | None = None, points: int = 200
) -> Iterator[Curve]:
    """The curves of a metric, including empty ones; read lazily.

    Args:
        client: Client used for the requests.
        sweep: A reference to the sweep.
        indices: Indices of the runs, any number.
        metric: Name of the metric; by default the sweep's own.
        points: Approximate number of points per run.
    """
    waiting = list(indices)
    while waiting:
        asked, waiting = waiting[:_RUNS_A_REQUEST], waiting[_RUNS_A_REQUEST:]
        found = client.curves(sweep, asked, metric, points=points)
        yield from found.runs
        waiting = [*found.left_out, *waiting]
