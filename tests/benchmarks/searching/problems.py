"""Problems with a known optimum, placed where no method looks by luck.

A base function with minimiser z* is seen through ``z = z* + A (x - x*)``: x in the unit cube,
x* drawn away from centre and edge, A a scaling with or without a rotation. Discrete axes take
x at bin centres, categories in a shuffled order; x* is moved to a bin centre there.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from searching.functions import (
    HARTMANN3_AT,
    HARTMANN6_AT,
    Function,
    ackley,
    branin,
    dixon_price,
    ellipsoid,
    griewank,
    hartmann,
    hartmann_and_category,
    levy,
    peaks,
    rastrigin,
    relevant,
    rosenbrock,
    sharp_valley,
    steps,
    styblinski_tang,
    zakharov,
)
from searching.parameters import Parameter, Real, Steps, categories, integers, ordered


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
        values = self.function(self.draw(_rng(self.name, "reference"), 20_000))
        return float(values.reshape(-1, 10).min(axis=1).mean()) - self.optimum

    def regret(self, value: float) -> float:
        """Normalised simple regret: 0 at the optimum, 1 for ten random points, at most 2."""
        return float(np.clip((value - self.optimum) / self.random_regret, 0.0, 2.0))


def _rng(*key: str) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(part.encode()) for part in key])


def reals(n: int) -> tuple[Real, ...]:
    return tuple(Real(f"x{i}", -1.0, 1.0) for i in range(n))


def logs(n: int) -> tuple[Real, ...]:
    return tuple(Real(f"lr{i}", 1e-5, 1.0, is_log=True) for i in range(n))


def seen_through(
    name: str,
    base: Function,
    minimiser: Sequence[float],
    scale: float,
    parameters: Sequence[Parameter],
    is_rotated: bool = False,
    noise: float = 0.0,
) -> Problem:
    """``base`` (minimum 0 at ``minimiser``) over ``parameters``; the cube's side is ``scale``."""
    rng = _rng(name)
    d = len(parameters)
    shuffles = [
        rng.permutation(len(p.values)) if isinstance(p, Steps) and p.kind == "category" else None
        for p in parameters
    ]
    target = rng.uniform(0.15, 0.85, d)
    for j, p in enumerate(parameters):
        if isinstance(p, Steps):
            target[j] = p.unit_of(p.value_at(target[j]))
    matrix = scale * (np.linalg.qr(rng.standard_normal((d, d)))[0] if is_rotated else np.eye(d))
    at = np.array(minimiser, dtype=float)

    def function(unit: np.ndarray) -> np.ndarray:
        x = unit.copy()
        for j, order in enumerate(shuffles):
            if order is not None:
                index = np.minimum((unit[:, j] * len(order)).astype(int), len(order) - 1)
                x[:, j] = (order[index] + 0.5) / len(order)
        return base(at + (x - target) @ matrix.T)

    return Problem(name, tuple(parameters), function, float(base(at[None])[0]), noise)


def categorical_effects(name: str, sizes: Sequence[int]) -> Problem:
    """Categories alone: main effects and interactions of pairs."""
    rng = _rng(name)
    mains = [rng.standard_normal(k) for k in sizes]
    pairs = [rng.standard_normal((a, b)) * 0.7 for a, b in pairwise(sizes)]
    parameters = tuple(
        categories(f"c{j}", *(f"v{i}" for i in range(k))) for j, k in enumerate(sizes)
    )

    def function(unit: np.ndarray) -> np.ndarray:
        index = np.minimum((unit * np.array(sizes)).astype(int), np.array(sizes) - 1)
        total = sum(main[index[:, j]] for j, main in enumerate(mains))
        return total + sum(pair[index[:, j], index[:, j + 1]] for j, pair in enumerate(pairs))

    grid = np.meshgrid(*[(np.arange(k) + 0.5) / k for k in sizes], indexing="ij")
    every = np.stack([g.ravel() for g in grid], axis=1)
    return Problem(name, parameters, function, float(function(every).min()))


def training(name: str, is_cliff: bool) -> Problem:
    """Looks like a training run: optimiser, its learning rate, momentum that SGD alone feels."""
    rng = _rng(name)
    best_lr = rng.uniform(0.3, 0.7, 3)
    best = rng.uniform(0.2, 0.8, 3)
    offset = rng.permutation([0.0, 0.08, 0.2])
    parameters = (
        categories("optimizer", "sgd", "adam", "lamb"),
        Real("lr", 1e-5, 1.0, is_log=True),
        Real("momentum", 0.0, 0.99),
        Real("weight_decay", 1e-7, 1e-1, is_log=True),
        ordered("batch", 16, 32, 64, 128, 256),
        integers("layers", 1, 8),
    )
    batch_at, layers_at = 0.5, 0.5625

    def function(unit: np.ndarray) -> np.ndarray:
        kind = np.minimum((unit[:, 0] * 3).astype(int), 2)
        lr = unit[:, 1] - best_lr[kind] - 0.15 * (unit[:, 4] - batch_at)
        loss = 4.0 * lr**2 + offset[kind] + 0.3 * (unit[:, 3] - best[1]) ** 2
        loss += np.where(kind == 0, 0.6 * (unit[:, 2] - best[0]) ** 2, 0.0)
        loss += 0.2 * (unit[:, 4] - batch_at) ** 2 + 0.5 * (unit[:, 5] - layers_at) ** 2
        if is_cliff:
            loss = np.where(lr > 0.12 + 0.1 * unit[:, 2], 50.0 + 1e4 * lr**2, loss)
        return loss

    return Problem(name, parameters, function, 0.0)


