"""The posterior compared with hand computations, its gradients with finite differences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.search.bayes.axes import Axes, Axis
from sweep_service.search.bayes.bowl import Bowl
from sweep_service.search.bayes.gaussian_process import Posterior, condition
from sweep_service.search.bayes.hyperparameters import (
    JITTER,
    Hyperparameters,
    NormalPrior,
    Prior,
    below_diagonal,
    fit,
    negative_log_posterior,
)
from sweep_service.search.bayes.kernels import matern52, matern52_with_slope

LINE = Axes((Axis(),))
MIXED = Axes((Axis(), Axis(4, is_categorical=True), Axis(), Axis(5)))
FLAT = Bowl.over(LINE, 0.0)
BOWL = Bowl.over(MIXED, 0.5)
PRIOR = Prior(NormalPrior(1.0, 1.5), NormalPrior(-6.0, 2.0), NormalPrior(-1.0, 1.5))
WITHOUT_SHARE = Prior(PRIOR.log_length, PRIOR.log_noise)
SHARE = 0.3
FITTED = Hyperparameters(np.array([0.4, 1.0, 0.7, 0.5]), 1e-3, SHARE)
NOTHING = np.empty((0, 1))


def matern(distance: float) -> float:
    root = math.sqrt(5) * distance
    return (1 + root + root * root / 3) * math.exp(-root)


def correlation(*distances: float, share: float = SHARE) -> float:
    """By the scaled distance along each axis."""
    n = len(distances)
    own = sum(1 / (1 + n * distance**2) for distance in distances) / n
    return (1 - share) * matern(math.hypot(*distances)) + share * own


def mixed_correlations(
    a: np.ndarray, b: np.ndarray, lengths: np.ndarray, share: float
) -> np.ndarray:
    """Between all rows of two sets of configurations of MIXED, pair by pair."""

    def between(x: np.ndarray, z: np.ndarray) -> float:
        apart = np.where(MIXED.is_categorical, 0.5 * (x != z), x - z)
        return correlation(*(apart / lengths), share=share)

    return np.array([[between(x, z) for z in b] for x in a])


def pairs_of(axes: Axes, unit: np.ndarray) -> np.ndarray:
    squares = axes.squared_differences(unit, unit)
    return squares[:, below_diagonal(len(unit))]


def line_posterior(x: list[float], y: list[float], length: float, noise: float) -> Posterior:
    return condition(
        LINE,
        FLAT,
        Hyperparameters(np.array([length]), noise, SHARE),
        np.array(x)[:, None],
        np.array(y),
        np.zeros(len(x)),
        NOTHING,
    )


def mixed_data(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    unit = MIXED.snap(rng.random((n, len(MIXED))))
    return unit, np.sin(5 * unit[:, 0]) + (unit[:, 1] > 0.5) + unit[:, 2] * unit[:, 3]


@pytest.mark.parametrize("distance", [0.0, 0.3, 1.0, 4.0])
def test_kernel_and_its_slope(distance: float) -> None:
    squared = np.array([distance**2])
    value, slope = matern52_with_slope(squared)
    step = 1e-6
    numeric = (matern52(squared + step) - matern52(np.abs(squared - step))) / (2 * step)
    assert matern52(squared)[0] == pytest.approx(matern(distance))
    assert value[0] == matern52(squared)[0]
    if distance:
        assert slope[0] == pytest.approx(numeric[0], rel=1e-6)
    else:
        assert slope[0] == pytest.approx(-5 / 6)


def test_one_observation() -> None:
    """The best constant mean is the value; s^2 = 2 / 3 by the prior; var = s^2 (1 - k^2 / r)."""
    posterior = line_posterior([0.4], [1.7], length=0.5, noise=0.01)
    mean, std = posterior.predict(np.array([[0.4], [0.6], [1.0]]))
    k = np.array([correlation(abs(x - 0.4) / 0.5) for x in (0.4, 0.6, 1.0)])
    assert mean == pytest.approx([1.7] * 3)
    assert std**2 == pytest.approx(2 / 3 * (1 - k**2 / (1.01 + JITTER)), rel=1e-6)


def test_two_observations() -> None:
    """With values -1, 1 the mean is 0 and R^-1 (y - mean) = y / (r - c)."""
    r, c = 1.05 + JITTER, correlation(0.4 / 0.3)
    posterior = line_posterior([0.3, 0.7], [-1.0, 1.0], length=0.3, noise=0.05)
    x = np.array([0.1, 0.3, 0.62])
    left = np.array([correlation(abs(v - 0.3) / 0.3) for v in x])
    right = np.array([correlation(abs(v - 0.7) / 0.3) for v in x])
    variance = (2 / (r - c) + 2) / 4
    explained = (r * (left**2 + right**2) - 2 * c * left * right) / (r * r - c * c)
    mean, std = posterior.predict(x[:, None])
    assert mean == pytest.approx((right - left) / (r - c))
    assert std**2 == pytest.approx(variance * (1 - explained))


def test_a_noisy_observation_pulls_less() -> None:
    x, y = np.array([[0.2], [0.8]]), np.array([0.0, 1.0])
    hyperparameters = Hyperparameters(np.array([0.2]), 1e-4, SHARE)
    even = condition(LINE, FLAT, hyperparameters, x, y, np.zeros(2), NOTHING)
    uneven = condition(LINE, FLAT, hyperparameters, x, y, np.array([0.0, 1.0]), NOTHING)
    at = np.array([[0.8]])
    assert uneven.predict(at)[0][0] < even.predict(at)[0][0] - 0.1
    assert uneven.predict(at)[1][0] > even.predict(at)[1][0] + 0.1


def test_the_sides_are_expected_to_be_worse_than_the_middle() -> None:
    """Half a spread times sqrt(4) along the three numeric axes; the category has no middle."""
    corner = np.array([[0.0, 0.125, 1.0, 0.1], [0.5, 0.875, 0.5, 0.5]])
    assert BOWL.at(corner) == pytest.approx([0.25 * (1 + 1 + 0.8**2), 0.0])


def test_the_process_models_what_is_over_the_bowl() -> None:
    unit, y = mixed_data(15)
    at, pending = mixed_data(5, seed=3)[0], unit[12:]
    flat = Bowl.over(MIXED, 0.0)
    over = y[:12] - BOWL.at(unit[:12])
    expected = condition(MIXED, flat, FITTED, unit[:12], over, np.zeros(12), pending)
    found = condition(MIXED, BOWL, FITTED, unit[:12], y[:12], np.zeros(12), pending)
    assert found.predict(at)[0] == pytest.approx(expected.predict(at)[0] + BOWL.at(at))
    assert found.predict(at)[1] == pytest.approx(expected.predict(at)[1])
    assert found.believed == pytest.approx(expected.believed + BOWL.at(pending))


def test_believing_leaves_the_mean_and_lowers_the_std() -> None:
    unit, y = mixed_data(12)
    at = mixed_data(5, seed=3)[0]
    alone = condition(MIXED, BOWL, FITTED, unit[:9], y[:9], np.zeros(9), unit[:0])
    believing = condition(MIXED, BOWL, FITTED, unit[:9], y[:9], np.zeros(9), unit[9:])
    assert believing.predict(at)[0] == pytest.approx(alone.predict(at)[0])
    assert believing.believed == pytest.approx(alone.predict(unit[9:])[0])
    assert (believing.predict(at)[1] < alone.predict(at)[1]).all()


@pytest.mark.parametrize("share", [0.0, SHARE])
def test_believing_is_conditioning_on_the_expected_values(share: float) -> None:
    """Std given pending runs, written with the textbook's inverse (eq. 2.26)."""
    unit, y = mixed_data(12)
    at = mixed_data(5, seed=3)[0]
    fitted = replace(FITTED, own_share=share)
    posterior = condition(MIXED, BOWL, fitted, unit[:9], y[:9], np.zeros(9), unit[9:])
    k = mixed_correlations(at, unit, FITTED.length_scales, share)
    r = mixed_correlations(unit, unit, FITTED.length_scales, share) + (1e-3 + JITTER) * np.eye(12)
    explained = np.einsum("mn,nm->m", k, np.linalg.solve(r, k.T))
    assert posterior.predict(at)[1] ** 2 == pytest.approx(posterior.variance * (1 - explained))


