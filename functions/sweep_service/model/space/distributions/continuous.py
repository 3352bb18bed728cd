"""Real-valued distributions: uniform, log-uniform, normal, log-normal, beta."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import ClassVar

from sweep_service.model.space.distributions.base import (
    LARGEST,
    LARGEST_UNIT,
    SMALLEST_UNIT,
    Continuous,
    safe_exp,
)
from sweep_service.model.space.distributions.beta_function import beta_cdf, beta_ppf

_STANDARD_NORMAL = NormalDist()


@dataclass(frozen=True)
class Uniform(Continuous):
    """Uniform on [low, high]."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.high - self.low):
            raise ValueError("max - min is beyond the range of floats; narrow the range")
        _require_distinct(self.low, self.high)

    def cdf(self, x: float) -> float:
        return (x - self.low) / (self.high - self.low)

    def ppf(self, u: float) -> float:
        return self.low + u * (self.high - self.low)


@dataclass(frozen=True)
class LogUniform(Continuous):
    """exp of a uniform variable on [log_low, log_high], so that every decade is equally likely.

    The inverse distributions of the language (1 / exp of a uniform variable) are log-uniform as
    well, with the exponents negated and exchanged.
    """

    low: float
    high: float
    log_low: float
    log_high: float

    @classmethod
    def between(cls, low: float, high: float) -> LogUniform:
        """From bounds, 0 < low < high."""
        log_low, log_high = math.log(low), math.log(high)
        _require_distinct(log_low, log_high)
        return cls(low, high, log_low, log_high)

    @classmethod
    def of_exponents(cls, log_low: float, log_high: float) -> LogUniform:
        """From natural-log exponents.

        Raises:
            ValueError: exp of an exponent is beyond the range of floats.
        """
        _require_distinct(log_low, log_high)
        low, high = safe_exp(log_low), safe_exp(log_high)
        if high == LARGEST:
            raise ValueError(
                f"min and max are natural-log exponents here, and exp({log_high}) is beyond the "
                "range of floats; log_uniform_values takes the limits themselves"
            )
        return cls(low, high, log_low, log_high)

    def cdf(self, x: float) -> float:
        log_x = math.log(x) if x > 0 else self.log_low
        return (log_x - self.log_low) / (self.log_high - self.log_low)

    def ppf(self, u: float) -> float:
        return safe_exp(self.log_low + u * (self.log_high - self.log_low))


@dataclass(frozen=True)
class Normal(Continuous):
    """Normal with mean ``mu`` and standard deviation ``sigma``, bounded only by the float range."""

    mu: float
    sigma: float
    low: float = field(default=-LARGEST, init=False)
    high: float = field(default=LARGEST, init=False)
    is_bounded: ClassVar[bool] = False

    def cdf(self, x: float) -> float:
        return _normal_cdf((x - self.mu) / self.sigma)

    def ppf(self, u: float) -> float:
        return self.mu + self.sigma * _normal_quantile(u)


@dataclass(frozen=True)
class LogNormal(Continuous):
    """exp of a normal variable with mean ``mu`` and standard deviation ``sigma``."""

    mu: float
    sigma: float
    low: float = field(default=0.0, init=False)
    high: float = field(default=LARGEST, init=False)
    is_bounded: ClassVar[bool] = False

    def cdf(self, x: float) -> float:
        if x <= 0:
            return 0.0
        return _normal_cdf((math.log(x) - self.mu) / self.sigma)

    def ppf(self, u: float) -> float:
        return safe_exp(self.mu + self.sigma * _normal_quantile(u))


@dataclass(frozen=True)
class Beta(Continuous):
    """Beta(a, b) on [0, 1]; ``a`` and ``b`` are its shape parameters."""

    a: float
    b: float
    low: float = field(default=0.0, init=False)
    high: float = field(default=1.0, init=False)

    def cdf(self, x: float) -> float:
        """The regularised incomplete beta function I_x(a, b)."""
        return beta_cdf(x, self.a, self.b)

    def ppf(self, u: float) -> float:
        return beta_ppf(u, self.a, self.b)


def _normal_quantile(u: float) -> float:
    return _STANDARD_NORMAL.inv_cdf(min(max(u, SMALLEST_UNIT), LARGEST_UNIT))


def _normal_cdf(z: float) -> float:
    """Phi(z) = erfc(-z / sqrt 2) / 2: unlike 1 + erf, exact in the lower tail."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _require_distinct(low: float, high: float) -> None:
    if not low < high:
        raise ValueError("min and max are the same number to floats; move them apart")
