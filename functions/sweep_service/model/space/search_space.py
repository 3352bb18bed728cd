"""The search space: the parameters of a sweep, and the run configs that consist of them.

A run config nests as the sweep's parameters do. The unit vector of a config, shape (d,), has one
coordinate in [0, 1] for each searched parameter.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sweep_service.model.space.distributions import identity

if TYPE_CHECKING:
    from sweep_service.model.space.distributions import Distribution, Finite

#: Represents the absence of a value; null is a value.
MISSING = object()


@dataclass(frozen=True)
class Parameter:
    """One parameter; the ``path`` of a nested parameter has several names."""

    path: tuple[str, ...]
    distribution: Distribution

    @property
    def name(self) -> str:
        """The names of the path, joined by dots."""
        return ".".join(self.path)


@dataclass(frozen=True)
class SearchSpace:
    """All parameters of a sweep, sorted by path, level by level."""

    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> SearchSpace:
        """The space of parameters given in any order."""
        return cls(tuple(sorted(parameters, key=lambda parameter: parameter.path)))

    @cached_property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters with more than one value: the d axes of the unit vector."""
        return tuple(p for p in self.parameters if p.distribution.n_values != 1)

    @cached_property
    def n_points(self) -> int | None:
        """Number of configs; None if it is infinite."""
        counts = [p.distribution.n_values for p in self.parameters]
        finite = [count for count in counts if count is not None]
        return math.prod(finite) if len(finite) == len(counts) else None

    def sample(self, uniforms: Sequence[float]) -> dict[str, Any]:
        """The config at quantiles, shape (d,), of the searched parameters' distributions."""
        remaining = iter(uniforms)
        return self.config(
            distribution.sample(next(remaining)) if is_searched else distribution.value_at(0)
            for distribution, is_searched in self._distributions
        )

    def from_unit(self, unit: Sequence[float]) -> dict[str, Any]:
        """The config at a unit vector, shape (d,)."""
        remaining = iter(unit)
        return self.config(
            distribution.from_unit(next(remaining)) if is_searched else distribution.value_at(0)
            for distribution, is_searched in self._distributions
        )

    def to_unit(self, config: Mapping[str, Any]) -> tuple[float, ...]:
        """The unit vector, shape (d,), of a config; keys that are not parameters are ignored.

        Raises:
            ValueError: Names the parameter that the config lacks, or whose value is outside.
        """
        return tuple(_unit(parameter, config) for parameter in self.searched)

    def key(self, config: Mapping[str, Any]) -> str:
        """A text that is the same for configs with the same values, and for no others."""
        values = (look_up(config, parameter.path) for parameter in self.searched)
        return json.dumps([identity(value) for value in values])

    def contains(self, config: Mapping[str, Any]) -> bool:
        """Whether every parameter has a valid value; other keys are ignored."""
        return all(p.distribution.contains(look_up(config, p.path)) for p in self.parameters)

    def completed(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a config and all single-valued parameters, without other keys."""
        full: dict[str, Any] = {}
        for parameter in self.parameters:
            value = look_up(config, parameter.path)
            if value is MISSING and parameter.distribution.n_values == 1:
                value = parameter.distribution.value_at(0)
            if value is not MISSING:
                _put(full, parameter.path, value)
        return full

    def check_contains(self, config: Mapping[str, Any], *, is_grid: bool) -> None:
        """Check that every parameter has a valid value; other keys are ignored.

        Args:
            config: The config of a run.
            is_grid: Whether the config must be a point of the grid.

        Raises:
            ValueError: Names the parameter that the config lacks, or whose value is outside.
        """
        distributions = self.grid if is_grid else [p.distribution for p in self.parameters]
        for parameter, distribution in zip(self.parameters, distributions, strict=True):
            value = look_up(config, parameter.path)
            if value is MISSING:
                raise ValueError(f"parameter '{parameter.name}' is missing")
            if not distribution.contains(value):
                raise ValueError(
                    f"parameter '{parameter.name}': {value!r} is not one of its values"
                )

    def config(self, values: Iterable[Any]) -> dict[str, Any]:
        """The config with the given values, one for each parameter, in order."""
        config: dict[str, Any] = {}
        for parameter, value in zip(self.parameters, values, strict=True):
            _put(config, parameter.path, value)
        return config

    @cached_property
    def _distributions(self) -> tuple[tuple[Distribution, bool], ...]:
        """The distribution of each parameter, and whether it is searched."""
        return tuple((p.distribution, p.distribution.n_values != 1) for p in self.parameters)

    @cached_property
    def grid(self) -> tuple[Finite, ...]:
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


def look_up(config: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path of a config, or ``MISSING``, which no distribution contains."""
    node: Any = config
    for name in path:
        if not isinstance(node, Mapping) or name not in node:
            return MISSING
        node = node[name]
    return node


def _put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set the value at a path of a config."""
    node = config
    for name in path[:-1]:
        node = node.setdefault(name, {})
    node[path[-1]] = value


def _unit(parameter: Parameter, config: Mapping[str, Any]) -> float:
    value = look_up(config, parameter.path)
    if value is MISSING:
        raise ValueError(f"parameter '{parameter.name}' is missing")
    try:
        return parameter.distribution.to_unit(value)
    except ValueError as error:
        raise ValueError(f"parameter '{parameter.name}': {error}") from None
