"""Grid search: every point once, each computed from its index.

Parameters are sorted by path, and the last one varies fastest. Point i is read off the digits of
i in a mixed radix system, whose radices are the numbers of values, so a grid of 10^12 points costs
no more than one of ten.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sweep_service.search import points
from sweep_service.search.offer import first_offer
from sweep_service.search.ordinals import with_first
from sweep_service.search.suggestion import Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.space.search_space import SearchSpace
    from sweep_service.search.offer import Offer


def n_points(space: SearchSpace) -> int:
    """Number of points of the grid; 1 if all parameters are constant."""
    return math.prod(axis.n_values for axis in space.grid)


def point(space: SearchSpace, ordinal: int) -> dict[str, Any]:
    """The config at an ordinal of the grid.

    Raises:
        IndexError: The ordinal is not in [0, n_points).
    """
    if not 0 <= ordinal < n_points(space):
        raise IndexError(f"the grid has {n_points(space)} points, and none is number {ordinal}")
    return points.config_of(space.grid, space, ordinal)


def ordinal_of(space: SearchSpace, config: Mapping[str, Any]) -> int | None:
    """The ordinal of a config, ignoring other keys; None if it is not a point of the grid."""
    return points.number_of(space.grid, space, config)


def ordinals_of(space: SearchSpace, configs: Iterable[Mapping[str, Any]]) -> list[int]:
    """The ordinals of those configs that are points of the grid, in the order of the configs."""
    ordinals = (ordinal_of(space, config) for config in configs)
    return [ordinal for ordinal in ordinals if ordinal is not None]


def suggest(config: SweepConfig, index: int, offer: Offer | None = None) -> Suggestion:
    """The point of the run at ``index``: the start configs first, then the others in order.

    Points that earlier config versions handed out are left out.

    Raises:
        IndexError: The version has no point left for ``index``.
    """
    offer = offer or first_offer(config)
    ordinal = index - offer.base
    if offer.start or offer.taken:
        ordinal = with_first(ordinals_of(config.space, offer.start), ordinal, offer.taken)
    return Suggestion(point(config.space, ordinal))
