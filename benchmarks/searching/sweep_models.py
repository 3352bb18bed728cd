"""Models of scikit-learn as people sweep them: training schedules, text, chains of steps.

Needs scikit-learn: imported by ``make_tables.py`` alone; see ``models.py``.
"""

from __future__ import annotations

import numpy as np
from sklearn import (
    compose,
    decomposition,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    linear_model,
    multiclass,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
)
from sklearn.gaussian_process import kernels

from searching.models import SCALERS


def boosted_with_leaves(
    lr: float, leaves: int, subsample: float, max_features: float, min_leaf: int
) -> object:
    return ensemble.GradientBoostingClassifier(
        learning_rate=lr,
        max_depth=None,
        max_leaf_nodes=leaves,
        subsample=subsample,
        max_features=max_features,
        min_samples_leaf=min_leaf,
        n_estimators=25,
        random_state=0,
    )


def histogram_of_loss(
    lr: float, leaves: int, l2: float, bins: int, columns: float, loss: str
) -> object:
    return ensemble.HistGradientBoostingRegressor(
        loss=loss,
        learning_rate=lr,
        max_leaf_nodes=leaves,
        l2_regularization=l2,
        max_bins=bins,
        max_features=columns,
        max_iter=25,
        early_stopping=False,
        random_state=0,
    )


def boosted_quantile(
    lr: float, depth: int, n_trees: int, subsample: float, min_leaf: int
) -> object:
    return ensemble.GradientBoostingRegressor(
        loss="quantile",
        alpha=0.9,
        learning_rate=lr,
        max_depth=depth,
        n_estimators=n_trees,
        subsample=subsample,
        min_samples_leaf=min_leaf,
        random_state=0,
    )


def deep_network(
    lr: float, batch: int, width: int, depth: int, activation: str, alpha: float
) -> object:
    return neural_network.MLPClassifier(
        (width,) * depth,
        learning_rate_init=lr,
        batch_size=batch,
        activation=activation,
        alpha=alpha,
        max_iter=10,
        random_state=0,
    )


def regressor_with_momentum(
    lr: float, momentum: float, batch: int, width: int, activation: str
) -> object:
    return neural_network.MLPRegressor(
        hidden_layer_sizes=(width,),
        solver="sgd",
        learning_rate_init=lr,
        momentum=momentum,
        batch_size=batch,
        activation=activation,
        max_iter=12,
        random_state=0,
    )


def weighted_svm(c: float, gamma: float, weight: float, kernel: str) -> object:
    """``weight`` is that of the rare class."""
    return svm.SVC(
        C=c, gamma=gamma, kernel=kernel, class_weight={1: weight}, coef0=1.0, max_iter=5000
    )


def forest_of_counts(
    max_depth: int, max_features: float, min_leaf: int, n_trees: int, weights: str
) -> object:
    return ensemble.RandomForestClassifier(
        n_trees,
        max_depth=max_depth,
        max_features=max_features,
        min_samples_leaf=min_leaf,
        class_weight=None if weights == "none" else weights,
        random_state=0,
    )


def multi_task_net(
    alpha: float, l1_ratio: float, degree: int, interactions: bool, scaler: str
) -> object:
    return pipeline.make_pipeline(
        SCALERS[scaler],
        preprocessing.PolynomialFeatures(degree, interaction_only=interactions, include_bias=False),
        linear_model.MultiTaskElasticNet(alpha=alpha, l1_ratio=l1_ratio, max_iter=300),
    )


def logistic_of_text(c: float, penalty: str, n_words: int, has_idf: bool, norm: str) -> object:
    return pipeline.make_pipeline(
        feature_selection.SelectKBest(feature_selection.chi2, k=n_words),
        feature_extraction.text.TfidfTransformer(
            norm=None if norm == "none" else norm, use_idf=has_idf
        ),
        multiclass.OneVsRestClassifier(
            linear_model.LogisticRegression(
                C=c,
                l1_ratio=float(penalty == "l1"),
                solver="liblinear",
                max_iter=50,
                random_state=0,
            )
        ),
    )


