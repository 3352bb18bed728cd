"""The distributions of parameters."""

from __future__ import annotations

from sweep_service.model.space.distributions.base import Continuous, Distribution, Finite, Kind
from sweep_service.model.space.distributions.categories import (
    Categorical,
    Constant,
    fresh,
    identity,
)
from sweep_service.model.space.distributions.continuous import (
    Beta,
    LogNormal,
    LogUniform,
    Normal,
    Uniform,
)
from sweep_service.model.space.distributions.discrete import (
    IntUniform,
    Quantized,
    QuantizedEndless,
    Steps,
)

__all__ = [
    "Beta",
    "Categorical",
    "Constant",
    "Continuous",
    "Distribution",
    "Finite",
    "IntUniform",
    "Kind",
    "LogNormal",
    "LogUniform",
    "Normal",
    "Quantized",
    "QuantizedEndless",
    "Steps",
    "Uniform",
    "fresh",
    "identity",
]
