"""Conditions and constraints of a space, on arrays of unit vectors.

The coordinate of an inactive axis is that of the centre, and it differs from an active one by a
fixed amount in a direction of its own: ``axes`` adds that to the squared difference. An inactive
parameter is thereby as far from every value of it as values are from each other, and two configs
without it are alike in it, whatever its coordinate. This is the embedding of conditional parameters
of the reference, flattened.

References:
    Swersky et al. (2013), Raiders of the lost architecture: kernels for Bayesian optimization in
        conditional parameter spaces, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sweep_service.model.space.search_space import INACTIVE_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from sweep_service.model.space.conditions import Condition
    from sweep_service.model.space.search_space import SearchSpace
    from sweep_service.search.bayes.arrays import Bools, Floats
    from sweep_service.search.bayes.axes import Axis

#: Finite axes with up to this many values have a table of those that a condition accepts.
_LARGEST_TABLE = 4_096


class Structure:
    """Evaluates the conditions and constraints of a space."""

    def __init__(self, space: SearchSpace, axes: tuple[Axis, ...]) -> None:
        """Prepare the conditions.

        Args:
            space: The space.
            axes: One for each of its searched parameters.
        """
        self._space = space
        columns = [n for n, p in enumerate(space.parameters) if p.distribution.n_values != 1]
        self._column = {number: column for column, number in enumerate(columns)}
        self._conditional = [
            (number, [self._condition(axes, condition) for condition in parameter.when])
            for number in space.order
            if (parameter := space.parameters[number]).when
        ]

    def active(self, unit: Floats) -> Bools:
        """Which axes are active at snapped configurations (m, d), shape (m, d)."""
        active = np.ones(unit.shape, dtype=bool)
        of_number: dict[int, Bools] = {}
        for number, conditions in self._conditional:
            is_on = np.ones(len(unit), dtype=bool)
            for controller, accepts in conditions:
                is_on &= accepts(unit)
                if controller in of_number:
                    is_on &= of_number[controller]
            of_number[number] = is_on
            if number in self._column:
                active[:, self._column[number]] = is_on
        return active

    def settled(self, unit: Floats) -> Floats:
        """Snapped configurations with the coordinates of inactive axes at the centre."""
        return np.where(self.active(unit), unit, INACTIVE_UNIT)

    def filled(self, unit: Floats, rng: Generator) -> Floats:
        """Configurations with random coordinates on inactive axes, should these become active."""
        return np.where(self.active(unit), unit, rng.random(unit.shape))

    def are_valid(self, unit: Floats) -> Bools:
        """Which configurations (m, d) meet the constraints, shape (m,)."""
        space = self._space
        if not space.constraints:
            return np.ones(len(unit), dtype=bool)
        configs = (space.from_unit(row) for row in unit.tolist())
        return np.array([space.violated(config) is None for config in configs], dtype=bool)

    def _condition(
        self, axes: tuple[Axis, ...], condition: Condition
    ) -> tuple[int, Callable[[Floats], Bools]]:
        """The number of the controller, and which configurations have an accepted value of it."""
        number = self._space.number_at(condition.path)
        parameter = self._space.parameters[number]
        distribution = parameter.distribution

        def accepts(coordinate: float) -> bool:
            value: Any = parameter.part(distribution.from_unit(coordinate), condition.path)
            return condition.test.accepts(value)

        column = self._column.get(number)
        if column is None:
            is_met = accepts(INACTIVE_UNIT)
            return number, lambda unit: np.full(len(unit), is_met)
        axis = axes[column]
        if axis.n_values is not None and axis.n_values <= _LARGEST_TABLE:
            coordinates = axis.at(np.arange(axis.n_values))
            table = np.array([accepts(float(coordinate)) for coordinate in coordinates])
            return number, lambda unit: table[axis.index_of(unit[:, column])]
        return number, lambda unit: np.array([accepts(u) for u in unit[:, column].tolist()], bool)