@pytest.mark.parametrize("share", [0.0, SHARE])
def test_many_configurations_are_predicted_as_few_are(share: float) -> None:
    """They are computed in blocks of some thousand pairs."""
    unit, y = mixed_data(60)
    fitted = replace(FITTED, own_share=share)
    posterior = condition(MIXED, BOWL, fitted, unit, y, np.zeros(60), mixed_data(90, seed=4)[0])
    at = mixed_data(1200, seed=6)[0]
    mean, std = posterior.predict(at)
    for i in (0, 500, 1199):
        assert (mean[i], std[i]) == pytest.approx([v[0] for v in posterior.predict(at[i : i + 1])])
    shares = mixed_correlations(unit[:1], posterior.unit, FITTED.length_scales, share)
    lower = np.linalg.inv(posterior.inverse_lower)
    assert (lower @ lower.T)[0, 1:] == pytest.approx(shares[0, 1:], abs=1e-9)


def test_a_pending_run_speaks_for_all_that_have_one_of_its_values() -> None:
    plane = Axes((Axis(), Axis()))
    rng = np.random.default_rng(0)
    unit, y = rng.random((6, 2)) * 0.2, rng.standard_normal(6)
    pending, afar = np.array([[0.6, 0.5]]), np.array([[0.6, 1.0]])

    def surprise_left(share: float) -> float:
        fitted = Hyperparameters(np.array([0.2, 0.2]), 1e-3, share)
        before, after = (
            condition(plane, Bowl.over(plane, 0.0), fitted, unit, y, np.zeros(6), out).predict(
                afar
            )[1][0]
            for out in (pending[:0], pending)
        )
        return float(after / before)

    assert surprise_left(0.0) > 0.99
    assert surprise_left(0.6) < 0.97


