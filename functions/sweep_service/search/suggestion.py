"""What a search method is given and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sweep_service.model.records.records import Observation


@dataclass(frozen=True, slots=True)
class Pending:
    """A run that has been handed out and has not ended.

    Attributes:
        unit: Its unit vector, shape (d,).
        best: Best value of the metric that it has reported, in the user's sign; None before any.
        last: The last one likewise; both are finite.
    """

    index: int
    unit: tuple[float, ...]
    best: float | None = None
    last: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What is known of a sweep's runs when bayes is asked.

    An index below the asking one that none of the three holds is being asked for at this moment.

    Attributes:
        observations: Ended runs; those of other sweeps have indices above any own run's.
        pending: Runs that are being worked on.
        elsewhere: Indices of runs that lie outside the space as it is now.
    """

    observations: Sequence[Observation] = ()
    pending: Sequence[Pending] = ()
    elsewhere: Collection[int] = ()


@dataclass(frozen=True)
class Suggestion:
    """The config of one run.

    Attributes:
        config: The run config, nested as the parameters are; the caller's own.
        unit: Its unit vector, shape (d,), where the method needs it later; else None.
        record: Why this config; empty for grid and random.
    """

    config: dict[str, Any]
    unit: tuple[float, ...] | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
