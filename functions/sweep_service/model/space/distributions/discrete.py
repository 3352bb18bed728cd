"""Evenly spaced numbers: uniform integers, and distributions rounded to multiples of q."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, ClassVar

from sweep_service.model.space.distributions.base import (
    LARGEST,
    Continuous,
    Distribution,
    Finite,
    Kind,
    is_number,
)
from sweep_service.model.space.distributions.continuous import Uniform

_SMALLEST_STEP = sys.float_info.min
#: How far from a multiple, in units of q, a number still counts as that multiple.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class IntUniform(Finite):
    """Uniform on the integers low..high, both included."""

    low: int
    high: int

    kind: ClassVar[Kind] = "ordered"

    @property
    def n_values(self) -> int:
        return self.high - self.low + 1

    @property
    def grid(self) -> Finite:
        return self

    def value_at(self, index: int) -> int:
        return self.low + index

    def index_of(self, value: Any) -> int | None:
        if not is_number(value) or value != int(value) or not self.low <= value <= self.high:
            return None
        return int(value) - self.low


@dataclass(frozen=True)
class Steps(Finite):
    """As many values as ``numpy.arange(start, stop, step)``: the grid of q_uniform."""

    start: float
    stop: float
    step: float

    kind: ClassVar[Kind] = "ordered"

    @property
    def n_values(self) -> int:
        """Number of steps, ``stop`` excluded."""
        return math.ceil((self.stop - self.start) / self.step)

    def value_at(self, index: int) -> float:
        """The float nearest to start + index * step as decimals; int when all three are."""
        if isinstance(self.start, int) and isinstance(self.step, int):
            return self.start + index * self.step
        return _nearest(self._decimal_start + index * self._decimal_step)

    def index_of(self, value: Any) -> int | None:
        """The index of the step that the value is, up to rounding."""
        if not is_number(value):
            return None
        position = (value - self.start) / self.step
        index = round(position)
        is_step = abs(position - index) <= _TOLERANCE * max(1, index) and 0 <= index < self.n_values
        return index if is_step else None

    @cached_property
    def _decimal_start(self) -> Fraction:
        return _decimal(self.start)

    @cached_property
    def _decimal_step(self) -> Fraction:
        return _decimal(self.step)


@dataclass(frozen=True)
class Quantized(Finite):
    """round(X / q) * q for a bounded X, with halves rounded to even, clipped to its bounds.

    Under a uniform X, the first and last multiples are less likely than the others: half as
    likely if the bounds are multiples of q themselves.

    Attributes:
        underlying: The distribution of X.
        q: The step, in units of the value. Values are ints if it is an int.
        first: value_at(0) is first * q.
        n_multiples: Number of multiples.
        bounds: Values are clipped to these, because first * q may be rounded across a bound.
        steps: The values that grid search visits; None if it cannot be part of a grid.
    """

    underlying: Continuous
    q: float
    first: int
    n_multiples: int
    bounds: tuple[float, float]
    steps: Steps | None = None

    @property
    def n_values(self) -> int:
        return self.n_multiples

    @property
    def grid(self) -> Finite | None:
        """min, min + q, min + 2 q, ... below max; these need not be multiples of q."""
        return self.steps

    kind: ClassVar[Kind] = "ordered"

    @property
    def is_uniform(self) -> bool:
        """Whether there is only one value."""
        return self.n_values == 1

    def probabilities(self) -> tuple[float, ...]:
        """Probability of each multiple, shape (n_values,)."""
        return self._masses

    @cached_property
    def _masses(self) -> tuple[float, ...]:
        edges = [self._edge(index) for index in range(self.n_values + 1)]
        return tuple(max(right - left, 0.0) for left, right in pairwise(edges))

    def value_at(self, index: int) -> float:
        """The float nearest to (first + index) * q as decimals."""
        return _clipped_multiple(self.first + index, self.q, self.bounds)

    def index_of(self, value: Any) -> int | None:
        """The number of the multiple, counted from the first."""
        multiple = _multiple_of(value, self.q)
        if multiple is None or not 0 <= multiple - self.first < self.n_values:
            return None
        return multiple - self.first

    def to_unit(self, value: Any) -> float:
        """The middle of the value's interval of the CDF, so that a log scale is kept."""
        index = self._index(value)
        return 0.5 * (self._edge(index) + self._edge(index + 1))

    def from_unit(self, unit: float) -> float:
        """The multiple nearest to the quantile."""
        multiple = round(self.underlying.from_unit(unit) / self.q)
        return self.value_at(min(max(multiple - self.first, 0), self.n_values - 1))

    def _edge(self, index: int) -> float:
        """The CDF halfway between multiple ``index`` - 1 and multiple ``index``."""
        if index <= 0 or index >= self.n_values:
            return 0.0 if index <= 0 else 1.0
        x = (self.first + index - 0.5) * self.q
        return self.underlying.to_unit(min(max(x, self.underlying.low), self.underlying.high))