def development_problems() -> list[Problem]:
    mixed = (
        *reals(2),
        *logs(1),
        integers("n", 1, 12),
        categories("kind", "a", "b", "c", "d"),
        ordered("width", 16, 32, 64, 128, 256),
    )
    return [
        seen_through("branin", branin, (np.pi, 2.275), 15.0, reals(2)),
        seen_through("hartmann3", hartmann, HARTMANN3_AT, 1.0, reals(3)),
        seen_through("hartmann6", hartmann, HARTMANN6_AT, 1.0, reals(6)),
        seen_through("ackley5", ackley, [0] * 5, 30.0, reals(5), is_rotated=True),
        seen_through("levy4", levy, [1] * 4, 16.0, reals(4)),
        seen_through("rosenbrock4", rosenbrock, [1] * 4, 4.0, reals(4)),
        seen_through("styblinski5", styblinski_tang, [-2.903534] * 5, 8.0, reals(5)),
        seen_through("gallagher4", peaks(4, 21, 1), [0] * 4, 1.6, reals(4)),
        seen_through("rastrigin3", rastrigin, [0] * 3, 4.0, reals(3), is_rotated=True),
        seen_through("ellipsoid8", ellipsoid, [0] * 8, 4.0, logs(8), is_rotated=True),
        seen_through("steps6", steps, [0] * 6, 12.0, reals(6)),
        seen_through(
            "relevant20", relevant(hartmann, 6), [*HARTMANN6_AT, *[0] * 14], 1.0, reals(20)
        ),
        seen_through("mixed_hartmann6", hartmann, HARTMANN6_AT, 1.0, mixed),
        seen_through("mixed_ackley6", ackley, [0] * 6, 12.0, mixed),
        seen_through(
            "integers5", rosenbrock, [1] * 5, 3.0, [integers(f"n{i}", 0, 20) for i in range(5)]
        ),
        seen_through("noisy_hartmann3", hartmann, HARTMANN3_AT, 1.0, reals(3), noise=0.1),
        seen_through("noisy_levy4", levy, [1] * 4, 16.0, reals(4), noise=2.0),
        categorical_effects("categories6", (4, 3, 5, 4, 2, 6)),
        training("training", is_cliff=False),
        training("training_cliff", is_cliff=True),
    ]


def held_out_problems() -> list[Problem]:
    mixed = (
        *logs(2),
        *reals(1),
        integers("n", 1, 30),
        integers("m", 0, 7),
        categories("on", False, True),
        categories("kind", "a", "b", "c", "d", "e"),
    )
    return [
        seen_through("griewank3", griewank, [0] * 3, 20.0, reals(3), is_rotated=True),
        seen_through("zakharov5", zakharov, [0] * 5, 6.0, reals(5), is_rotated=True),
        seen_through("dixon_price3", dixon_price, (1, 2**-0.5, 2**-0.75), 6.0, reals(3)),
        seen_through("gallagher5", peaks(5, 101, 7), [0] * 5, 1.6, reals(5), is_rotated=True),
        seen_through("gallagher3", peaks(3, 21, 8), [0] * 3, 1.8, logs(3)),
        seen_through("hartmann6_turned", hartmann, HARTMANN6_AT, 0.8, reals(6), is_rotated=True),
        seen_through("sharp_valley4", sharp_valley, [0] * 4, 2.0, reals(4), is_rotated=True),
        seen_through("rosenbrock7", rosenbrock, [1] * 7, 3.0, reals(7)),
        seen_through("levy12", relevant(levy, 5), [*[1] * 5, *[0] * 7], 14.0, reals(12)),
        seen_through("mixed_levy7", levy, [1] * 7, 12.0, mixed),
        seen_through("mixed_styblinski7", styblinski_tang, [-2.903534] * 7, 7.0, mixed),
        seen_through(
            "integers7", ellipsoid, [0] * 7, 3.0, [integers(f"n{i}", 1, 40) for i in range(7)]
        ),
        seen_through("noisy_branin", branin, (np.pi, 2.275), 15.0, reals(2), noise=1.0),
        seen_through(
            "noisy_mixed7", hartmann_and_category, [*HARTMANN6_AT, 0], 1.0, mixed, noise=0.05
        ),
        categorical_effects("categories5", (6, 6, 3, 8, 4)),
        training("training_b", is_cliff=True),
    ]
