"""The parameters of a benchmark problem, in words that every optimiser's adapter understands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Real:
    """A continuous parameter, on a linear or a logarithmic scale."""

    name: str
    low: float
    high: float
    is_log: bool = False

    def value_at(self, unit: float) -> float:
        if self.is_log:
            return float(math.exp(math.log(self.low) + unit * math.log(self.high / self.low)))
        return float(self.low + unit * (self.high - self.low))

    def unit_of(self, value: float) -> float:
        if self.is_log:
            unit = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            unit = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, unit))

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.random(n)

    @property
    def sweep_language(self) -> dict[str, Any]:
        law = "log_uniform_values" if self.is_log else "uniform"
        return {"distribution": law, "min": self.low, "max": self.high}


@dataclass(frozen=True)
class Steps:
    """Finite values: an integer range, an ordered list of numbers, or categories.

    ``kind`` is "integer", "ordered" or "category".
    """

    name: str
    values: tuple[Any, ...]
    kind: str = "category"

    def value_at(self, unit: float) -> Any:
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]

    def unit_of(self, value: Any) -> float:
        return (self.values.index(value) + 0.5) / len(self.values)

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return (rng.integers(len(self.values), size=n) + 0.5) / len(self.values)

    @property
    def sweep_language(self) -> dict[str, Any]:
        if self.kind == "integer":
            return {"distribution": "int_uniform", "min": self.values[0], "max": self.values[-1]}
        return {"values": list(self.values)}


Parameter = Real | Steps


def bin_of(unit: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Which of n equal bins of [0, 1] each coordinate lies in."""
    return np.minimum((unit * n).astype(int), np.asarray(n) - 1)


def integers(name: str, low: int, high: int) -> Steps:
    return Steps(name, tuple(range(low, high + 1)), "integer")


def ordered(name: str, *values: float) -> Steps:
    return Steps(name, values, "ordered")


def categories(name: str, *values: Any) -> Steps:
    return Steps(name, values)


def reals(n: int) -> tuple[Real, ...]:
    return tuple(Real(f"x{i}", -1.0, 1.0) for i in range(n))


def logs(n: int) -> tuple[Real, ...]:
    return tuple(Real(f"lr{i}", 1e-5, 1.0, is_log=True) for i in range(n))
