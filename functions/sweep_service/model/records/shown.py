"""What is shown of sweeps and runs, and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Labels:
    """What people call a sweep or a run, and note about it."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    notes: str | None = None


NO_LABELS = Labels()


@dataclass(frozen=True, slots=True)
class Final:
    """What was found when nothing went on any more in a sweep that has ended.

    Attributes:
        change: That of the sweep's status then: with another one this is out of date.
        counts: How many runs are in each state.
        best_index: Of the best run; None without one.
        best: Its value.
    """

    change: int
    counts: Mapping[str, int]
    best_index: int | None = None
    best: float | None = None


@dataclass(frozen=True, slots=True)
class SweepInfo:
    """What is shown of a sweep and decides nothing.

    Attributes:
        final: None while the sweep goes on.
        change: How often the record has been written since it was created; see ``Store.save``.
    """

    labels: Labels = NO_LABELS
    final: Final | None = None
    change: int = 0


NO_INFO = SweepInfo()


@dataclass(frozen=True, slots=True)
class SweepHead:
    """A line of a sweep listing."""

    sweep: str
    project: str
    name: str | None
    created_at: float
