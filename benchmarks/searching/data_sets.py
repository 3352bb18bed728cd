"""The data that the tuning tables are made from: those scikit-learn holds, and generated ones.

Needs scikit-learn: imported by ``make_tables.py`` alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn import datasets

Data = tuple[np.ndarray, np.ndarray]


def _circles() -> Data:
    """Two rings, and two columns of noise beside them."""
    x, y = datasets.make_circles(210, noise=0.15, factor=0.6, random_state=0)
    return np.hstack([x, np.random.default_rng(0).standard_normal((len(x), 2))]), y


def _outliers() -> Data:
    """A linear signal; every sixth row is far above it."""
    x, y = datasets.make_regression(400, 12, n_informative=6, noise=20.0, random_state=0)
    rng = np.random.default_rng(0)
    lifted = rng.random(len(y)) < 1 / 6
    return x, y + lifted * 8.0 * np.std(y) * rng.random(len(y))


def _waves() -> Data:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2.0, 2.0, (300, 3))
    signal = np.sin(4 * x[:, 0]) + np.abs(x[:, 1]) + 0.3 * np.exp(x[:, 2])
    return x, signal + 0.4 * rng.standard_normal(len(x))


def _positive() -> Data:
    """Skewed positive amounts whose logarithm is a quadratic form."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 8))
    mean = np.exp(0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * x[:, 0] * x[:, 2] - 0.2 * x[:, 3] ** 2)
    return x, mean * rng.gamma(1.5, 1 / 1.5, len(x)) + 1e-3


def _low_rank() -> Data:
    x = datasets.make_low_rank_matrix(300, 40, effective_rank=8, random_state=0)
    rng = np.random.default_rng(0)
    y = x @ rng.standard_normal(40) * 10
    return x, y + 0.5 * np.std(y) * rng.standard_normal(len(x))


DATA: dict[str, Callable[[], Data]] = {
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "friedman1": lambda: datasets.make_friedman1(600, noise=1.0, random_state=0),
    "friedman2": lambda: datasets.make_friedman2(400, noise=60.0, random_state=0),
    "friedman3": lambda: datasets.make_friedman3(400, noise=0.1, random_state=0),
    "noisy_classes": lambda: datasets.make_classification(
        500, 20, n_informative=5, n_classes=3, flip_y=0.1, weights=[0.6, 0.3], random_state=0
    ),
    "two_classes": lambda: datasets.make_classification(
        400, 15, n_informative=8, n_redundant=3, flip_y=0.05, class_sep=0.7, random_state=1
    ),
    "rare_classes": lambda: datasets.make_classification(
        450, 25, n_informative=6, n_classes=4, flip_y=0.05, weights=[0.7, 0.15, 0.1], random_state=2
    ),
    "wide_classes": lambda: datasets.make_classification(
        400, 60, n_informative=6, n_redundant=0, flip_y=0.08, weights=[0.8], random_state=3
    ),
    "hastie": lambda: datasets.make_hastie_10_2(600, random_state=0),
    "moons": lambda: datasets.make_moons(500, noise=0.35, random_state=0),
    "quantiles": lambda: datasets.make_gaussian_quantiles(
        n_samples=500, n_features=6, n_classes=4, random_state=0
    ),
    "blobs": lambda: datasets.make_blobs(
        420, 6, centers=7, cluster_std=[0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 4.0], random_state=0
    ),
    "swiss_roll": lambda: datasets.make_swiss_roll(400, noise=1.0, random_state=0),
    "circles": _circles,
    "outliers": _outliers,
    "waves": _waves,
    "positive": _positive,
    "low_rank": _low_rank,
}
REGRESSION = (
    "diabetes",
    "friedman1",
    "friedman2",
    "friedman3",
    "swiss_roll",
    "outliers",
    "waves",
    "positive",
    "low_rank",
)
