"""How often each kind of fault was injected."""

from __future__ import annotations

from collections import Counter

from simulation.network import TROUBLES

#: All that is injected: the kinds of which a run over many seeds must have had some.
FAULTS = (
    *TROUBLES,
    "silence",
    "unreachable",
    "agent killed",
    "agent signalled",
    "agent signalled twice",
    "agent warned",
    "agent stopped",
    "agent suspended",
    "program killed",
    "no launches",
    "machine frozen",
    "power cut",
    "disk full",
    "disk broken",
    "folder removed",
    "database removed",
    "database replaced by an older copy",
    "clock turned",
    "backend clock turned",
    "server killed",
    "store in trouble",
    "paused by an operator",
    "running by an operator",
    "finished by an operator",
    "canceled by an operator",
    "deleted by an operator",
    "run stopped by an operator",
    "sync",
    "asked by hand",
    "told by command",
    "looked at by an operator",
    "capped by an operator",
    "credential replaced",
    "started while servers restart",
    "started with a wrong address",
    "for long: proxy 403",
    "for long: gateway 404",
    "machine lost",
    "updated by an operator",
    "run retried by an operator",
    "failed runs retried by an operator",
    "run deleted by an operator",
    "cleaned",
    "folder cleaned",
)


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
