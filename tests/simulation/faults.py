"""Counts the injected faults by kind."""

from __future__ import annotations

from collections import Counter

from simulation.network import FOREIGN, OUTDATED

#: All that is injected, by its kind: a run over many worlds must have had some of each.
KINDS: dict[str, tuple[str, ...]] = {
    "network: delay": ("request late", "answer late"),
    "network: loss": ("request lost", "answer lost", "answer cut"),
    "network: repetition": ("request repeated",),
    "network: reordering": ("request overtaken by a later one",),
    "network: foreign answers": tuple(f"foreign {name}" for name in (*FOREIGN, OUTDATED)),
    "network: silence": ("silence",),
    "network: broken connections": (
        "TLS cut",
        "connection reset",
        "no connection",
        "unreachable",
    ),
    "disk: full or failing": ("disk full", "disk broken"),
    "disk: removed or replaced": (
        "folder removed",
        "database removed",
        "database replaced by an older copy",
    ),
    "disk: power cut": ("power cut", "unsynced data lost", "last line torn"),
    "clocks of agents": ("clock ahead", "clock back", "clock drifting"),
    "clocks of the backend": (
        "backend clock ahead",
        "backend clock back",
        "all backend clocks ahead",
    ),
    "processes: killed": ("agent killed", "program killed", "server killed"),
    "processes: signals": ("agent signalled", "agent signalled twice", "agent warned"),
    "processes: stop and continue": ("agent stopped", "agent suspended", "machine frozen"),
    "processes: several at work": ("several agents of one home", "logged by a worker process"),
    "processes: not started": ("no launches",),
    "machines lost with all that they had": ("machine lost",),
    "credentials and addresses": (
        "credential replaced",
        "started while servers restart",
        "started with a wrong address",
        "for long: proxy 403",
        "for long: gateway 404",
    ),
    "store: calls that fail": ("store in trouble",),
    "operators: states of the sweep": (
        "paused by an operator",
        "running by an operator",
        "finished by an operator",
        "canceled by an operator",
    ),
    "operators: deletion": ("deleted by an operator", "run deleted by an operator"),
    "operators: runs": (
        "run stopped by an operator",
        "run retried by an operator",
        "failed runs retried by an operator",
    ),
    "operators: update": ("updated by an operator", "capped by an operator"),
    "operators: look, sync, clean": (
        "looked at by an operator",
        "sync",
        "cleaned",
        "folder cleaned",
    ),
    "people who ask and tell": ("asked by hand", "reported by command"),
}
FAULTS = tuple(name for names in KINDS.values() for name in names)
_NAMES = frozenset(FAULTS)


class Faults:
    """Counts faults.

    Attributes:
        n: How often each was injected.
    """

    def __init__(self) -> None:
        self.n: Counter[str] = Counter()

    def count(self, fault: str) -> None:
        """One more of a kind.

        Raises:
            KeyError: The table does not name it.
        """
        if fault not in _NAMES:
            raise KeyError(fault)
        self.n[fault] += 1


def table(n: Counter[str]) -> str:
    """How often each fault was injected, one line for each kind."""
    width = max(len(kind) for kind in KINDS)
    return "\n".join(
        f"{kind:{width}}  " + ", ".join(f"{name} {n[name]:,}" for name in names)
        for kind, names in KINDS.items()
    )
