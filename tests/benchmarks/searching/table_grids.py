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
    "boosting_cancer": [
        ("lr", log_values(0.01, 1.0, 6), "log"),
        ("depth", tuple(range(1, 6)), "integer"),
        ("n_trees", (10, 30, 90), "ordered"),
        ("subsample", linear_values(0.3, 1.0, 4), "linear"),
    ],
    "histogram_friedman1": [
        ("lr", log_values(0.01, 1.0, 6), "log"),
        ("leaves", (3, 7, 15, 31), "ordered"),
        ("min_leaf", (2, 5, 15, 45), "ordered"),
        ("l2", log_values(1e-4, 100.0, 3), "log"),
        ("n_trees", (20, 60), "ordered"),
    ],
    "extra_trees_classes": [
        ("max_depth", tuple(range(2, 14)), "integer"),
        ("max_features", linear_values(0.1, 1.0, 5), "linear"),
        ("min_leaf", (1, 2, 4, 8, 16), "ordered"),
        ("criterion", ("gini", "entropy"), "category"),
        ("is_balanced", (False, True), "category"),
    ],
    "neighbours_digits": [
        ("n", tuple(range(1, 16)), "integer"),
        ("metric", ("euclidean", "manhattan", "chebyshev", "cosine"), "category"),
        ("weights", ("uniform", "distance"), "category"),
        ("n_axes", tuple(range(3, 31, 3)), "ordered"),
        ("scaler", ("none", "standard", "range"), "category"),
    ],
    "logistic_classes": [
        ("c", log_values(1e-4, 1e4, 13), "log"),
        ("penalty", ("l1", "l2", "elasticnet"), "category"),
        ("l1_ratio", linear_values(0.0, 1.0, 5), "linear"),
        ("max_iter", (2, 8, 32, 128), "ordered"),
        ("is_balanced", (False, True), "category"),
    ],
    "net_diabetes": [
        ("alpha", log_values(1e-3, 100.0, 11), "log"),
        ("l1_ratio", linear_values(0.0, 1.0, 6), "linear"),
        ("degree", (1, 2, 3), "integer"),
        ("interactions", (False, True), "category"),
        ("max_iter", (5, 20, 80), "ordered"),
    ],
    "svr_friedman2": [
        ("c", log_values(1e-1, 1e5, 9), "log"),
        ("gamma", log_values(1e-5, 10.0, 9), "log"),
        ("epsilon", log_values(0.1, 300.0, 5), "log"),
        ("kernel", ("rbf", "poly", "sigmoid", "linear"), "category"),
    ],
    "network_friedman1": [
        ("lr", log_values(1e-4, 0.3, 7), "log"),
        ("alpha", log_values(1e-5, 10.0, 4), "log"),
        ("width", (4, 16, 64), "ordered"),
        ("depth", (1, 2, 3), "integer"),
        ("activation", ("relu", "tanh", "logistic"), "category"),
    ],
    "tree_friedman3": [
        ("max_depth", tuple(range(1, 17)), "integer"),
        ("min_leaf", (1, 2, 4, 6, 8, 12, 16, 24, 32), "ordered"),
        ("pruning", log_values(1e-5, 1e-1, 6), "log"),
        ("splitter", ("best", "random"), "category"),
        ("criterion", ("squared_error", "absolute_error"), "category"),
    ],
    "ridge_friedman1": [
        ("alpha", log_values(1e-5, 100.0, 8), "log"),
        ("gamma", log_values(1e-4, 10.0, 9), "log"),
        ("kernel", ("rbf", "laplacian", "polynomial"), "category"),
        ("degree", (1, 2, 3, 4), "integer"),
        ("coef0", linear_values(0.0, 2.0, 3), "linear"),
    ],
    "stumps_classes": [
        ("lr", log_values(0.01, 3.0, 8), "log"),
        ("n_trees", (5, 10, 20, 40), "ordered"),
        ("depth", tuple(range(1, 7)), "integer"),
        ("min_leaf", (1, 4, 16), "ordered"),
    ],
    "svm_wine": [
        ("scaler", ("none", "standard", "range", "robust"), "category"),
        ("n_axes", tuple(range(2, 12)), "integer"),
        ("c", log_values(1e-2, 1e4, 9), "log"),
        ("gamma", log_values(1e-5, 10.0, 9), "log"),
    ],
}

#: Tables that nobody tuned on.
HELD_OUT = (
    "boosting_cancer",
    "histogram_friedman1",
    "extra_trees_classes",
    "neighbours_digits",
    "logistic_classes",
    "net_diabetes",
    "svr_friedman2",
    "network_friedman1",
    "tree_friedman3",
    "ridge_friedman1",
    "stumps_classes",
    "svm_wine",
)
