"""Parameters with listed values: constant, categorical, weighted categorical."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from sweep_service.model.space.distributions.base import Finite, Kind, bin_of, is_number

if TYPE_CHECKING:
    from collections.abc import Sequence


_INFINITIES = (math.inf, -math.inf)


def identity(value: Any) -> str:
    """A text that is equal for two JSON values if and only if a grid treats them as one value.

    1 and 1.0 are one value, True and 1 are two, and objects are equal whatever the order of
    their keys; within lists and objects 1 and 1.0 differ, as in the reference engine.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, default=_no_json)


def _no_json(value: object) -> list[str]:
    return ["no JSON value", type(value).__name__]


def fresh(value: Any) -> Any:
    """A copy of a JSON value that shares no list or object with it."""
    if isinstance(value, list):
        return [fresh(item) for item in value]
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    return value


@dataclass(frozen=True)
class Constant(Finite):
    """One value of any type."""

    value: Any

    kind: ClassVar[Kind] = "categorical"
    n_values: ClassVar[int] = 1

    @property
    def grid(self) -> Finite:
        return self

    def value_at(self, index: int) -> Any:
        """The value, a fresh copy."""
        if index != 0:
            raise IndexError(f"a constant has no value at index {index}")
        return fresh(self.value)

    def index_of(self, value: Any) -> int | None:
        return 0 if identity(value) == identity(self.value) else None


@dataclass(frozen=True)
class Categorical(Finite):
    """Listed values.

    Attributes:
        values: Distinct by ``identity``, in the author's order.
        weights: Probabilities (sum 1), shape (n_values,); None when all are equally likely.
        is_weighted: Whether the author gave the probabilities (repeated values give some too).
    """

    values: tuple[Any, ...]
    weights: tuple[float, ...] | None = None
    is_weighted: bool = False

    @classmethod
    def of(cls, values: Sequence[Any], probabilities: Sequence[float] | None = None) -> Categorical:
        """From listed values, without repeated values and those with probability 0.

        Without probabilities, a value that is listed k times is k times as likely as one that is
        listed once.
        """
        masses = probabilities if probabilities is not None else [1.0] * len(values)
        first: dict[str, Any] = {}
        mass: dict[str, float] = {}
        for value, weight in zip(values, masses, strict=True):
            if weight > 0:
                key = identity(value)
                first.setdefault(key, value)
                mass[key] = mass.get(key, 0.0) + weight
        total = sum(mass.values())
        is_even = len(set(mass.values())) == 1
        weights = None if is_even else tuple(weight / total for weight in mass.values())
        return cls(tuple(first.values()), weights, probabilities is not None)

    @property
    def kind(self) -> Kind:
        """``ordered`` for numbers listed in increasing or decreasing order, infinities included."""
        return self._kind

    @cached_property
    def _kind(self) -> Kind:
        if not all(is_number(value) or value in _INFINITIES for value in self.values):
            return "categorical"
        pairs = list(pairwise(self.values))
        is_monotone = all(a < b for a, b in pairs) or all(a > b for a, b in pairs)
        return "ordered" if is_monotone else "categorical"

    @property
    def n_values(self) -> int:
        return len(self.values)

    @property
    def grid(self) -> Finite | None:
        """Itself, unless the author gave probabilities."""
        return None if self.is_weighted else self

    @property
    def is_uniform(self) -> bool:
        return self.weights is None

    def probabilities(self) -> tuple[float, ...]:
        return self.weights if self.weights is not None else super().probabilities()

    def sample(self, u: float) -> Any:
        """The value at quantile ``u`` in [0, 1), of which each value takes up its probability."""
        if self.weights is None:
            return self.value_at(bin_of(u, len(self.values)))
        index = bisect_right(self._cumulated, u)
        return self.value_at(min(index, len(self.values) - 1))

    def value_at(self, index: int) -> Any:
        """The value at ``index``, a fresh copy."""
        value = self.values[index]
        return fresh(value) if isinstance(value, (list, dict)) else value

    def index_of(self, value: Any) -> int | None:
        """The index of the value among the distinct values; None if it is not one of them."""
        return self._indices.get(identity(value))

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {identity(value): index for index, value in enumerate(self.values)}

    @cached_property
    def _cumulated(self) -> list[float]:
        return list(accumulate(self.probabilities()))