@dataclass(frozen=True)
class QuantizedEndless(Distribution):
    """round(X / q) * q for an unbounded X, which has infinitely many multiples of q."""

    underlying: Continuous
    q: float

    #: Although the values are countable: ``from_unit`` does the rounding.
    kind: ClassVar[Kind] = "continuous"

    def contains(self, value: Any) -> bool:
        """Whether the value is a multiple of q that can be drawn."""
        multiple = _multiple_of(value, self.q)
        return multiple is not None and value >= self.underlying.low

    def to_unit(self, value: Any) -> float:
        """The middle of the value's interval of the CDF."""
        if not self.contains(value):
            raise ValueError(f"{value!r} is not a multiple of {self.q}")
        left, right = (
            self.underlying.to_unit(
                min(max(value + half, self.underlying.low), self.underlying.high)
            )
            for half in (-0.5 * self.q, 0.5 * self.q)
        )
        return 0.5 * (left + right)

    def from_unit(self, unit: float) -> float:
        """The multiple nearest to the quantile."""
        multiple = round(_quotient(self.underlying.from_unit(unit), self.q))
        return _clipped_multiple(multiple, self.q, (self.underlying.low, self.underlying.high))


def quantized(distribution: Continuous, q: float) -> Distribution:
    """The distribution rounded to multiples of ``q`` > 0.

    If no multiple lies within the bounds, the values are the multiples nearest to them, although
    these are out of bounds. This is what W&B's own search does.

    Raises:
        ValueError: The multiples cannot be counted in floats.
    """
    return (
        _bounded(distribution, q) if distribution.is_bounded else QuantizedEndless(distribution, q)
    )


def q_uniform(low: float, high: float, q: float) -> Quantized:
    """A uniform distribution rounded to multiples of ``q``, with the grid that W&B gives it."""
    is_whole = all(isinstance(number, int) for number in (low, high, q))
    start, stop, step = (low, high, q) if is_whole else (float(low), float(high), float(q))
    return replace(_bounded(Uniform(float(low), float(high)), q), steps=Steps(start, stop, step))


def _bounded(distribution: Continuous, q: float) -> Quantized:
    if q < _SMALLEST_STEP or math.isinf(distribution.low / q) or math.isinf(distribution.high / q):
        raise ValueError(f"q = {q} is too small for these bounds; make it larger")
    first = math.ceil(distribution.low / q - _TOLERANCE)
    last = math.floor(distribution.high / q + _TOLERANCE)
    bounds = (distribution.low, distribution.high)
    if first > last:
        first, last = round(distribution.low / q), round(distribution.high / q)
        bounds = (-math.inf, math.inf)
    return Quantized(distribution, q, first, last - first + 1, bounds)


def _multiple_of(value: Any, q: float) -> int | None:
    """The k with value = k * q up to rounding."""
    if not is_number(value):
        return None
    quotient = _quotient(value, q)
    multiple = round(quotient)
    if isinstance(quotient, Fraction):  # so large that every float is a multiple
        return multiple
    is_near = abs(quotient - multiple) <= _TOLERANCE * max(1, abs(multiple))
    return multiple if is_near else None


def _quotient(value: float, q: float) -> float | Fraction:
    """How many times ``q`` goes into a value; exact where a float cannot hold it."""
    quotient = value / q
    return quotient if math.isfinite(quotient) else Fraction(value) / Fraction(q)


def _clipped_multiple(multiple: int, q: float, bounds: tuple[float, float]) -> float:
    """The float nearest to the decimal multiple: 3 * 0.1 is 0.3, as people write it."""
    if isinstance(q, int):
        return _within_floats(multiple, Fraction(q)) * q
    step = _decimal(q)
    return min(max(_nearest(_within_floats(multiple, step) * step), bounds[0]), bounds[1])


def _within_floats(multiple: int, step: Fraction) -> int:
    """The multiple of a step, or the largest that a float can hold."""
    most = int(LARGEST) // step
    return min(max(multiple, -most), most)


@lru_cache
def _decimal(number: float) -> Fraction:
    """The number that the shortest decimal text of a float spells."""
    return Fraction(repr(float(number)))


def _nearest(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return LARGEST if number > 0 else -LARGEST
