"""The settings of each real tuning table: (parameter, values, how optimisers see it).

"log" and "linear" are continuous between the first and the last value (the table is interpolated
linearly between grid values), "integer", "ordered" and "category" take grid values only.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def log_values(low: float, high: float, n: int) -> tuple[float, ...]:
    return tuple(float(v) for v in np.geomspace(low, high, n))


def linear_values(low: float, high: float, n: int) -> tuple[float, ...]:
    return tuple(float(v) for v in np.linspace(low, high, n))


_SVM = [
    ("c", log_values(1e-3, 1e4, 10), "log"),
    ("gamma", log_values(1e-6, 10.0, 11), "log"),
    ("kernel", ("rbf", "poly", "sigmoid"), "category"),
    ("coef0", (0.0, 0.5, 1.0), "linear"),
]
_FOREST = [
    ("max_depth", tuple(range(1, 13)), "integer"),
    ("max_features", linear_values(0.05, 1.0, 6), "linear"),
    ("min_leaf", (1, 2, 4, 8, 16, 32), "ordered"),
    ("criterion", ("gini", "entropy"), "category"),
]
_NETWORK = [
    ("lr", log_values(1e-4, 0.3, 9), "log"),
    ("alpha", log_values(1e-6, 10.0, 5), "log"),
    ("width", (8, 16, 32, 64), "ordered"),
    ("batch", (16, 32, 64, 128), "ordered"),
    ("activation", ("relu", "tanh"), "category"),
]

GRIDS: dict[str, list[tuple[str, tuple[Any, ...], str]]] = {
    "svm_digits": _SVM,
    "forest_cancer": _FOREST,
    "boosting_diabetes": [
        ("lr", log_values(3e-3, 1.0, 7), "log"),
        ("depth", tuple(range(1, 7)), "integer"),
        ("n_trees", (10, 20, 40, 80, 160), "ordered"),
        ("subsample", linear_values(0.3, 1.0, 4), "linear"),
        ("max_features", linear_values(0.1, 1.0, 3), "linear"),
    ],
    "network_digits": _NETWORK,
    "svr_diabetes": [
        ("c", log_values(1e-3, 1e4, 12), "log"),
        ("gamma", log_values(1e-6, 10.0, 12), "log"),
        ("epsilon", log_values(1e-3, 1.0, 8), "log"),
    ],
    "svm_cancer": _SVM,
    "forest_digits": _FOREST,
    "sgd_wine": [
        ("alpha", log_values(1e-7, 1.0, 9), "log"),
        ("eta0", log_values(1e-5, 10.0, 9), "log"),
        ("l1_ratio", linear_values(0.0, 1.0, 4), "linear"),
        ("loss", ("hinge", "log_loss", "modified_huber", "perceptron"), "category"),
    ],
    "network_cancer": _NETWORK,
    "neighbours_diabetes": [
        ("n", tuple(range(1, 41)), "integer"),
        ("p", linear_values(1.0, 4.0, 4), "linear"),
        ("weights", ("uniform", "distance"), "category"),
        ("scale", linear_values(0.5, 1.5, 9), "linear"),
    ],
    "extra_trees_diabetes": [
        ("max_depth", tuple(range(1, 17)), "integer"),
        ("max_features", linear_values(0.1, 1.0, 6), "linear"),
        ("min_split", (2, 4, 8, 16, 32, 64), "ordered"),
        ("bootstrap", (False, True), "category"),
    ],
}

#: Tables that development never looked at.
HELD_OUT = (
    "svm_cancer",
    "forest_digits",
    "sgd_wine",
    "network_cancer",
    "neighbours_diabetes",
    "extra_trees_diabetes",
)
