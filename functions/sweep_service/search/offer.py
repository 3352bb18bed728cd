"""Offers: what a config version can hand out, given what earlier versions handed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.language.sweep_config import SweepConfig


@dataclass(frozen=True)
class Offer:
    """The first index of a config version, and what it has to hand out.

    Attributes:
        base: First index of the version.
        start: Configs to run first that have not been handed out before.
        taken: Ascending numbers of the points handed out before, in the version's own order; empty
            if the space is infinite.
        n_added: How many of ``start``, the first ones, people have added.
    """

    base: int = 0
    start: tuple[Mapping[str, Any], ...] = ()
    taken: tuple[int, ...] = ()
    n_added: int = 0


def first_offer(config: SweepConfig) -> Offer:
    """The offer of the first config version, before which nothing has been handed out."""
    return Offer(start=config.start)
