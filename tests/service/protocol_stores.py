"""Pairs of stores of the contract suite, for plays that run on two of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store_kinds import StoreKind

_CONTRACTS = Path(__file__).parents[1] / "contracts"


def other_kinds() -> list[StoreKind]:
    """All kinds of stores but SQLite: moto, and the wire where one is running."""
    if str(_CONTRACTS) not in sys.path:
        sys.path.append(str(_CONTRACTS))
    from store_kinds import KINDS

    return [kind for kind in KINDS if kind.name != "sqlite"]
