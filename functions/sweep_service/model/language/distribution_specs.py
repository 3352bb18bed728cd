"""The distributions of the sweep language: one table for parsing, the schema and building."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.fields import Field
from sweep_service.model.space.distributions.categories import Categorical, Constant
from sweep_service.model.space.distributions.continuous import (
    Beta,
    LogNormal,
    LogUniform,
    Normal,
    Uniform,
)
from sweep_service.model.space.distributions.discrete import IntUniform, q_uniform, quantized

if TYPE_CHECKING:
    from sweep_service.model.space.distributions.base import Distribution

Fields = Mapping[str, Any]

_MIN = Field("min", "number", "Lower bound.", is_required=True)
_MAX = Field("max", "number", "Upper bound.", is_required=True)
_LOG_MIN = Field("min", "number", "Natural logarithm of the lower limit.", is_required=True)
_LOG_MAX = Field("max", "number", "Natural logarithm of the upper limit.", is_required=True)
_POSITIVE_MIN = Field("min", "number", "Lower limit, above 0.", is_required=True, above=0)
_INT_MIN = Field(
    "min", "integer", "Smallest value.", is_required=True, at_least=-(2**63), at_most=2**63 - 1
)
_INT_MAX = replace(_INT_MIN, name="max", description="Largest value, included.")
_Q = Field("q", "number", "Values are multiples of q; ints when q is one.", default=1.0, above=0)
_MU = Field("mu", "number", "Mean (of the logarithm for log_normal).", default=0.0)
_SIGMA = Field("sigma", "number", "Standard deviation.", default=1.0, above=0)
_A = Field("a", "number", "First shape parameter.", default=1.0, above=0, at_most=1e6)
_B = replace(_A, name="b", description="Second shape parameter.")
_VALUE = Field("value", "any", "The value, of any type.", is_required=True)
_VALUES = Field("values", "list", "The values, of any type.", is_required=True)
_PROBABILITIES = Field(
    "probabilities", "numbers", "Probability of each value; they sum to 1.", is_required=True
)


@dataclass(frozen=True)
class DistributionSpec:
    """How one distribution is written in a sweep file.

    Attributes:
        name: The value of the key ``distribution``.
        fields: The keys that it takes in addition to ``distribution``.
        build: Makes the distribution from checked fields; raises ValueError where none exists.
        is_grid: Whether grid search accepts it.
        is_inferred: Whether the key ``distribution`` may be left out.
        instead: For a deprecated distribution, the one that most authors mean.
    """

    name: str
    description: str
    fields: tuple[Field, ...]
    build: Callable[[Fields], Distribution]
    is_grid: bool = False
    is_inferred: bool = False
    instead: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of its fields."""
        return tuple(field.name for field in self.fields)


def _uniform(f: Fields) -> Uniform:
    return Uniform(float(f["min"]), float(f["max"]))


def _log_uniform(f: Fields) -> LogUniform:
    return LogUniform.of_exponents(float(f["min"]), float(f["max"]))


def _inv_log_uniform(f: Fields) -> LogUniform:
    return LogUniform.of_exponents(-float(f["max"]), -float(f["min"]))


def _log_uniform_values(f: Fields) -> LogUniform:
    return LogUniform.between(float(f["min"]), float(f["max"]))


def _normal(f: Fields) -> Normal:
    return Normal(float(f["mu"]), float(f["sigma"]))


def _log_normal(f: Fields) -> LogNormal:
    return LogNormal(float(f["mu"]), float(f["sigma"]))


def _beta(f: Fields) -> Beta:
    return Beta(float(f["a"]), float(f["b"]))


_SPECS = (
    DistributionSpec(
        "constant",
        "One value.",
        (_VALUE,),
        lambda f: Constant(f["value"]),
        is_grid=True,
        is_inferred=True,
    ),
    DistributionSpec(
        "categorical",
        "One of the listed values, each equally likely.",
        (_VALUES,),
        lambda f: Categorical.of(f["values"]),
        is_grid=True,
        is_inferred=True,
    ),
    DistributionSpec(
        "categorical_w_probabilities",
        "One of the listed values, by probability.",
        (_VALUES, _PROBABILITIES),
        lambda f: Categorical.of(f["values"], f["probabilities"]),
        is_inferred=True,
    ),
    DistributionSpec(
        "int_uniform",
        "A whole number from min to max, both included.",
        (_INT_MIN, _INT_MAX),
        lambda f: IntUniform(f["min"], f["max"]),
        is_grid=True,
        is_inferred=True,
    ),
    DistributionSpec(
        "uniform", "A real number between min and max.", (_MIN, _MAX), _uniform, is_inferred=True
    ),
    DistributionSpec(
        "q_uniform",
        "A uniform number rounded to a multiple of q.",
        (_MIN, _MAX, _Q),
        lambda f: q_uniform(f["min"], f["max"], f["q"]),
        is_grid=True,
    ),
    DistributionSpec(
        "log_uniform_values",
        "A real number between min and max, uniform in its logarithm.",
        (_POSITIVE_MIN, _MAX),
        _log_uniform_values,
    ),
    DistributionSpec(
        "inv_log_uniform_values",
        "The same distribution as log_uniform_values.",
        (_POSITIVE_MIN, _MAX),
        _log_uniform_values,
    ),
    DistributionSpec(
        "q_log_uniform_values",
        "A log-uniform number rounded to a multiple of q.",
        (_POSITIVE_MIN, _MAX, _Q),
        lambda f: quantized(_log_uniform_values(f), f["q"]),
    ),
    DistributionSpec(
        "log_uniform",
        "exp of a number between min and max; min and max are exponents.",
        (_LOG_MIN, _LOG_MAX),
        _log_uniform,
        instead="log_uniform_values",
    ),
    DistributionSpec(
        "inv_log_uniform",
        "1 / exp of a number between min and max; min and max are exponents.",
        (_LOG_MIN, _LOG_MAX),
        _inv_log_uniform,
        instead="inv_log_uniform_values",
    ),
    DistributionSpec(
        "q_log_uniform",
        "exp of a number between min and max, rounded to a multiple of q.",
        (_LOG_MIN, _LOG_MAX, _Q),
        lambda f: quantized(_log_uniform(f), f["q"]),
        instead="q_log_uniform_values",
    ),
    DistributionSpec("normal", "A normal number.", (_MU, _SIGMA), _normal),
    DistributionSpec(
        "q_normal",
        "A normal number rounded to a multiple of q.",
        (_MU, _SIGMA, _Q),
        lambda f: quantized(_normal(f), f["q"]),
    ),
    DistributionSpec("log_normal", "exp of a normal number.", (_MU, _SIGMA), _log_normal),
    DistributionSpec(
        "q_log_normal",
        "exp of a normal number, rounded to a multiple of q.",
        (_MU, _SIGMA, _Q),
        lambda f: quantized(_log_normal(f), f["q"]),
    ),
    DistributionSpec("beta", "A beta-distributed number in [0, 1].", (_A, _B), _beta),
    DistributionSpec(
        "q_beta",
        "A beta-distributed number rounded to a multiple of q.",
        (_A, _B, _Q),
        lambda f: quantized(_beta(f), f["q"]),
    ),
)

#: The specifications by name.
DISTRIBUTIONS: Mapping[str, DistributionSpec] = {spec.name: spec for spec in _SPECS}
