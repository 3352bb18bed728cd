"""Scaling of metric values, and weights of runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sweep_service.search.bayes.axes import Axes, Axis
from sweep_service.search.bayes.outcomes import Warp
from sweep_service.search.bayes.subset import crowding_weights, representative

values = st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=30)


@given(values)
def test_any_values_become_standardised_in_the_same_order(raw: list[float]) -> None:
    y = np.array(raw)
    warp = Warp.to(y, np.ones(len(y)))
    assume(warp is not None)
    assert warp is not None
    standardised = warp.apply(y)
    order = np.argsort(y, kind="stable")
    assert np.isfinite(standardised).all()
    assert (np.diff(standardised[order]) >= 0).all()
    assert standardised.mean() == pytest.approx(0, abs=1e-6)
    assert standardised.std() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("same", [0.0, 3.7, -1e300, 1e-300])
def test_equal_values_have_no_scale(same: float) -> None:
    assert Warp.to(np.full(5, same), np.ones(5)) is None


def test_the_inverse() -> None:
    y = np.array([0.1, 0.2, 0.25, 0.4, 3.0, 1e6])
    warp = Warp.to(y, np.ones(6))
    assert warp is not None
    assert warp.invert(warp.apply(y)) == pytest.approx(y)


@pytest.mark.parametrize("largest", [3.0, 1e300, 1.7e308])
def test_the_inverse_of_what_nobody_saw_is_finite(largest: float) -> None:
    warp = Warp.to(np.array([0.0, 0.0, largest]), np.ones(3))
    assert warp is not None
    values = warp.invert(np.array([-1e6, -20.0, 0.0, 5.0, 20.0, 1e6]))
    assert np.isfinite(values).all()
    assert values.tolist() == sorted(values)


def test_a_diverged_run_does_not_flatten_the_good_ones() -> None:
    good = np.linspace(0.1, 0.5, 9)
    warp = Warp.to(np.append(good, 1e12), np.ones(10))
    assert warp is not None
    standardised = warp.apply(good)
    assert standardised[4] - standardised[0] > 0.1


def test_many_diverged_runs_leave_room_for_the_good_ones() -> None:
    """By the logarithm alone the good half would have a fifth of a standard deviation."""
    good, diverged = np.linspace(0.1, 0.5, 10), np.geomspace(1e3, 1e5, 9)
    warp = Warp.to(np.concatenate([good, diverged]), np.ones(19))
    assert warp is not None
    standardised = warp.apply(good)
    assert standardised[-1] - standardised[0] > 0.4


def test_the_scale_has_no_kinks() -> None:
    warp = Warp(scale=1.0, median=2.0, spread=0.5, centre=0.3, width=0.7)
    values = np.arange(1.0, 5.0, 1e-3)
    slopes = np.diff(warp.apply(values))
    assert (slopes > 0).all()
    assert slopes[1:] == pytest.approx(slopes[:-1], rel=0.005)
    assert warp.invert(warp.apply(values)) == pytest.approx(values)


def test_a_crowd_does_not_shrink_the_scale() -> None:
    """Ninety runs at the optimum speak for one place: the median is over space."""
    spread = np.linspace(0.0, 1.0, 11)[:, None]
    crowd = np.full((90, 1), 0.5)
    unit = np.concatenate([spread, crowd])
    y = (unit[:, 0] - 0.5) ** 2 + 1e-9 * np.arange(101)
    weights = crowding_weights(Axes((Axis(),)), unit)
    warp = Warp.to(y, weights)
    assert warp is not None
    assert warp.spread * warp.scale > 0.03
    assert weights[20] < 0.02 < 0.3 < weights[0]


@given(st.integers(1, 50), st.integers(1, 50))
def test_a_subset_holds_the_best_and_nothing_twice(n: int, size: int) -> None:
    y = np.random.default_rng(n).random(n)
    kept = representative(y, size, np.random.default_rng(0))
    assert len(kept) == len(set(kept)) == min(n, size)
    assert (np.diff(kept) > 0).all()
    assert set(np.argsort(y)[: size // 2]) <= set(kept)
