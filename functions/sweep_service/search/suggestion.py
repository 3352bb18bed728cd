"""Inputs and outputs of a search method."""

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
        unit: Unit vector of its config, shape (d,).
        best: Best reported metric value, finite and in the user's sign; None before the first.
        last: Last reported metric value, likewise.
    """

    index: int
    unit: tuple[float, ...]
    best: float | None = None
    last: float | None = None


@dataclass(frozen=True)
class Evidence:
    """The results that bayes learns from.

    An index below the asking one that is in none of the three belongs to a concurrent ask.

    Attributes:
        observations: Ended runs; those of other sweeps have indices above all of this sweep's runs.
        pending: Runs in progress.
        elsewhere: Indices of runs outside the present space.
    """

    observations: Sequence[Observation] = ()
    pending: Sequence[Pending] = ()
    elsewhere: Collection[int] = ()


@dataclass(frozen=True)
class Suggestion:
    """The config of one run.

    Attributes:
        config: The run config, nested as the parameters are; a copy that the caller may change.
        unit: Unit vector of the config, shape (d,), if the method needs it later; else None.
        record: Reason for the config as JSON, see ``bayes.record``; empty for grid and random.
    """

    config: dict[str, Any]
    unit: tuple[float, ...] | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
