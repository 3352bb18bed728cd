"""The axes of the model's unit cube: continuous, ordered or categorical.

| symbol | shape  | meaning                                       |
|--------|--------|-----------------------------------------------|
| d      |        | searched parameters, one axis each            |
| unit   | (m, d) | configurations encoded into [0, 1]            |
| c      |        | continuous axes                               |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from sweep_service.search.bayes.arrays import Bools, Floats, Integers
    from sweep_service.search.bayes.structure import Structure


#: Distance between categories: slightly more than between two random numbers, so that under the
#: same prior a run is as informative about other categories as about other numbers.
_CATEGORIES_APART = 0.5


@dataclass(frozen=True)
class Axis:
    """One searched parameter.

    Attributes:
        n_values: Number of values; None if it is continuous.
        is_categorical: Whether the values have no order.
        positions: Ascending unit coordinates of the values, shape (n_values,); None if these are
            the centres of equal bins.
    """

    n_values: int | None = None
    is_categorical: bool = False
    positions: tuple[float, ...] | None = None

    def snap(self, column: Floats) -> Floats:
        """The nearest value's coordinate, for coordinates in [0, 1] of any shape."""
        return column if self.n_values is None else self.at(self.index_of(column))

    def index_of(self, column: Floats) -> Integers:
        """Index of the nearest value of a finite axis."""
        n_values = self.n_values or 1
        if self.positions is None:
            return np.minimum((column * n_values).astype(np.intp), n_values - 1)
        return np.searchsorted(self._midpoints, column)

    def at(self, indices: Integers) -> Floats:
        """Coordinates of the values at ``indices`` of a finite axis."""
        if self.positions is None:
            return (indices + 0.5) / (self.n_values or 1)
        return np.array(self.positions)[indices]

    @cached_property
    def _midpoints(self) -> Floats:
        positions = np.array(self.positions)
        midpoints: Floats = (positions[1:] + positions[:-1]) / 2
        return midpoints


class Axes:
    """All axes of a search space.

    Attributes:
        structure: What connects them; None if they are independent.
    """

    def __init__(self, axes: tuple[Axis, ...], structure: Structure | None = None) -> None:
        self._axes = axes
        self.structure = structure
        self.is_continuous: Bools = np.array([axis.n_values is None for axis in axes], dtype=bool)
        self.is_categorical: Bools = np.array([axis.is_categorical for axis in axes], dtype=bool)

    def __len__(self) -> int:
        return len(self._axes)

    def __iter__(self) -> Iterator[Axis]:
        return iter(self._axes)

    @property
    def n_points(self) -> float:
        """Upper bound of the number of configurations; infinite if there is a continuous axis."""
        return math.prod(
            math.inf if axis.n_values is None else axis.n_values for axis in self._axes
        )

    def snap(self, unit: Floats) -> Floats:
        """The nearest valid configurations, shape (m, d)."""
        snapped = np.clip(unit, 0.0, 1.0)
        for j in np.flatnonzero(~self.is_continuous):
            snapped[:, j] = self._axes[j].snap(snapped[:, j])
        return self.settled(snapped)

    def settled(self, snapped: Floats) -> Floats:
        """Snapped configurations with inactive axes at the centre, shape (m, d)."""
        return snapped if self.structure is None else self.structure.settled(snapped)

    def filled(self, snapped: Floats, rng: Generator) -> Floats:
        """Snapped configurations with random coordinates on inactive axes, shape (m, d)."""
        return snapped if self.structure is None else self.structure.filled(snapped, rng)

    def valid(self, unit: Floats) -> Floats:
        """Those of the configurations (m, d) that meet the constraints, shape (k, d)."""
        return unit if self.structure is None else unit[self.structure.are_valid(unit)]

    def all_points(self) -> Floats:
        """Every configuration of a finite space, shape (k, d); k is n_points at most."""
        columns = [axis.at(np.arange(axis.n_values or 0)) for axis in self._axes]
        mesh = np.meshgrid(*columns, indexing="ij")
        points = np.stack([column.ravel() for column in mesh], axis=1)
        if self.structure is None:
            return points
        return self.valid(np.unique(self.structure.settled(points), axis=0))

    def squared_differences(self, a: Floats, b: Floats) -> Floats:
        """Squared differences per axis between configurations (m, d) and (n, d), shape (d, m * n).

        Different categories lie half the cube's side apart, and so do an active and an inactive
        parameter.
        """
        squares: Floats = a.T[:, :, None] - b.T[:, None, :]
        squares *= squares
        for j in np.flatnonzero(self.is_categorical):
            squares[j] = (squares[j] > 0) * _CATEGORIES_APART**2
        if self.structure is not None:
            active_a, active_b = self.structure.active(a), self.structure.active(b)
            differs = active_a.T[:, :, None] != active_b.T[:, None, :]
            apart = differs * _CATEGORIES_APART**2
            is_categorical = self.is_categorical[:, None, None]
            squares = np.where(is_categorical & differs, 0.0, squares) + apart
        return squares.reshape(len(self), -1)

    def squared_distances(self, a: Floats, b: Floats, length_scales: Floats) -> Floats:
        """Squared distances in length scales between configurations (m, d) and (n, d), (m, n)."""
        if self.structure is not None:
            total: Floats = np.square(length_scales) ** -1.0 @ self.squared_differences(a, b)
            return total.reshape(len(a), len(b))
        is_numeric = ~self.is_categorical
        scaled_a = a[:, is_numeric] / length_scales[is_numeric]
        scaled_b = b[:, is_numeric] / length_scales[is_numeric]
        squares: Floats = -2.0 * (scaled_a @ scaled_b.T)
        squares += np.einsum("ij,ij->i", scaled_a, scaled_a)[:, None]
        squares += np.einsum("ij,ij->i", scaled_b, scaled_b)
        np.maximum(squares, 0.0, out=squares)
        for j in np.flatnonzero(self.is_categorical):
            apart = (_CATEGORIES_APART / length_scales[j]) ** 2
            squares += (a[:, j, None] != b[:, j]) * apart
        return squares


def keys(unit: Floats) -> list[bytes]:
    """One hashable key per snapped configuration; equal for those closer than 1e-9."""
    rounded = np.ascontiguousarray(np.rint(unit * 1e9).astype(np.int64))
    return [row.tobytes() for row in rounded]
