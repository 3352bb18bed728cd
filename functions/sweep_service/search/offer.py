"""The configs that a version of a sweep's config can hand out, given what earlier ones did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.language.sweep_config import SweepConfig


@dataclass(frozen=True)
class Offer:
    """Where a config version begins, and what is left of it.

    Attributes:
        base: First index of the version.
        start: Configs that are run first and have not been handed out before.
        taken: Numbers, ascending, of the points in the version's own order that were handed out
            before; empty where the space is endless.
    """

    base: int = 0
    start: tuple[Mapping[str, Any], ...] = ()
    taken: tuple[int, ...] = ()


def first_offer(config: SweepConfig) -> Offer:
    """The offer of the first version of a sweep's config: nothing has been handed out."""
    return Offer(start=config.start)
