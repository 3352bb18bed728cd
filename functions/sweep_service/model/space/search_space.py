"""The search space: the parameters of a sweep, and the run configs that consist of them.

A run config nests as the sweep's parameters do. A parameter with conditions is *active* where all
of them are met; elsewhere a config does not have it, or has the constant that the sweep names. The
unit vector of a config, shape (d,), has one coordinate in [0, 1] for each searched parameter; those
of inactive parameters are ``INACTIVE_UNIT``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from sweep_service.model.space.distributions.categories import Categorical, fresh
from sweep_service.model.space.enumeration import Enumeration, TooManyCombinations
from sweep_service.model.space.paths import MISSING, look_up, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sweep_service.model.space.conditions import Condition
    from sweep_service.model.space.distributions import Distribution, Finite
    from sweep_service.model.space.expressions import Expression

#: The coordinate of a parameter that is not active.
INACTIVE_UNIT = 0.5


@dataclass(frozen=True)
class Parameter:
    """One parameter; the ``path`` of a nested parameter has several names.

    Attributes:
        distribution: Its values where it is active.
        when: Its conditions, all of which must be met; it is always active without any.
        otherwise: Its value where it is inactive; ``MISSING`` if configs then lack it.
    """

    path: tuple[str, ...]
    distribution: Distribution
    when: tuple[Condition, ...] = ()
    otherwise: Any = field(default=MISSING, compare=False)

    @property
    def name(self) -> str:
        """The names of the path, joined by dots."""
        return ".".join(self.path)

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """The paths at which a config has its values."""
        return (self.path,)

    @property
    def leaves(self) -> tuple[Parameter, ...]:
        """The parameter itself; those that are zipped one by one."""
        return (self,)

    def read(self, config: Mapping[str, Any]) -> Any:
        """Its value in a config, or ``MISSING``, which no distribution contains."""
        return look_up(config, self.path)

    def write(self, config: dict[str, Any], value: Any) -> None:
        """Set its value in a config."""
        put(config, self.path, value)

    def part(self, value: Any, path: tuple[str, ...]) -> Any:  # noqa: ARG002  only zipped parameters have several paths
        """Of its value, what a config has at ``path``."""
        return value


@dataclass(frozen=True)
class ZippedParameters(Parameter):
    """Parameters whose listed values walk together; a value is the list of theirs.

    Attributes:
        path: That of the first.
        members: The paths of all of them.
    """

    members: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """The names of the members, joined by commas."""
        return ", ".join(map(".".join, self.members))

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """The paths of the members."""
        return self.members

    @property
    def leaves(self) -> tuple[Parameter, ...]:
        """The members, each with its own values."""
        rows = [self.distribution.value_at(i) for i in range(self.distribution.n_values or 0)]
        return tuple(
            Parameter(member, Categorical.of([self.part(row, member) for row in rows]), self.when)
            for member in self.members
        )

    def read(self, config: Mapping[str, Any]) -> Any:
        """The list of the members' values; ``MISSING`` if the config lacks one."""
        values = [look_up(config, member) for member in self.members]
        return MISSING if any(value is MISSING for value in values) else values

    def write(self, config: dict[str, Any], value: Any) -> None:
        """Set the values of the members in a config."""
        for member, part in zip(self.members, value, strict=True):
            put(config, member, part)

    def part(self, value: Any, path: tuple[str, ...]) -> Any:
        """The value of one member."""
        return value[self.members.index(path)]


