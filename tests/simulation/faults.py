"""How often each kind of fault was injected."""

from __future__ import annotations

from collections import Counter


class Faults:
    """Counts faults, and says which kinds are allowed in this world.

    Attributes:
        n: How often each was injected.
    """

    def __init__(self) -> None:
        self.n: Counter[str] = Counter()

    def count(self, kind: str) -> None:
        """One more of a kind."""
        self.n[kind] += 1
