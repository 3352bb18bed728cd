"""More data for the tuning tables: generated ones, and parts of those scikit-learn holds.

Needs scikit-learn: imported by ``make_tables.py`` alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn import datasets

from searching.data_sets import Data


def _topics() -> Data:
    """Word counts of short texts, each mostly about one of four topics that share words."""
    rng = np.random.default_rng(4)
    words = rng.dirichlet(np.full(90, 0.12), size=4)
    words = 0.45 * words + 0.55 * words.mean(axis=0)
    y = rng.choice(4, size=400, p=[0.4, 0.3, 0.2, 0.1])
    mixture = 0.6 * np.eye(4)[y] + 0.4 * rng.dirichlet(np.ones(4), size=len(y))
    x = np.stack([rng.multinomial(rng.integers(10, 60), row) for row in mixture @ words])
    return x.astype(float), y


def _lags(n_lags: int = 10) -> Data:
    """The next value of a series with two regimes and a season, after its last ones."""
    rng = np.random.default_rng(5)
    series = np.zeros(420)
    for t in range(2, len(series)):
        rising = 0.8 * series[t - 1] - 0.5 * series[t - 2]
        falling = -0.6 * series[t - 1] + 0.2 * series[t - 2] ** 2 / (1 + series[t - 2] ** 2)
        drift = rising if series[t - 1] < 0.4 else falling
        series[t] = drift + np.sin(2 * np.pi * t / 9) + 0.35 * rng.standard_normal()
    windows = np.lib.stride_tricks.sliding_window_view(series[20:], n_lags + 1)
    return windows[:, :-1].copy(), windows[:, -1].copy()


def _prices() -> Data:
    """Skewed prices: area, age, distance, quality and five columns that hardly count."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((320, 9))
    quality = np.where(x[:, 3] > 0.5, 0.6, 0.0) * (1 + 0.5 * x[:, 0])
    worth = 0.7 * x[:, 0] - 0.5 * np.abs(x[:, 1]) + 0.4 * np.tanh(2 * x[:, 2]) + quality
    return x, np.exp(worth + 0.05 * x[:, 4:].sum(axis=1) + 0.25 * rng.standard_normal(len(x)))


def _seasons() -> Data:
    """A series over time with a trend, a season and a slower wave."""
    rng = np.random.default_rng(7)
    time = np.sort(rng.uniform(0.0, 10.0, 150))
    season = np.sin(2 * np.pi * time / 0.9) + 0.4 * np.sin(4 * np.pi * time / 0.9 + 1)
    signal = season + 0.05 * (time - 4) ** 2 + 0.6 * np.sin(0.8 * time)
    return time[:, None], signal - signal.mean() + 0.3 * rng.standard_normal(len(time))


def _spread() -> Data:
    """A target whose spread grows with one column while its middle follows others."""
    rng = np.random.default_rng(8)
    x = rng.uniform(-1.0, 1.0, (350, 6))
    middle = 2 * x[:, 0] * x[:, 1] + np.cos(3 * x[:, 2])
    return x, middle + (0.2 + 0.8 * (x[:, 3] > 0) * x[:, 3]) * rng.gamma(2.0, 0.7, len(x))


def _products() -> Data:
    """Twelve columns; the target is made of products of few of them."""
    x, y = datasets.make_sparse_uncorrelated(260, 12, random_state=9)
    return x, y + 1.5 * x[:, 0] * x[:, 4] - 1.2 * x[:, 1] ** 2 + x[:, 5] * x[:, 6] * x[:, 2]


def _hard_digits() -> Data:
    """The digits that are taken for each other, blurred by noise."""
    x, y = datasets.load_digits(return_X_y=True)
    chosen = np.isin(y, (3, 5, 8, 9))
    rng = np.random.default_rng(10)
    return x[chosen] + 3.0 * rng.standard_normal((int(chosen.sum()), x.shape[1])), y[chosen]


def _linnerud() -> Data:
    """Three measures of twenty people from three exercises, each measure standardised."""
    x, y = datasets.load_linnerud(return_X_y=True)
    return x, (y - y.mean(axis=0)) / y.std(axis=0)


def _few_malignant() -> Data:
    """Tumours of which one in nine is malignant: 0 is malignant, 1 is not."""
    x, y = datasets.load_breast_cancer(return_X_y=True)
    chosen = np.r_[np.flatnonzero(y == 1)[:320], np.flatnonzero(y == 0)[:40]]
    return x[chosen], y[chosen]


GENERATED: dict[str, Callable[[], Data]] = {
    "clusters": lambda: datasets.make_classification(
        420,
        12,
        n_informative=6,
        n_redundant=2,
        n_clusters_per_class=5,
        flip_y=0.04,
        class_sep=1.2,
        random_state=11,
    ),
    "rare_clusters": lambda: datasets.make_classification(
        600,
        10,
        n_informative=5,
        n_clusters_per_class=3,
        weights=[0.92],
        flip_y=0.02,
        random_state=12,
    ),
    "overlapping": lambda: datasets.make_classification(
        360, 30, n_informative=8, n_redundant=10, n_classes=3, class_sep=0.8, random_state=13
    ),
    "topics": _topics,
    "lags": _lags,
    "prices": _prices,
    "seasons": _seasons,
    "spread": _spread,
    "products": _products,
    "hard_digits": _hard_digits,
    "linnerud": _linnerud,
    "few_malignant": _few_malignant,
}
GENERATED_REGRESSION = ("lags", "prices", "seasons", "spread", "products", "linnerud")
