"""The settings of the real tuning tables that nobody tuned on; see ``table_grids.py``."""

from __future__ import annotations

from searching.table_grids import Grid, linear_values, log_values

HELD_OUT_GRIDS: dict[str, Grid] = {
    "leaves_clusters": [
        ("lr", log_values(0.01, 2.0, 7), "log"),
        ("leaves", (2, 4, 8, 16, 32), "ordered"),
        ("subsample", linear_values(0.25, 1.0, 4), "linear"),
        ("max_features", linear_values(0.1, 1.0, 3), "linear"),
        ("min_leaf", (1, 8), "ordered"),
    ],
    "histogram_lags": [
        ("lr", log_values(0.01, 1.0, 6), "log"),
        ("leaves", (2, 4, 8, 20), "ordered"),
        ("l2", log_values(1e-3, 1000.0, 4), "log"),
        ("bins", (4, 32), "ordered"),
        ("columns", linear_values(0.2, 1.0, 3), "linear"),
        ("loss", ("squared_error", "absolute_error"), "category"),
    ],
    "quantile_spread": [
        ("lr", log_values(0.01, 1.0, 6), "log"),
        ("depth", tuple(range(1, 6)), "integer"),
        ("n_trees", (6, 15, 40), "ordered"),
        ("subsample", linear_values(0.2, 1.0, 3), "linear"),
        ("min_leaf", (1, 6, 24), "ordered"),
    ],
    "network_topics": [
        ("lr", log_values(1e-4, 0.3, 8), "log"),
        ("batch", (8, 32, 128), "ordered"),
        ("width", (4, 16, 64), "ordered"),
        ("depth", (1, 2), "integer"),
        ("activation", ("relu", "tanh", "logistic"), "category"),
        ("alpha", log_values(1e-3, 3.0, 2), "log"),
    ],
    "momentum_lags": [
        ("lr", log_values(1e-4, 0.5, 8), "log"),
        ("momentum", linear_values(0.0, 0.96, 5), "linear"),
        ("batch", (8, 32, 128), "ordered"),
        ("width", (4, 16, 64), "ordered"),
        ("activation", ("relu", "tanh"), "category"),
    ],
    "weighted_svm_rare": [
        ("c", log_values(1e-2, 1e4, 9), "log"),
        ("gamma", log_values(1e-4, 10.0, 9), "log"),
        ("weight", log_values(0.3, 30.0, 5), "log"),
        ("kernel", ("rbf", "poly", "sigmoid"), "category"),
    ],
    "forest_topics": [
        ("max_depth", (1, 2, 3, 5, 8, 13, 21), "ordered"),
        ("max_features", log_values(0.01, 1.0, 5), "log"),
        ("min_leaf", (1, 3, 9), "ordered"),
        ("n_trees", (3, 8, 20), "ordered"),
        ("weights", ("none", "balanced", "balanced_subsample"), "category"),
    ],
    "net_linnerud": [
        ("alpha", log_values(1e-3, 10.0, 13), "log"),
        ("l1_ratio", linear_values(0.0, 1.0, 5), "linear"),
        ("degree", (1, 2, 3), "integer"),
        ("interactions", (False, True), "category"),
        ("scaler", ("standard", "range", "robust"), "category"),
    ],
    "logistic_topics": [
        ("c", log_values(1e-3, 1e4, 9), "log"),
        ("penalty", ("l1", "l2"), "category"),
        ("n_words", (3, 6, 12, 25, 50, 90), "ordered"),
        ("has_idf", (False, True), "category"),
        ("norm", ("none", "l1", "l2"), "category"),
    ],
    "neighbours_overlapping": [
        ("n", (1, 2, 3, 5, 8, 12, 18, 26, 36, 48, 62, 80), "ordered"),
        ("p", linear_values(1.0, 3.0, 3), "linear"),
        ("weights", ("uniform", "distance"), "category"),
        ("scaler", ("none", "range", "robust"), "category"),
        ("n_features", (2, 4, 8, 16, 30), "ordered"),
    ],
    "selected_ridge_products": [
        ("degree", (1, 2, 3), "integer"),
        ("n_features", tuple(range(1, 13)), "integer"),
        ("alpha", log_values(1e-3, 1e4, 8), "log"),
        ("interactions", (False, True), "category"),
        ("scaler", ("none", "standard", "range"), "category"),
    ],
    "scheduled_cancer": [
        ("alpha", log_values(1e-6, 1.0, 7), "log"),
        ("eta0", log_values(1e-4, 10.0, 6), "log"),
        ("schedule", ("constant", "optimal", "invscaling", "adaptive"), "category"),
        ("decay", linear_values(0.1, 0.9, 3), "linear"),
        ("loss", ("log_loss", "modified_huber"), "category"),
        ("penalty", ("l2", "l1"), "category"),
    ],
    "svr_prices": [
        ("c", log_values(1e-2, 1e3, 9), "log"),
        ("gamma", log_values(1e-4, 3.0, 9), "log"),
        ("epsilon", log_values(1e-2, 1.0, 4), "log"),
        ("target", ("none", "log", "power", "quantile"), "category"),
    ],
    "whitened_svm_digits": [
        ("n_axes", (2, 4, 6, 9, 13, 18, 25, 34, 50), "ordered"),
        ("is_whitened", (False, True), "category"),
        ("c", log_values(1e-2, 1e3, 8), "log"),
        ("gamma", log_values(1e-4, 30.0, 9), "log"),
    ],
    "process_seasons": [
        ("period", linear_values(0.3, 2.1, 13), "linear"),
        ("length", log_values(0.1, 100.0, 6), "log"),
        ("noise", log_values(1e-3, 10.0, 6), "log"),
        ("season", log_values(0.2, 5.0, 4), "log"),
        ("trend", ("rbf", "rough", "mixed"), "category"),
    ],
    "anomalies_cancer": [
        ("nu", linear_values(0.01, 0.91, 10), "linear"),
        ("gamma", log_values(1e-5, 1.0, 8), "log"),
        ("kernel", ("rbf", "sigmoid", "poly"), "category"),
        ("n_axes", (1, 2, 5, 12, 30), "ordered"),
    ],
    "families_clusters": [
        ("family", ("logistic", "svm", "forest", "neighbours"), "category"),
        ("strength", log_values(1e-2, 1e2, 9), "log"),
        ("share", linear_values(0.0, 1.0, 5), "linear"),
        ("n_axes", tuple(range(2, 13, 2)), "ordered"),
    ],
}
