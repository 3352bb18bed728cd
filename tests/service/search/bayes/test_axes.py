"""The unit cube: snapping, keys and distances; and the initial design."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.search.bayes import initial_design
from sweep_service.search.bayes.axes import Axes, Axis, keys
from sweep_service.search.bayes.candidates import exchanges, spread_and_mutants

AXES = Axes(
    (
        Axis(),
        Axis(3, is_categorical=True),
        Axis(7),
        Axis(4, positions=(0.1, 0.2, 0.5, 0.9)),
        Axis(10**9),
    )
)
FINITE = Axes((Axis(3, is_categorical=True), Axis(4), Axis(2)))
units = st.lists(st.floats(0, 1), min_size=5, max_size=5)


@given(units)
def test_snapping_goes_to_a_value_and_is_at_rest_there(unit: list[float]) -> None:
    snapped = AXES.snap(np.array([unit]))
    assert (AXES.snap(snapped) == snapped).all()
    assert keys(AXES.snap(snapped)) == keys(snapped)
    assert snapped[0, 0] == unit[0]
    assert snapped[0, 2] in {(i + 0.5) / 7 for i in range(7)}
    assert snapped[0, 3] in {0.1, 0.2, 0.5, 0.9}
    assert abs(snapped[0, 4] - unit[4]) <= 1e-9


@pytest.mark.parametrize(
    ("coordinate", "nearest"), [(0.0, 0.1), (0.14, 0.1), (0.16, 0.2), (0.69, 0.5), (1.0, 0.9)]
)
def test_uneven_values_go_to_the_nearest(coordinate: float, nearest: float) -> None:
    assert AXES.snap(np.full((1, 5), coordinate))[0, 3] == nearest


def test_snapping_leaves_its_argument_alone() -> None:
    unit = np.full((2, 5), 0.37)
    AXES.snap(unit)
    assert (unit == 0.37).all()


def test_points_of_a_finite_space() -> None:
    points = FINITE.all_points()
    assert FINITE.n_points == len(points) == len(set(keys(points))) == 24
    assert (FINITE.snap(points) == points).all()
    assert AXES.n_points == float("inf")


def test_the_two_ways_to_distances_agree() -> None:
    a, b = (AXES.snap(np.random.default_rng(seed).random((n, 5))) for seed, n in ((0, 20), (1, 7)))
    lengths = np.array([0.3, 0.7, 1.0, 2.0, 0.1])
    expected = lengths**-2 @ AXES.squared_differences(a, b)
    assert AXES.squared_distances(a, b, lengths).ravel() == pytest.approx(expected, abs=1e-9)


def test_different_categories_are_equally_far_apart() -> None:
    lengths = np.array([0.5, 1.0, 1.0])
    points = FINITE.snap(np.array([[0.0, 0, 0], [0.5, 0, 0], [1.0, 0, 0]]))
    distances = FINITE.squared_distances(points, points, lengths)
    assert distances == pytest.approx(1 - np.eye(3), abs=1e-12)


def test_the_start_is_the_centre_and_then_spreads() -> None:
    points = initial_design.points(65, 6, seed=3)
    assert (points[0] == 0.5).all()
    assert points.min() >= 0
    assert points.max() < 1
    for j in range(6):  # of 64 points every eighth of every axis gets its share
        counts = np.histogram(points[1:, j], bins=8, range=(0, 1))[0]
        assert counts.min() >= 5


def test_the_start_is_a_sequence_of_its_seed() -> None:
    long = initial_design.points(40, 4, seed=1)
    assert (long[:10] == initial_design.points(10, 4, seed=1)).all()
    assert not np.isclose(long[1:], initial_design.points(40, 4, seed=2)[1:]).all(axis=1).any()
    assert len(set(keys(long))) == 40


def test_many_axes_do_not_run_in_step() -> None:
    points = initial_design.points(61, 40, seed=0)[1:]
    correlation = np.abs(np.corrcoef(points.T) - np.eye(40))
    assert correlation.max() < 0.65


def test_candidates_are_configurations_near_and_far() -> None:
    rng = np.random.default_rng(0)
    observed = AXES.snap(rng.random((30, 5)))
    found = spread_and_mutants(AXES, observed, rng.random(30), 100, 200, rng)
    assert found.shape == (300, 5)
    assert (AXES.snap(found) == found).all()


def test_mutants_stay_near_the_best() -> None:
    rng = np.random.default_rng(0)
    axes = Axes((Axis(), Axis()))
    observed = np.array([[0.9, 0.9], [0.1, 0.1], *rng.random((30, 2))])
    y = np.array([-9.0, 9.0, *np.zeros(30)])
    found = spread_and_mutants(axes, observed, y, 0, 1000, rng)
    near_best = (np.abs(found - 0.9) < 0.1).all(axis=1).mean()
    near_worst = (np.abs(found - 0.1) < 0.1).all(axis=1).mean()
    assert near_best > 0.3
    assert near_worst < 0.15


def test_a_small_space_is_looked_at_in_full() -> None:
    rng = np.random.default_rng(0)
    found = spread_and_mutants(FINITE, FINITE.all_points()[:2], np.zeros(2), 5, 5, rng)
    assert set(keys(found)) == set(keys(FINITE.all_points()))


def test_exchanges_change_one_finite_axis() -> None:
    rng = np.random.default_rng(0)
    unit = AXES.snap(np.full((1, 5), 0.5))[0]
    found = exchanges(AXES, unit, rng)
    assert (AXES.snap(found) == found).all()
    assert ((found != unit).sum(axis=1) <= 1).all()
    assert (found[:, 0] == unit[0]).all()
    for j, n in ((1, 3), (2, 7), (3, 4)):
        assert len(set(found[:, j])) == n


def test_without_a_finite_axis_there_is_no_exchange() -> None:
    axes = Axes((Axis(),))
    assert exchanges(axes, np.array([0.5]), np.random.default_rng(0)).shape == (0, 1)