@dataclass(frozen=True)
class SearchSpace:
    """All parameters of a sweep, sorted by path, level by level.

    Attributes:
        constraints: Expressions that are true of every config.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Expression, ...] = ()

    @classmethod
    def of(
        cls, parameters: Iterable[Parameter], constraints: Iterable[Expression] = ()
    ) -> SearchSpace:
        """The space of parameters given in any order."""
        ordered = sorted(parameters, key=lambda parameter: parameter.path)
        return cls(tuple(ordered), tuple(constraints))

    @cached_property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters with more than one value: the d axes of the unit vector."""
        return tuple(p for p in self.parameters if p.distribution.n_values != 1)

    @property
    def leaves(self) -> tuple[Parameter, ...]:
        """All parameters one by one, those that are zipped with the values of their own."""
        return tuple(leaf for parameter in self.parameters for leaf in parameter.leaves)

    @property
    def searched_leaves(self) -> tuple[Parameter, ...]:
        """The leaves with more than one value."""
        return tuple(leaf for leaf in self.leaves if leaf.distribution.n_values != 1)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every combination of values is a config, and all are different."""
        return not self.constraints and not any(p.when for p in self.parameters)

    @cached_property
    def n_points(self) -> int | None:
        """Number of configs; None if it is infinite, or too large to be counted."""
        points = self.points
        return None if points is None else points.n_points

    @cached_property
    def points(self) -> Enumeration | None:
        """The configs by number; None if they are infinitely many, or too many to be counted."""
        if any(p.distribution.n_values is None for p in self.parameters):
            return None
        try:
            return Enumeration(self, [cast("Finite", p.distribution) for p in self.parameters])
        except TooManyCombinations:
            return None

    @cached_property
    def grid(self) -> Enumeration:
        """The configs that grid search visits, by number.

        Raises:
            ValueError: A parameter cannot be part of a grid, or there are too many combinations.
        """
        return Enumeration(self, self.grid_axes)

    @cached_property
    def grid_axes(self) -> tuple[Finite, ...]:
        """The values that grid search visits, for each parameter, in order.

        Raises:
            ValueError: A parameter cannot be part of a grid.
        """
        axes = []
        for parameter in self.parameters:
            axis = parameter.distribution.grid
            if axis is None:
                raise ValueError(f"parameter '{parameter.name}' cannot be part of a grid")
            axes.append(axis)
        return tuple(axes)

    def sample(self, uniforms: Sequence[float]) -> dict[str, Any]:
        """The config at quantiles, shape (d,), of the searched parameters' distributions."""
        remaining = iter(uniforms)
        return self.config(
            [
                distribution.sample(next(remaining)) if is_searched else distribution.value_at(0)
                for distribution, is_searched in self._distributions
            ]
        )

    def from_unit(self, unit: Sequence[float]) -> dict[str, Any]:
        """The config at a unit vector, shape (d,)."""
        remaining = iter(unit)
        return self.config(
            [
                distribution.from_unit(next(remaining)) if is_searched else distribution.value_at(0)
                for distribution, is_searched in self._distributions
            ]
        )

    def to_unit(self, config: Mapping[str, Any]) -> tuple[float, ...]:
        """The unit vector, shape (d,), of a config; keys that are not parameters are ignored.

        Raises:
            ValueError: Names the parameter that the config lacks, or whose value is outside.
        """
        values = [parameter.read(config) for parameter in self.parameters]
        return tuple(
            _unit(parameter, value) if is_active else INACTIVE_UNIT
            for parameter, value, is_active in zip(
                self.parameters, values, self.active(values), strict=True
            )
            if parameter.distribution.n_values != 1
        )

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Whether every active parameter has a valid value, and all constraints are met."""
        try:
            self.check_contains(config, is_grid=False)
        except ValueError:
            return False
        return True

    def completed(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The active parameters of a config and all single-valued ones, without other keys."""
        values = [parameter.read(config) for parameter in self.parameters]
        return self.config(
            [
                parameter.distribution.value_at(0)
                if value is MISSING and parameter.distribution.n_values == 1
                else value
                for parameter, value in zip(self.parameters, values, strict=True)
            ]
        )

    def check_contains(self, config: Mapping[str, Any], *, is_grid: bool) -> None:
        """Check that every active parameter has a valid value; other keys are ignored.

        Args:
            config: The config of a run.
            is_grid: Whether the config must be a point of the grid.

        Raises:
            ValueError: Names the parameter that the config lacks or whose value is outside, or the
                constraint that is not met.
        """
        distributions = self.grid_axes if is_grid else [p.distribution for p in self.parameters]
        values = [parameter.read(config) for parameter in self.parameters]
        active = self.active(values)
        for number, parameter in enumerate(self.parameters):
            value = values[number]
            if not active[number]:
                continue
            if value is MISSING:
                raise ValueError(f"parameter '{parameter.name}' is missing")
            if not distributions[number].contains(value):
                raise ValueError(
                    f"parameter '{parameter.name}': {value!r} is not one of its values"
                )
        violated = self.violated(self.config(values))
        if violated is not None:
            raise ValueError(f"the constraint '{violated.text}' is not met")

    def violated(self, config: Mapping[str, Any]) -> Expression | None:
        """The first constraint that a config of this space does not meet; None if it meets all."""
        if not self.constraints:
            return None
        values = self.constrained(config)
        return next((one for one in self.constraints if not one.holds(values)), None)

    def constrained(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The values in a config that constraints mention, by name."""
        found = {name: look_up(config, path) for name, path in self._constrained.items()}
        return {name: value for name, value in found.items() if value is not MISSING}

    def config(self, values: Sequence[Any]) -> dict[str, Any]:
        """The config with the given values, one for each parameter, in order.

        Values of inactive parameters are replaced by the constants of these, or left out; so are
        values that are ``MISSING``.
        """
        config: dict[str, Any] = {}
        active = self.active(values)
        for parameter, value, is_active in zip(self.parameters, values, active, strict=True):
            given = value if is_active else fresh(parameter.otherwise)
            if given is not MISSING:
                parameter.write(config, given)
        return config

    def active(self, values: Sequence[Any]) -> Sequence[bool]:
        """Which parameters are active, given a value (or ``MISSING``) for each."""
        if not self._conditional:
            return self._all_active
        active = [True] * len(self.parameters)
        for number, conditions in self._conditional:
            active[number] = all(
                active[controller]
                and values[controller] is not MISSING
                and condition.test.accepts(
                    self.parameters[controller].part(values[controller], condition.path)
                )
                for controller, condition in conditions
            )
        return active

    def number_at(self, path: tuple[str, ...]) -> int:
        """The number, in order, of the parameter that has its value at ``path``.

        Raises:
            KeyError: No parameter has.
        """
        return self._numbers[path]

    def numbers_in(self, constraint: Expression) -> tuple[int, ...]:
        """The numbers of the parameters that a constraint mentions."""
        return tuple(self.number_at(self._constrained[name]) for name in constraint.names)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The numbers of all parameters, each after those that its conditions mention.

        Raises:
            ValueError: The conditions go round in a circle.
        """
        remaining = {
            number: {self.number_at(condition.path) for condition in parameter.when}
            for number, parameter in enumerate(self.parameters)
        }
        order: list[int] = []
        while remaining:
            ready = next((n for n, needs in remaining.items() if needs.isdisjoint(remaining)), None)
            if ready is None:
                names = ", ".join(self.parameters[number].name for number in remaining)
                raise ValueError(f"the conditions of {names} depend on each other in a circle")
            order.append(ready)
            del remaining[ready]
        return tuple(order)

    @cached_property
    def _conditional(self) -> tuple[tuple[int, tuple[tuple[int, Condition], ...]], ...]:
        """Numbers of the conditional parameters, in order, with their resolved conditions."""
        if not any(parameter.when for parameter in self.parameters):
            return ()
        return tuple(
            (number, tuple((self.number_at(c.path), c) for c in self.parameters[number].when))
            for number in self.order
            if self.parameters[number].when
        )

    @cached_property
    def _all_active(self) -> tuple[bool, ...]:
        return (True,) * len(self.parameters)

    @cached_property
    def _numbers(self) -> dict[tuple[str, ...], int]:
        return {
            path: number
            for number, parameter in enumerate(self.parameters)
            for path in parameter.paths
        }

    @cached_property
    def _constrained(self) -> dict[str, tuple[str, ...]]:
        """The paths of the parameters that constraints mention, by name."""
        mentioned = {name for constraint in self.constraints for name in constraint.names}
        return {".".join(path): path for path in self._numbers if ".".join(path) in mentioned}

    @cached_property
    def _distributions(self) -> tuple[tuple[Distribution, bool], ...]:
        """The distribution of each parameter, and whether it is searched."""
        return tuple((p.distribution, p.distribution.n_values != 1) for p in self.parameters)


def _unit(parameter: Parameter, value: Any) -> float:
    if value is MISSING:
        raise ValueError(f"parameter '{parameter.name}' is missing")
    try:
        return parameter.distribution.to_unit(value)
    except ValueError as error:
        raise ValueError(f"parameter '{parameter.name}': {error}") from None
