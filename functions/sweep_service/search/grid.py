"""Grid search: every point once, each computed from its index.

Parameters are sorted by path, and the last one varies fastest. Points are computed from their
numbers (see ``model.space.enumeration``), so a grid of 10^12 points costs no more than one of ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.search.offer import first_offer
from sweep_service.search.ordinals import with_first
from sweep_service.search.suggestion import Suggestion

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.search.offer import Offer


def suggest(config: SweepConfig, index: int, offer: Offer | None = None) -> Suggestion:
    """The point of the run at ``index``: the start configs first, then the others in order.

    Points that earlier config versions handed out are left out.

    Raises:
        IndexError: The version has no point left for ``index``.
    """
    offer = offer or first_offer(config)
    ordinal = index - offer.base
    if offer.start or offer.taken:
        ordinal = with_first(config.space.grid.numbers_of(offer.start), ordinal, offer.taken)
    return Suggestion(config.space.grid.config_at(ordinal))
