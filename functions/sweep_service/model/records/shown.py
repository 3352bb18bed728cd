"""Records about sweeps and runs that are only shown and affect no decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Labels:
    """The name, tags and notes that users gave to a sweep or a run."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    notes: str | None = None


NO_LABELS = Labels()


@dataclass(frozen=True, slots=True)
class Final:
    """The final counts of a sweep that has ended.

    Attributes:
        change: ``change`` of the sweep's status at that time; if it differs, this is outdated.
        counts: Number of runs by state.
        best_index: Index of the best run, if any.
        best: Value of the best run, if any.
    """

    change: int
    counts: Mapping[str, int]
    best_index: int | None = None
    best: float | None = None


@dataclass(frozen=True, slots=True)
class SweepInfo:
    """Information about a sweep that is only shown.

    Attributes:
        final: The final counts of a sweep that has ended, once they are known.
        change: Number of writes since the record was created; see ``Store.save``.
    """

    labels: Labels = NO_LABELS
    final: Final | None = None
    change: int = 0


NO_INFO = SweepInfo()


@dataclass(frozen=True, slots=True)
class SweepHead:
    """An entry of a sweep listing."""

    sweep: str
    project: str
    name: str | None
    created_at: float
