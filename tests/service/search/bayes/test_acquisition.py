"""Expected improvement compared with quadrature, far into the tail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.search.bayes.acquisition import (
    erfcx,
    expected_improvement,
    log_expected_improvement,
)


def log_improvement_by_quadrature(z: float) -> float:
    """Log of the integral of t phi(z - t) over t > 0, with phi(z) taken out for z < 0."""
    width = 40.0 / max(2.0, -z) if z < 0 else z + 12.0
    t, weights = np.polynomial.legendre.leggauss(200)
    t, weights = width * (t + 1) / 2, weights * width / 2
    exponents = -0.5 * (z - t) ** 2
    largest = exponents.max()
    integral = float((weights * t * np.exp(exponents - largest)).sum())
    return math.log(integral) + largest - 0.5 * math.log(2 * math.pi)


@pytest.mark.parametrize(
    "z",
    [8.0, 3.0, 0.5, 1e-9, 0.0, -1e-9, -0.5, -1.0, -3.0, -8.0, -20.0, -49.0, -51.0, -300.0, -1e5],
)
def test_log_improvement_is_the_integral(z: float) -> None:
    value = log_expected_improvement(np.array([0.0]), np.array([1.0]), z).value[0]
    assert value == pytest.approx(log_improvement_by_quadrature(z), rel=1e-10, abs=1e-9)


def test_scale_and_shift_of_the_metric() -> None:
    mean, std = np.array([3.0]), np.array([2.0])
    value = expected_improvement(mean, std, 2.0)[0]
    assert value == pytest.approx(2.0 * math.exp(log_improvement_by_quadrature(-0.5)))


@pytest.mark.parametrize("mean", [-3.0, 0.0, 0.7, 5.0, 40.0, 200.0])
@pytest.mark.parametrize("std", [0.1, 1.0, 7.0])
def test_derivatives_by_finite_differences(mean: float, std: float) -> None:
    best = 0.3

    def value(m: float, s: float) -> float:
        return float(log_expected_improvement(np.array([m]), np.array([s]), best).value[0])

    result = log_expected_improvement(np.array([mean]), np.array([std]), best)
    step = 1e-5 * std
    by_mean = (value(mean + step, std) - value(mean - step, std)) / (2 * step)
    by_std = (value(mean, std + step) - value(mean, std - step)) / (2 * step)
    assert result.by_mean[0] == pytest.approx(by_mean, rel=1e-5)
    assert result.by_std[0] == pytest.approx(by_std, rel=1e-5)


@given(st.floats(-1e8, 1e8), st.floats(1e-8, 1e8), st.floats(-1e8, 1e8))
def test_everything_is_finite_and_points_the_right_way(
    mean: float, std: float, best: float
) -> None:
    result = log_expected_improvement(np.array([mean]), np.array([std]), best)
    assert np.isfinite(result.value[0])
    assert result.by_mean[0] <= 0
    assert result.by_std[0] >= 0


@given(st.floats(0, 25))
def test_scaled_complementary_error_function(x: float) -> None:
    assert erfcx(np.array([x]))[0] == pytest.approx(math.exp(x * x) * math.erfc(x), rel=1e-11)


def test_the_tail_is_accurate() -> None:
    x = np.array([1e3, 1e6])
    assert erfcx(x) == pytest.approx(1 / (math.sqrt(math.pi) * x), rel=1e-6)
