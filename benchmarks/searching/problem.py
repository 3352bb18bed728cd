"""A problem with a known optimum, and a base function seen as one.

A base function with minimiser z* is seen through ``z = z* + A (x - x*)``: x in the unit cube,
x* drawn away from centre and edge, A a scaling with or without a rotation. Discrete axes take
x at bin centres, categories in a shuffled order; x* is moved to a bin centre there.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from searching.functions import Function
from searching.parameters import Parameter, Steps, bin_of


@dataclass(frozen=True)
class Problem:
    """A function to minimise over a mixed space.

    Attributes:
        function: Values (m,) at unit coordinates (m, d); discrete axes are given bin centres.
        optimum: Smallest value.
        noise: Standard deviation of what is added to each observation.
    """

    name: str
    parameters: tuple[Parameter, ...]
    function: Function
    optimum: float
    noise: float = 0.0

    def unit_of(self, config: dict[str, Any]) -> np.ndarray:
        return np.array([p.unit_of(config[p.name]) for p in self.parameters])

    def config_at(self, unit: Sequence[float]) -> dict[str, Any]:
        return {p.name: p.value_at(u) for p, u in zip(self.parameters, unit, strict=True)}

    def value(self, config: dict[str, Any]) -> float:
        return float(self.function(self.unit_of(config)[None])[0])

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return np.stack([p.draw(rng, n) for p in self.parameters], axis=1)

    @cached_property
    def random_regret(self) -> float:
        """Expected best of 10 random points, over the optimum."""
        values = self.function(self.draw(rng_of(self.name, "reference"), 20_000))
        return float(values.reshape(-1, 10).min(axis=1).mean()) - self.optimum

    def regret(self, value: float) -> float:
        """Normalised simple regret: 0 at the optimum, 1 for ten random points, at most 2."""
        return float(np.clip((value - self.optimum) / self.random_regret, 0.0, 2.0))


def rng_of(*key: str) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(part.encode()) for part in key])


def seen_through(
    name: str,
    base: Function,
    minimiser: Sequence[float],
    scale: float,
    parameters: Sequence[Parameter],
    is_rotated: bool = False,
    noise: float = 0.0,
    n_at_edge: int = 0,
) -> Problem:
    """``base`` (smallest at ``minimiser``) over ``parameters``; the cube's side is ``scale``.

    The optimum is at the edge, not away from it, on the first ``n_at_edge`` axes.
    """
    rng = rng_of(name)
    d = len(parameters)
    shuffles = [
        rng.permutation(len(p.values)) if isinstance(p, Steps) and p.kind == "category" else None
        for p in parameters
    ]
    target = rng.uniform(0.15, 0.85, d)
    target[:n_at_edge] = np.round(target[:n_at_edge])
    for j, p in enumerate(parameters):
        if isinstance(p, Steps):
            target[j] = p.unit_of(p.value_at(target[j]))
    matrix = scale * (np.linalg.qr(rng.standard_normal((d, d)))[0] if is_rotated else np.eye(d))
    at = np.array(minimiser, dtype=float)

    def function(unit: np.ndarray) -> np.ndarray:
        x = unit.copy()
        for j, order in enumerate(shuffles):
            if order is not None:
                x[:, j] = (order[bin_of(unit[:, j], len(order))] + 0.5) / len(order)
        return base(at + (x - target) @ matrix.T)

    return Problem(name, tuple(parameters), function, float(base(at[None])[0]), noise)
