"""Renews in forked children what they must not share with the parent: locks and connections."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewable(Protocol):
    """An object that a forked child must renew."""

    def renew(self) -> None:
        """Replace everything that belongs to the parent."""


_renewables: weakref.WeakSet[Renewable] = weakref.WeakSet()


def renew_in_children(renewable: Renewable) -> None:
    """Renew ``renewable`` in every process forked from now on, as long as it is referenced."""
    _renewables.add(renewable)


def _renew_all() -> None:
    for renewable in list(_renewables):
        renewable.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
