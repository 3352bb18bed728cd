"""The settings of each real tuning table: (parameter, values, how optimisers see it).

"log" and "linear" are continuous between the first and the last value (the table is interpolated
linearly between grid values), "integer", "ordered" and "category" take grid values only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Grid = list[tuple[str, tuple[Any, ...], str]]


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

DEVELOPMENT_GRIDS: dict[str, Grid] = {
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
    "quadratic_digits": [
        ("scaler", ("none", "standard", "range", "robust"), "category"),
        ("n_axes", tuple(range(3, 33)), "integer"),
        ("shrinkage", log_values(1e-6, 1.0, 10), "log"),
        ("whiten", (False, True), "category"),
    ],
    "forest_outliers": [
        ("max_depth", tuple(range(1, 9)), "integer"),
        ("max_features", linear_values(0.1, 1.0, 4), "linear"),
        ("min_leaf", (1, 3, 9, 27), "ordered"),
        ("max_samples", linear_values(0.1, 1.0, 4), "linear"),
        ("criterion", ("squared_error", "absolute_error"), "category"),
    ],
    "nystroem_hastie": [
        ("gamma", log_values(1e-4, 10.0, 9), "log"),
        ("n_landmarks", (5, 15, 45, 135), "ordered"),
        ("kernel", ("rbf", "laplacian", "sigmoid", "cosine"), "category"),
        ("c", log_values(1e-3, 1e4, 8), "log"),
        ("loss", ("hinge", "squared_hinge"), "category"),
    ],
    "fourier_swiss_roll": [
        ("gamma", log_values(1e-3, 30.0, 11), "log"),
        ("n_waves", (10, 20, 40, 80, 160), "ordered"),
        ("alpha", log_values(1e-5, 100.0, 8), "log"),
        ("scale", linear_values(0.3, 1.7, 8), "linear"),
    ],
    "process_circles": [
        ("length", log_values(0.03, 30.0, 11), "log"),
        ("amplitude", log_values(0.03, 1000.0, 8), "log"),
        ("kernel", ("rbf", "rough", "smooth", "mixed"), "category"),
        ("scale", linear_values(0.2, 1.4, 5), "linear"),
    ],
    "mixture_blobs": [
        ("n_parts", tuple(range(1, 13)), "integer"),
        ("covariance", ("full", "tied", "diag", "spherical"), "category"),
        ("floor", log_values(1e-6, 10.0, 8), "log"),
        ("start", ("kmeans", "random"), "category"),
        ("max_iter", (1, 4, 16, 64), "ordered"),
    ],
    "huber_outliers": [
        ("epsilon", linear_values(1.01, 4.0, 9), "linear"),
        ("alpha", log_values(1e-4, 1e4, 9), "log"),
        ("degree", (1, 2), "integer"),
        ("max_iter", (5, 10, 20, 40, 80), "ordered"),
    ],
    "spline_waves": [
        ("n_knots", tuple(range(2, 22)), "integer"),
        ("degree", (1, 2, 3, 4), "integer"),
        ("knots", ("uniform", "quantile"), "category"),
        ("extrapolation", ("constant", "linear", "continue"), "category"),
        ("alpha", log_values(1e-5, 100.0, 8), "log"),
    ],
    "selected_svm_classes": [
        ("n_features", (1, 2, 3, 5, 8, 13, 21, 34, 60), "ordered"),
        ("c", log_values(1e-4, 100.0, 7), "log"),
        ("loss", ("hinge", "squared_hinge"), "category"),
        ("intercept", log_values(0.01, 100.0, 5), "log"),
        ("weight", log_values(0.3, 30.0, 5), "log"),
    ],
    "bayes_cancer": [
        ("n_axes", tuple(range(1, 31)), "integer"),
        ("smoothing", log_values(1e-9, 10.0, 11), "log"),
        ("method", ("none", "sigmoid", "isotonic"), "category"),
        ("n_folds", (2, 3, 5), "ordered"),
    ],
    "momentum_classes": [
        ("lr", log_values(1e-3, 3.0, 8), "log"),
        ("momentum", linear_values(0.0, 0.98, 5), "linear"),
        ("batch", (8, 32, 128), "ordered"),
        ("nesterovs", (False, True), "category"),
        ("alpha", log_values(1e-5, 10.0, 4), "log"),
        ("schedule", ("constant", "invscaling"), "category"),
    ],
    "histogram_moons": [
        ("lr", log_values(0.01, 10.0, 7), "log"),
        ("leaves", (2, 4, 12), "ordered"),
        ("min_leaf", (3, 10, 30), "ordered"),
        ("l2", log_values(1e-3, 100.0, 4), "log"),
        ("n_trees", (10, 40), "ordered"),
        ("max_features", linear_values(0.5, 1.0, 2), "linear"),
    ],
    "tweedie_positive": [
        ("power", linear_values(1.0, 3.0, 5), "linear"),
        ("alpha", log_values(1e-5, 10.0, 9), "log"),
        ("degree", (1, 2, 3), "integer"),
        ("max_iter", (2, 5, 12, 30, 75), "ordered"),
    ],
    "sgd_low_rank": [
        ("alpha", log_values(1e-6, 10.0, 6), "log"),
        ("eta0", log_values(1e-5, 1.0, 10), "log"),
        ("loss", ("squared_error", "huber", "epsilon_insensitive"), "category"),
        ("schedule", ("constant", "invscaling", "adaptive"), "category"),
        ("decay", linear_values(0.1, 0.9, 3), "linear"),
        ("average", (False, True), "category"),
    ],
    "nu_svm_iris": [
        ("nu", linear_values(0.02, 0.98, 13), "linear"),
        ("gamma", log_values(1e-5, 100.0, 11), "log"),
        ("kernel", ("rbf", "poly", "sigmoid"), "category"),
        ("degree", (1, 2, 3, 4), "integer"),
        ("scaler", ("none", "standard", "range"), "category"),
    ],
    "tree_quantiles": [
        ("max_depth", (2, 4, 6, 9, 13), "ordered"),
        ("min_leaf", (1, 4, 12, 36), "ordered"),
        ("min_split", (2, 16, 64), "ordered"),
        ("max_features", linear_values(0.2, 1.0, 3), "linear"),
        ("pruning", log_values(1e-4, 3e-2, 3), "log"),
        ("criterion", ("gini", "entropy"), "category"),
        ("splitter", ("best", "random"), "category"),
        ("is_balanced", (False, True), "category"),
    ],
}
