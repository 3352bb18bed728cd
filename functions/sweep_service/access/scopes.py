"""What a caller may do."""

from __future__ import annotations

from enum import Enum


class Scope(str, Enum):
    """How much a credential allows; each scope includes those before it."""

    READER = "reader"  #: looks at sweeps and runs
    AGENT = "agent"  #: also works on runs: asks for them, reports on them and ends them
    ADMIN = "admin"  #: also decides what agents run, and who may do what

    def includes(self, other: Scope) -> bool:
        """Whether this scope allows all that another one does."""
        order = tuple(Scope)
        return order.index(self) >= order.index(other)
