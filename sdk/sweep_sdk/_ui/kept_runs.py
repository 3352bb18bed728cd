"""The cached runs of a sweep, with the revisions in which they changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Run = dict[str, Any]

#: States in which a run no longer changes by itself.
_ENDED = frozenset({"finished", "failed", "killed", "deleted"})


@dataclass(frozen=True)
class KeptRuns:
    """Runs of a sweep as last read; immutable.

    Attributes:
        runs: The runs by index.
        changed: The revision in which each run was last found changed, by index.
        revision: Number of reads that have found a change.
        next_index: The first index that has not been read.
    """

    runs: Mapping[int, Run] = field(default_factory=dict)
    changed: Mapping[int, int] = field(default_factory=dict)
    revision: int = 0
    next_index: int = 0

    @property
    def open_indices(self) -> list[int]:
        """Ascending indices of the runs that may still change."""
        return sorted(index for index, run in self.runs.items() if run["state"] not in _ENDED)

    def with_runs(self, found: Iterable[Run]) -> KeptRuns:
        """The cache after some runs were read."""
        revision = self.revision + 1
        new = {run["index"]: run for run in found if self.runs.get(run["index"]) != run}
        if not new:
            return self
        return replace(
            self,
            runs={**self.runs, **new},
            changed={**self.changed, **dict.fromkeys(new, revision)},
            revision=revision,
            next_index=max(self.next_index, max(new) + 1),
        )

    def since(self, revision: int) -> list[Run]:
        """The runs that have changed since a revision, in order of index."""
        return [self.runs[index] for index in sorted(self.runs) if self.changed[index] > revision]

    def counts(self) -> dict[str, int]:
        """Number of runs in each state."""
        counts: dict[str, int] = {}
        for run in self.runs.values():
            counts[run["state"]] = counts.get(run["state"], 0) + 1
        return counts
