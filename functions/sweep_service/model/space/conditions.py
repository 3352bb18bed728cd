"""Conditions: which values another parameter must have for a parameter to be active."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sweep_service.model.space.distributions.base import is_number
from sweep_service.model.space.distributions.categories import identity


@dataclass(frozen=True)
class OneOf:
    """Accepts listed values, which are compared as those of a grid are."""

    values: tuple[Any, ...]

    def accepts(self, value: Any) -> bool:
        """Whether the value is listed."""
        return identity(value) in self._identities

    @cached_property
    def _identities(self) -> frozenset[str]:
        return frozenset(map(identity, self.values))


@dataclass(frozen=True)
class Between:
    """Accepts numbers from ``low`` to ``high``, both included; None means no bound."""

    low: float | None = None
    high: float | None = None

    def accepts(self, value: Any) -> bool:
        """Whether the value is a number within the bounds."""
        return (
            is_number(value)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


@dataclass(frozen=True)
class Condition:
    """What the parameter at ``path`` must be.

    A condition on a parameter that is itself inactive is not met.
    """

    path: tuple[str, ...]
    test: OneOf | Between