@pytest.mark.parametrize("share", [0.0, SHARE])
def test_gradient_by_x(share: float) -> None:
    unit, y = mixed_data(15)
    fitted = replace(FITTED, own_share=share)
    posterior = condition(MIXED, BOWL, fitted, unit, y, np.zeros(15), unit[:2] * 0.9)
    at = mixed_data(4, seed=5)[0]
    by_mean, by_std = np.full(4, 0.7), np.full(4, -1.3)
    gradient = posterior.predict_with_gradient(at).gradient(by_mean, by_std)
    for axis in (0, 2):
        step = np.zeros(4)
        step[axis] = 1e-5
        (m1, s1), (m0, s0) = posterior.predict(at + step), posterior.predict(at - step)
        numeric = ((m1 - m0) * by_mean + (s1 - s0) * by_std) / 2e-5
        assert gradient[:, axis] == pytest.approx(numeric, rel=1e-5, abs=1e-7)


@given(seed=st.integers(0, 50), n=st.integers(2, 12), prior=st.sampled_from([PRIOR, WITHOUT_SHARE]))
def test_gradient_by_hyperparameters(seed: int, n: int, prior: Prior) -> None:
    unit, y = mixed_data(n, seed)
    squared = pairs_of(MIXED, unit)
    extra = np.linspace(0, 0.2, n)
    theta = np.random.default_rng(seed).uniform([-2] * 4 + [-8, -3], [1] * 4 + [-1, 3])
    theta = theta[: len(prior.mode(4).theta)]
    _, gradient = negative_log_posterior(theta, squared, y, extra, prior)
    for j in range(len(theta)):
        step = np.zeros(len(theta))
        step[j] = 1e-5
        numeric = (
            negative_log_posterior(theta + step, squared, y, extra, prior)[0]
            - negative_log_posterior(theta - step, squared, y, extra, prior)[0]
        ) / 2e-5
        assert gradient[j] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("prior", [PRIOR, WITHOUT_SHARE])
