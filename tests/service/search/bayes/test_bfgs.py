"""Minimisation within a box, for many problems at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.search.bayes.bfgs import minimise

CURVATURES = np.array([1.0, 10.0, 100.0])


def rosenbrock(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = x[:, 0], x[:, 1]
    value = 100 * (b - a * a) ** 2 + (1 - a) ** 2
    by_a = -400 * a * (b - a * a) - 2 * (1 - a)
    return value, np.stack([by_a, 200 * (b - a * a)], axis=1)


def box(n: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n, low), np.full(n, high)


@given(
    target=st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    start=st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_a_quadratic_ends_at_the_projection_of_its_minimum(
    target: list[float], start: list[float]
) -> None:
    at = np.array(target)

    def quadratic(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return ((x - at) ** 2 @ CURVATURES) / 2, (x - at) * CURVATURES

    x, value = minimise(quadratic, np.array([start]), *box(3, -1, 1), 100)
    assert x[0] == pytest.approx(np.clip(at, -1, 1), abs=1e-4)
    assert value[0] == pytest.approx(quadratic(x)[0][0])


def test_rosenbrock_from_several_starts_at_once() -> None:
    starts = np.array([[-1.2, 1.0], [0.0, 0.0], [1.9, -1.9], [1.0, 1.0]])
    x, value = minimise(rosenbrock, starts, *box(2, -2, 2), 150)
    assert x == pytest.approx(np.ones((4, 2)), abs=1e-3)
    assert (value < 1e-6).all()


def test_rows_do_not_influence_each_other() -> None:
    starts = np.array([[-1.2, 1.0], [1.9, -1.9]])
    together = minimise(rosenbrock, starts, *box(2, -2, 2), 30)[0]
    alone = [minimise(rosenbrock, start[None], *box(2, -2, 2), 30)[0][0] for start in starts]
    assert together == pytest.approx(np.array(alone), rel=1e-9)


def test_no_row_gets_worse_and_starts_are_left_alone() -> None:
    rng = np.random.default_rng(0)
    starts = rng.uniform(-1, 1, (20, 2))
    kept = starts.copy()

    def rough(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.sin(20 * x).sum(axis=1), rng.standard_normal(x.shape)  # a useless gradient

    _, value = minimise(rough, starts, *box(2, -1, 1), 30)
    assert (value <= np.sin(20 * kept).sum(axis=1)).all()
    assert (starts == kept).all()


def test_values_that_are_not_finite_are_refused() -> None:
    def cliff(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        is_over = x[:, 0] < 0.2
        return np.where(is_over, np.nan, x[:, 0] ** 2), np.where(is_over[:, None], np.nan, 2 * x)

    x, value = minimise(cliff, np.array([[0.9], [0.5]]), *box(1, -1, 1), 12)
    assert ((x >= 0.2) & (x < 0.25)).all()
    assert np.isfinite(value).all()


def test_a_flat_function_stays_where_it_is() -> None:
    start = np.array([[0.3, 0.4]])
    x, _ = minimise(lambda x: (np.zeros(len(x)), np.zeros_like(x)), start, *box(2, 0, 1), 10)
    assert (x == start).all()
