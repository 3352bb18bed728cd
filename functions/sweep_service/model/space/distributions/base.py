"""The interface of all distributions, and its two families: finite and continuous distributions.

A distribution maps the unit interval onto the values of one parameter, in two ways. ``sample`` is
the inverse CDF, so a uniform random number gives a value with exactly the right distribution.
``from_unit`` and its inverse ``to_unit`` convert the coordinates that search methods work in. The
two maps differ only for weighted categories: in coordinates, all categories have the same width.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

Kind = Literal["continuous", "ordered", "categorical"]

#: Largest finite float. Values of unbounded distributions are clipped to it.
LARGEST = sys.float_info.max
#: ``sample`` and ``from_unit`` of unbounded distributions clip to these (8.2 sigma of a normal).
SMALLEST_UNIT, LARGEST_UNIT = 2.0**-54, 1.0 - 2.0**-53
_RESOLUTION_BITS = 53


def is_number(value: object) -> bool:
    """Whether ``value`` is a finite number that a float can represent; booleans are not numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def bin_of(unit: float, n_bins: int) -> int:
    """Index of the equal-width bin, of ``n_bins``, that contains ``unit``; exact for any n_bins."""
    steps = int(unit * (1 << _RESOLUTION_BITS))
    return min(max((steps * n_bins) >> _RESOLUTION_BITS, 0), n_bins - 1)


def safe_exp(exponent: float) -> float:
    """``exp``, clipped to the largest float."""
    try:
        return math.exp(exponent)
    except OverflowError:
        return LARGEST


class Distribution(ABC):
    """The distribution of one parameter's values; immutable."""

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """How search methods should treat the unit coordinate.

        ``continuous``: real values. ``ordered``: finitely many values with a meaningful order.
        ``categorical``: finitely many values without an order.
        """

    @property
    def n_values(self) -> int | None:
        """Number of values; None if it is infinite."""
        return None

    @property
    def grid(self) -> Finite | None:
        """The values that grid search visits; None if the distribution cannot be part of a grid."""
        return None

    def sample(self, u: float) -> Any:
        """The value at quantile ``u`` in [0, 1): the inverse CDF."""
        return self.from_unit(u)

    @abstractmethod
    def to_unit(self, value: Any) -> float:
        """The coordinate in [0, 1] of a value.

        Raises:
            ValueError: The distribution does not contain the value.
        """

    @abstractmethod
    def from_unit(self, unit: float) -> Any:
        """The value at a coordinate in [0, 1]; ``from_unit(to_unit(x)) == x`` up to rounding."""

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Whether the value can be drawn."""

    def value_at(self, index: int) -> Any:
        """The value at ``index`` of a finite distribution, in [0, n_values).

        Raises:
            TypeError: The number of values is infinite.
        """
        raise TypeError(
            f"{type(self).__name__} has infinitely many values, so none at index {index}"
        )


class Finite(Distribution):
    """Finitely many values, numbered from 0; equally likely unless a subclass says otherwise."""

    @property
    @abstractmethod
    def n_values(self) -> int:
        """Number of values."""

    @abstractmethod
    def value_at(self, index: int) -> Any:
        """The value at ``index``, in [0, n_values)."""

    @abstractmethod
    def index_of(self, value: Any) -> int | None:
        """The index of a value; None when it is not among the values."""

    @property
    def is_uniform(self) -> bool:
        """Whether every value is equally likely."""
        return True

    def probabilities(self) -> tuple[float, ...]:
        """Probability of each value, shape (n_values,)."""
        return (1.0 / self.n_values,) * self.n_values

    def contains(self, value: Any) -> bool:
        """Whether the value is among the values."""
        return self.index_of(value) is not None

    def to_unit(self, value: Any) -> float:
        """The middle of the value's bin."""
        return (self._index(value) + 0.5) / self.n_values

    def from_unit(self, unit: float) -> Any:
        """The value in whose bin the coordinate lies."""
        return self.value_at(bin_of(unit, self.n_values))

    def _index(self, value: Any) -> int:
        index = self.index_of(value)
        if index is None:
            raise ValueError(f"{value!r} is not one of the {self.n_values} values")
        return index


class Continuous(Distribution):
    """A distribution on the reals between ``low`` and ``high``; its coordinate is the CDF."""

    low: float
    high: float
    #: Whether ``low`` and ``high`` are bounds of the distribution itself, not only of floats.
    is_bounded: ClassVar[bool] = True

    @abstractmethod
    def cdf(self, x: float) -> float:
        """Probability of values up to ``x``; ``low`` <= ``x`` <= ``high``."""

    @abstractmethod
    def ppf(self, u: float) -> float:
        """Inverse of ``cdf`` on [0, 1]."""

    kind: ClassVar[Kind] = "continuous"

    def contains(self, value: Any) -> bool:
        """Whether the value is a number within the bounds."""
        return is_number(value) and bool(self.low <= value <= self.high)

    def to_unit(self, value: Any) -> float:
        """The CDF at the value."""
        if not self.contains(value):
            raise ValueError(f"{value!r} is not between {self.low} and {self.high}")
        return min(max(self.cdf(float(value)), 0.0), 1.0)

    def from_unit(self, unit: float) -> float:
        """The quantile, always within the bounds and finite."""
        return min(max(self.ppf(unit), self.low), self.high)