def test_the_likelihood_is_that_of_the_textbook(prior: Prior) -> None:
    """Differences in theta of the profiled likelihood, written with determinant and inverse."""
    unit, y = mixed_data(8)

    def by_the_book(theta: np.ndarray) -> float:
        log_noise, logits = theta[4], theta[5:]
        share = sum(1 / (1 + math.exp(-logit)) for logit in logits)
        r = mixed_correlations(unit, unit, np.exp(theta[:4]), share)
        r += (math.exp(log_noise) + JITTER) * np.eye(8)
        ones = np.ones(8)
        mean = ones @ np.linalg.solve(r, y) / (ones @ np.linalg.solve(r, ones))
        variance = ((y - mean) @ np.linalg.solve(r, y - mean) + 2) / 10
        log_density = -((theta[:4] - 1.0) ** 2).sum() / (2 * 1.5**2) - theta[:4].sum()
        log_density -= (log_noise + 6.0) ** 2 / (2 * 2.0**2)
        log_density -= ((logits + 1.0) ** 2).sum() / (2 * 1.5**2)
        return 5 * math.log(variance) + 0.5 * math.log(np.linalg.det(r)) - log_density

    a = np.array([-1.0, 0.2, -0.5, 0.0, -4.0, 0.5])
    b = np.array([0.3, -0.4, 0.1, 0.5, -2.0, -1.5])
    a, b = a[: len(prior.mode(4).theta)], b[: len(prior.mode(4).theta)]
    squared = pairs_of(MIXED, unit)
    extra = np.zeros(8)
    difference = (
        negative_log_posterior(a, squared, y, extra, prior)[0]
        - negative_log_posterior(b, squared, y, extra, prior)[0]
    )
    assert difference == pytest.approx(by_the_book(a) - by_the_book(b))


def test_the_fit_distinguishes_axes_that_matter_from_those_that_do_not() -> None:
    rng = np.random.default_rng(3)
    axes = Axes((Axis(), Axis(), Axis()))
    unit = rng.random((40, 3))
    y = np.sin(6 * unit[:, 0]) + 0.3 * unit[:, 1]
    y = (y - y.mean()) / y.std()
    squared = axes.squared_differences(unit, unit)
    found = fit(squared, y, np.zeros(40), PRIOR, 40)
    important, weak, irrelevant = found.length_scales
    assert important < weak < irrelevant
    assert important < 1
    assert found.noise < 1e-3


def test_the_fit_recognises_noise() -> None:
    rng = np.random.default_rng(3)
    unit = rng.random((60, 1))
    y = np.sin(6 * unit[:, 0]) + rng.standard_normal(60)
    squared = LINE.squared_differences(unit, unit)
    found = fit(squared, y / y.std(), np.zeros(60), PRIOR, 40)
    assert found.noise > 0.1


def test_the_fit_finds_parameters_that_matter_each_on_its_own() -> None:
    rng = np.random.default_rng(3)
    axes = Axes((Axis(), Axis(), Axis()))
    unit = rng.random((30, 3))
    squared = axes.squared_differences(unit, unit)
    alone = np.sin(6 * unit[:, 0]) + np.cos(5 * unit[:, 1]) + 2 * unit[:, 2] ** 2
    together = np.sin(8 * unit[:, 0] * unit[:, 1] + 6 * unit[:, 2])

    def share_of(y: np.ndarray) -> float:
        standardised = (y - y.mean()) / y.std()
        return fit(squared, standardised, np.zeros(30), PRIOR, 40).own_share

    assert share_of(alone) > 0.5
    assert share_of(together) < 0.2


def test_doubled_configurations_do_no_harm() -> None:
    posterior = line_posterior([0.5] * 30 + [0.6], [1.0] * 30 + [1.1], length=50.0, noise=1e-9)
    mean, std = posterior.predict(np.array([[0.5], [0.55]]))
    assert np.isfinite(mean).all()
    assert (std > 0).all()