def scaled_neighbours(n: int, p: float, weights: str, scaler: str, n_features: int) -> object:
    return pipeline.make_pipeline(
        SCALERS[scaler],
        feature_selection.SelectKBest(k=n_features),
        neighbors.KNeighborsClassifier(n, p=p, weights=weights),
    )


def selected_ridge(
    degree: int, n_features: int, alpha: float, interactions: bool, scaler: str
) -> object:
    return pipeline.make_pipeline(
        preprocessing.PolynomialFeatures(degree, interaction_only=interactions, include_bias=False),
        SCALERS[scaler],
        feature_selection.SelectKBest(feature_selection.f_regression, k=n_features),
        linear_model.Ridge(alpha=alpha),
    )


def scheduled_sgd(
    alpha: float, eta0: float, schedule: str, decay: float, loss: str, penalty: str
) -> object:
    """Only "invscaling" feels ``decay``; "optimal" feels no ``eta0``."""
    return linear_model.SGDClassifier(
        loss=loss,
        penalty=penalty,
        alpha=alpha,
        eta0=eta0,
        learning_rate=schedule,
        power_t=decay,
        max_iter=8,
        tol=None,
        random_state=0,
    )


def svr_of_target(c: float, gamma: float, epsilon: float, target: str) -> object:
    change = {
        "none": None,
        "log": preprocessing.FunctionTransformer(np.log1p, np.expm1),
        "power": preprocessing.PowerTransformer(),
        "quantile": preprocessing.QuantileTransformer(
            n_quantiles=50, output_distribution="normal", random_state=0
        ),
    }[target]
    return compose.TransformedTargetRegressor(
        svm.SVR(C=c, gamma=gamma, epsilon=epsilon, max_iter=3000),
        transformer=change,
        check_inverse=False,
    )


def whitened_svm(n_axes: int, is_whitened: bool, c: float, gamma: float) -> object:
    return pipeline.make_pipeline(
        decomposition.PCA(n_axes, whiten=is_whitened, random_state=0),
        preprocessing.MinMaxScaler((-1, 1)),
        svm.SVC(C=c, gamma=gamma),
    )


def seasonal_process(
    period: float, length: float, noise: float, season: float, trend: str
) -> object:
    """``season`` is the length scale within a period."""
    slow = {
        "rbf": kernels.RBF(length),
        "rough": kernels.Matern(length, nu=0.5),
        "mixed": kernels.RationalQuadratic(length, alpha=0.3),
    }[trend]
    return gaussian_process.GaussianProcessRegressor(
        kernels.ExpSineSquared(season, period) + slow, alpha=noise, optimizer=None
    )


def one_class(nu: float, gamma: float, kernel: str, n_axes: int) -> object:
    return pipeline.make_pipeline(
        decomposition.PCA(n_axes, random_state=0),
        svm.OneClassSVM(nu=nu, gamma=gamma, kernel=kernel, coef0=1.0, max_iter=3000),
    )


def one_of_families(family: str, strength: float, share: float, n_axes: int) -> object:
    """``strength`` is how freely the model fits; ``share`` is each family's second setting."""
    model = {
        "logistic": lambda: linear_model.LogisticRegression(
            C=strength, l1_ratio=share, solver="saga", max_iter=20, random_state=0
        ),
        "svm": lambda: svm.SVC(C=strength, gamma=10 ** (3 * share - 3)),
        "forest": lambda: ensemble.RandomForestClassifier(
            12, ccp_alpha=1e-3 / strength, max_features=max(share, 0.05), random_state=0
        ),
        "neighbours": lambda: neighbors.KNeighborsClassifier(
            max(1, round(10 / strength**0.5)), p=1 + 2 * share
        ),
    }[family]()
    return pipeline.make_pipeline(decomposition.PCA(n_axes, random_state=0), model)
