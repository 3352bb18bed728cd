"""What a search method is given and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.records import Observation


@dataclass(frozen=True)
class Evidence:
    """What is known of a sweep's runs when bayes is asked.

    Attributes:
        observations: Ended runs.
        pending: Unit vectors, shape (d,), of runs that are being worked on.
    """

    observations: Sequence[Observation] = ()
    pending: Sequence[tuple[float, ...]] = ()


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
