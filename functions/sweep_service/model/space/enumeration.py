"""The configs of a finite space by number, without a list of them.

Parameters fall into *blocks*: those that are connected by conditions or constraints share one, and
every other parameter is a block of its own. Blocks are independent of each other, so the number of
a config has the places of its blocks as digits in a mixed radix system; they are sorted by the path
of their first parameter, and the last one varies fastest.

Within a block, only the parameters that others depend on (the *controllers*) are enumerated: those
that conditions or constraints mention. Each combination of their values that meets the constraints
determines which of the other parameters of the block are active, and thereby how many configs it
has. A config is found by bisection over these counts, and its place in the opposite way.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from sweep_service.model.space.paths import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.space.distributions import Finite
    from sweep_service.model.space.expressions import Expression
    from sweep_service.model.space.search_space import SearchSpace

#: Maximum number of combinations of the controllers of one block.
MOST_COMBINATIONS = 1_000_000


class TooManyCombinations(ValueError):
    """The controllers of a block have too many combinations; the message names them."""


def to_digits(number: int, radices: Sequence[int]) -> list[int]:
    """The digits of a number in a mixed radix system, the last one least significant."""
    digits = [0] * len(radices)
    for position in range(len(radices) - 1, -1, -1):
        number, digits[position] = divmod(number, radices[position])
    return digits


def from_digits(digits: Sequence[int], radices: Sequence[int]) -> int:
    """The inverse of ``to_digits``."""
    number = 0
    for digit, radix in zip(digits, radices, strict=True):
        number = number * radix + digit
    return number


class Enumeration:
    """All configs of a finite space by number."""

    def __init__(self, space: SearchSpace, distributions: Sequence[Finite]) -> None:
        """Prepare the enumeration.

        Args:
            space: The space.
            distributions: The values of each of its parameters, in order.

        Raises:
            TooManyCombinations: A block has too many of them.
        """
        self._space = space
        self._distributions = distributions
        self._blocks = [_block_of(space, distributions, numbers) for numbers in _components(space)]
        self._radices = [block.n_places for block in self._blocks]
        self.n_points = math.prod(self._radices)

    def config_at(self, number: int) -> dict[str, Any]:
        """The config of a number.

        Raises:
            IndexError: The number is not in [0, n_points).
        """
        if not 0 <= number < self.n_points:
            raise IndexError(f"there are {self.n_points} points, and none is number {number}")
        values: list[Any] = [MISSING] * len(self._distributions)
        for block, place in zip(self._blocks, to_digits(number, self._radices), strict=True):
            for parameter, digit in block.digits_at(place):
                values[parameter] = self._distributions[parameter].value_at(digit)
        return self._space.config(values)

    def number_of(self, config: Mapping[str, Any]) -> int | None:
        """The number of a config; None if it is not a point. Other keys are ignored."""
        values = [parameter.read(config) for parameter in self._space.parameters]
        digits: list[int | None] = []
        active = self._space.active(values)
        for distribution, value, is_active in zip(self._distributions, values, active, strict=True):
            digit = distribution.index_of(value) if is_active else None
            if is_active and digit is None:
                return None
            digits.append(digit)
        places = [block.place_of(digits) for block in self._blocks]
        if any(place is None for place in places):
            return None
        return from_digits([place or 0 for place in places], self._radices)

    def numbers_of(self, configs: Iterable[Mapping[str, Any]]) -> list[int]:
        """The numbers of those configs that are points, in the order of the configs."""
        numbers = map(self.number_of, configs)
        return [number for number in numbers if number is not None]


@dataclass(frozen=True)
class _Single:
    """A block of one parameter without conditions and constraints."""

    number: int
    n_places: int

    def digits_at(self, place: int) -> Iterator[tuple[int, int]]:
        yield self.number, place

    def place_of(self, digits: Sequence[int | None]) -> int | None:
        return digits[self.number]


@dataclass(frozen=True)
class _Block:
    """Parameters that depend on each other.

    Attributes:
        controllers: Those that conditions or constraints mention, in the order of dependence.
        radices: The numbers of their values, plus one for being inactive.
        others: The remaining parameters.
        sizes: The numbers of values of the others.
        codes: The combinations of the controllers, ascending; digits are 0 for an inactive
            parameter, and otherwise one more than the index of its value.
        active: For each combination, which of the others are active.
    """

    controllers: tuple[int, ...]
    radices: tuple[int, ...]
    others: tuple[int, ...]
    sizes: tuple[int, ...]
    codes: Sequence[int]
    active: Sequence[tuple[bool, ...]]

    @cached_property
    def ends(self) -> Sequence[int]:
        """For each combination, how many configs it and all earlier ones have."""
        if not self.others:
            return range(1, len(self.codes) + 1)
        counts = {active: math.prod(self._sizes(active)) for active in set(self.active)}
        return list(accumulate(counts[active] for active in self.active))

    @property
    def n_places(self) -> int:
        return self.ends[-1] if self.ends else 0

    def digits_at(self, place: int) -> Iterator[tuple[int, int]]:
        combination = bisect_right(self.ends, place)
        digits = to_digits(self.codes[combination], self.radices)
        for number, digit in zip(self.controllers, digits, strict=True):
            if digit:
                yield number, digit - 1
        if self.others:
            active = self.active[combination]
            inner = place - (self.ends[combination - 1] if combination else 0)
            chosen = [number for number, is_on in zip(self.others, active, strict=True) if is_on]
            yield from zip(chosen, to_digits(inner, self._sizes(active)), strict=True)

    def place_of(self, digits: Sequence[int | None]) -> int | None:
        found = [digits[number] for number in self.controllers]
        code = from_digits([0 if digit is None else digit + 1 for digit in found], self.radices)
        combination = bisect_left(self.codes, code)
        if combination == len(self.codes) or self.codes[combination] != code:
            return None
        start = self.ends[combination - 1] if combination else 0
        if not self.others:
            return start
        inner = [digit for number in self.others if (digit := digits[number]) is not None]
        return start + from_digits(inner, self._sizes(self.active[combination]))

    def _sizes(self, active: tuple[bool, ...]) -> list[int]:
        return [size for size, is_on in zip(self.sizes, active, strict=True) if is_on]


def _components(space: SearchSpace) -> list[list[int]]:
    """Numbers of the parameters that are connected, each list ascending, by their first."""
    groups = [{number} for number in range(len(space.parameters))]

    def connect(numbers: Sequence[int]) -> None:
        largest = max((groups[number] for number in numbers), key=len)
        for group in [groups[number] for number in numbers]:
            if group is not largest:
                largest |= group
                for number in group:
                    groups[number] = largest

    for number, parameter in enumerate(space.parameters):
        if parameter.when:
            connect([number, *(space.number_at(condition.path) for condition in parameter.when)])
    for constraint in space.constraints:
        connect(space.numbers_in(constraint))
    return sorted(map(sorted, {id(group): group for group in groups}.values()))


def _block_of(
    space: SearchSpace, distributions: Sequence[Finite], numbers: Sequence[int]
) -> _Single | _Block:
    mentioned = {
        space.number_at(condition.path)
        for number in numbers
        for condition in space.parameters[number].when
    }
    constraints = [
        constraint
        for constraint in space.constraints
        if not set(numbers).isdisjoint(space.numbers_in(constraint))
    ]
    for constraint in constraints:
        mentioned.update(space.numbers_in(constraint))
    if not mentioned:
        (number,) = numbers
        return _Single(number, distributions[number].n_values)
    controllers = tuple(number for number in space.order if number in mentioned)
    sizes = [distributions[number].n_values for number in controllers]
    if math.prod(sizes) > MOST_COMBINATIONS:
        names = ", ".join(space.parameters[number].name for number in controllers)
        raise TooManyCombinations(
            f"the parameters that depend on each other ({names}) have {math.prod(sizes):,}"
            f" combinations; at most {MOST_COMBINATIONS:,} can be walked"
        )
    others = tuple(number for number in numbers if number not in mentioned)
    walk = _Walk(space, distributions, controllers, others, constraints)
    walk.go()
    return _Block(
        controllers,
        tuple(size + 1 for size in sizes),
        others,
        tuple(distributions[number].n_values for number in others),
        walk.codes,
        walk.active,
    )


class _Walk:
    """Visits the combinations of the controllers, in ascending order of their codes."""

    def __init__(
        self,
        space: SearchSpace,
        distributions: Sequence[Finite],
        controllers: Sequence[int],
        others: Sequence[int],
        constraints: Sequence[Expression],
    ) -> None:
        self.active: list[tuple[bool, ...]] = []
        self._space = space
        self._controllers = controllers
        self._others = others
        self._choices = [
            [distributions[number].value_at(i) for i in range(distributions[number].n_values)]
            for number in controllers
        ]
        is_small = math.prod(len(choices) + 1 for choices in self._choices) < 2**64
        self.codes: array[int] | list[int] = array("Q") if is_small else []
        self._due = [
            [one for one in constraints if self._last(one) == depth]
            for depth in range(len(controllers))
        ]
        self._values: list[Any] = [MISSING] * len(space.parameters)
        self._named: dict[str, Any] = {}

    def go(self, depth: int = 0, code: int = 0) -> None:
        """Visit all combinations that begin with the values chosen so far."""
        if depth == len(self._controllers):
            self.codes.append(code)
            if self._others:
                active = self._space.active(self._values)
                self.active.append(tuple(active[number] for number in self._others))
            return
        number = self._controllers[depth]
        parameter, choices = self._space.parameters[number], self._choices[depth]
        base = code * (len(choices) + 1)
        if not self._space.active(self._values)[number]:
            self._choose(number, parameter.otherwise)
            if self._is_valid(depth):
                self.go(depth + 1, base)
        else:
            for digit, value in enumerate(choices):
                self._choose(number, value)
                if self._is_valid(depth):
                    self.go(depth + 1, base + digit + 1)
        self._choose(number, MISSING)

    def _choose(self, number: int, value: Any) -> None:
        self._values[number] = value
        parameter = self._space.parameters[number]
        for path in parameter.paths:
            name = ".".join(path)
            if value is MISSING:
                self._named.pop(name, None)
            else:
                self._named[name] = parameter.part(value, path)

    def _is_valid(self, depth: int) -> bool:
        return all(constraint.holds(self._named) for constraint in self._due[depth])

    def _last(self, constraint: Expression) -> int:
        """The depth at which all parameters of a constraint have their values."""
        return max(self._controllers.index(n) for n in self._space.numbers_in(constraint))
