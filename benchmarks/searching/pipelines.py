"""More models of scikit-learn as a function of the settings that the tables tune.

Needs scikit-learn: imported by ``make_tables.py`` alone.
"""

from __future__ import annotations

from sklearn import (
    calibration,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    kernel_approximation,
    linear_model,
    mixture,
    naive_bayes,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.gaussian_process import kernels

from searching.models import SCALERS


def reduced_quadratic(scaler: str, n_axes: int, shrinkage: float, whiten: bool) -> object:
    return pipeline.make_pipeline(
        SCALERS[scaler],
        decomposition.PCA(n_axes, whiten=whiten, random_state=0),
        discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=shrinkage),
    )


def forest_regressor(
    max_depth: int, max_features: float, min_leaf: int, max_samples: float, criterion: str
) -> object:
    return ensemble.RandomForestRegressor(
        15,
        max_depth=max_depth,
        max_features=max_features,
        min_samples_leaf=min_leaf,
        max_samples=max_samples,
        criterion=criterion,
        random_state=0,
    )


def nystroem_svm(gamma: float, n_landmarks: int, kernel: str, c: float, loss: str) -> object:
    """The cosine kernel feels no ``gamma``."""
    width = None if kernel == "cosine" else gamma
    return pipeline.make_pipeline(
        kernel_approximation.Nystroem(
            kernel=kernel, gamma=width, n_components=n_landmarks, random_state=0
        ),
        svm.LinearSVC(C=c, loss=loss, max_iter=200, random_state=0),
    )


def fourier_ridge(gamma: float, n_waves: int, alpha: float, scale: float) -> object:
    del scale  # applied to the data
    return pipeline.make_pipeline(
        kernel_approximation.RBFSampler(gamma=gamma, n_components=n_waves, random_state=0),
        linear_model.Ridge(alpha=alpha),
    )


def gaussian_process_classifier(
    length: float, amplitude: float, kernel: str, scale: float
) -> object:
    del scale  # applied to the data
    shape = {
        "rbf": kernels.RBF(length),
        "rough": kernels.Matern(length, nu=0.5),
        "smooth": kernels.Matern(length, nu=2.5),
        "mixed": kernels.RationalQuadratic(length, alpha=0.5),
    }[kernel]
    return gaussian_process.GaussianProcessClassifier(
        kernels.ConstantKernel(amplitude) * shape, optimizer=None, random_state=0
    )


def gaussian_mixture(
    n_parts: int, covariance: str, floor: float, start: str, max_iter: int
) -> object:
    return mixture.GaussianMixture(
        n_parts,
        covariance_type=covariance,
        reg_covar=floor,
        init_params=start,
        max_iter=max_iter,
        random_state=0,
    )


def polynomial_huber(epsilon: float, alpha: float, degree: int, max_iter: int) -> object:
    return pipeline.make_pipeline(
        preprocessing.PolynomialFeatures(degree, interaction_only=True, include_bias=False),
        linear_model.HuberRegressor(epsilon=epsilon, alpha=alpha, max_iter=max_iter),
    )


def spline_ridge(n_knots: int, degree: int, knots: str, extrapolation: str, alpha: float) -> object:
    return pipeline.make_pipeline(
        preprocessing.SplineTransformer(
            n_knots, degree, knots=knots, extrapolation=extrapolation, include_bias=False
        ),
        linear_model.Ridge(alpha=alpha),
    )


def selected_svm(n_features: int, c: float, loss: str, intercept: float, weight: float) -> object:
    """``weight`` is that of the rare class."""
    return pipeline.make_pipeline(
        feature_selection.SelectKBest(k=n_features),
        svm.LinearSVC(
            C=c,
            loss=loss,
            intercept_scaling=intercept,
            class_weight={1: weight},
            max_iter=200,
            random_state=0,
        ),
    )


def calibrated_bayes(n_axes: int, smoothing: float, method: str, n_folds: int) -> object:
    """Without calibration ``n_folds`` is not felt."""
    bayes = pipeline.make_pipeline(
        decomposition.PCA(n_axes, random_state=0), naive_bayes.GaussianNB(var_smoothing=smoothing)
    )
    if method == "none":
        return bayes
    return calibration.CalibratedClassifierCV(bayes, method=method, cv=n_folds)


def network_with_momentum(
    lr: float, momentum: float, batch: int, nesterovs: bool, alpha: float, schedule: str
) -> object:
    return neural_network.MLPClassifier(
        (24,),
        solver="sgd",
        learning_rate_init=lr,
        momentum=momentum,
        batch_size=batch,
        nesterovs_momentum=nesterovs,
        alpha=alpha,
        learning_rate=schedule,
        max_iter=12,
        random_state=0,
    )


def histogram_classifier(
    lr: float, leaves: int, min_leaf: int, l2: float, n_trees: int, max_features: float
) -> object:
    return ensemble.HistGradientBoostingClassifier(
        learning_rate=lr,
        max_leaf_nodes=leaves,
        min_samples_leaf=min_leaf,
        l2_regularization=l2,
        max_iter=n_trees,
        max_features=max_features,
        early_stopping=False,
        random_state=0,
    )


def tweedie(power: float, alpha: float, degree: int, max_iter: int) -> object:
    return pipeline.make_pipeline(
        preprocessing.PolynomialFeatures(degree, include_bias=False),
        preprocessing.StandardScaler(),
        linear_model.TweedieRegressor(power=power, alpha=alpha, link="log", max_iter=max_iter),
    )


def sgd_regressor(
    alpha: float, eta0: float, loss: str, schedule: str, decay: float, average: bool
) -> object:
    """Only "invscaling" feels ``decay``."""
    return linear_model.SGDRegressor(
        loss=loss,
        epsilon=0.2,
        alpha=alpha,
        eta0=eta0,
        learning_rate=schedule,
        power_t=decay,
        average=average,
        max_iter=15,
        tol=None,
        random_state=0,
    )


def nu_svm(nu: float, gamma: float, kernel: str, degree: int, scaler: str) -> object:
    """Only the polynomial feels ``degree``; some ``nu`` are infeasible."""
    return pipeline.make_pipeline(
        SCALERS[scaler],
        svm.NuSVC(nu=nu, gamma=gamma, kernel=kernel, degree=degree, max_iter=2000),
    )


def tree_classifier(
    max_depth: int,
    min_leaf: int,
    min_split: int,
    max_features: float,
    pruning: float,
    criterion: str,
    splitter: str,
    is_balanced: bool,
) -> object:
    return tree.DecisionTreeClassifier(
        max_depth=max_depth,
        min_samples_leaf=min_leaf,
        min_samples_split=min_split,
        max_features=max_features,
        ccp_alpha=pruning,
        criterion=criterion,
        splitter=splitter,
        class_weight="balanced" if is_balanced else None,
        random_state=0,
    )
