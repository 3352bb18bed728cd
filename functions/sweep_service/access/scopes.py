"""Scopes of callers."""

from __future__ import annotations

from enum import Enum


class Scope(str, Enum):
    """How much a credential allows; each scope includes those before it."""

    READER = "reader"  #: Reads sweeps and runs.
    AGENT = "agent"  #: Also works on runs: asks for them, reports on them and finishes them.
    ADMIN = "admin"  #: Also changes sweeps, and so what agents run, and manages tokens.

    def includes(self, other: Scope) -> bool:
        """Whether this scope allows everything that another one does."""
        order = tuple(Scope)
        return order.index(self) >= order.index(other)
