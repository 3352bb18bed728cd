"""Points that are added to a sweep; ``sweep_sdk`` loads this module on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.answers import warnings_of
from sweep_sdk._backend.client import open_client
from sweep_sdk._process.notices import notify

if TYPE_CHECKING:
    from collections.abc import Iterable


def add(
    sweep_id: str,
    points: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    front: bool = False,
) -> list[dict[str, Any]]:
    """Have configurations handed out next, each exactly once.

    In a finite space, of a grid too, an added point is not handed out again where the search would
    have come to it. Points that were handed out before, or wait already, change nothing.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.
        points: Values of the parameters, nested as they are; one map, or several. What is left out
            is filled in as in ``start``, with a notice on stderr.
        front: Whether they come before points that were added earlier and still wait.

    Returns:
        ``{"id": ..., "config": ...}`` for each point: the run that it will be, unless more is added
        before it. The id is None where the point was handed out before, counts as done or waits
        already.

    Raises:
        InvalidConfig: A configuration is not in the sweep's space; the text names every problem.
        NotPossible: The sweep is canceled, or its run_cap leaves no room.
        NotFound: There is no such sweep.
        BackendUnavailable: The backend is away.
    """
    configs = [points] if isinstance(points, Mapping) else list(points)
    with open_client() as client:
        answer = client.add_points(sweep_id, configs, front=front)
    for warning in warnings_of(answer):
        notify(warning)
    return list(answer["points"])
