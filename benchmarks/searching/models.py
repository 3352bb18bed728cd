"""Models of scikit-learn as a function of the settings that the tables tune.

Needs scikit-learn: imported by ``make_tables.py`` alone.
"""

from __future__ import annotations

from sklearn import (
    decomposition,
    ensemble,
    kernel_ridge,
    linear_model,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

SCALERS = {
    "none": "passthrough",
    "standard": preprocessing.StandardScaler(),
    "range": preprocessing.MinMaxScaler(),
    "robust": preprocessing.RobustScaler(),
}


def svm_model(c: float, gamma: float, kernel: str, coef0: float) -> object:
    return svm.SVC(C=c, gamma=gamma, kernel=kernel, coef0=coef0, degree=3)


def svr_model(c: float, gamma: float, epsilon: float) -> object:
    return svm.SVR(C=c * 50, gamma=gamma, epsilon=epsilon * 50)


def forest(max_depth: int, max_features: float, min_leaf: int, criterion: str) -> object:
    return ensemble.RandomForestClassifier(
        20,
        max_depth=max_depth,
        max_features=max_features,
        min_samples_leaf=min_leaf,
        criterion=criterion,
        random_state=0,
    )


def boosted(lr: float, depth: int, n_trees: int, subsample: float, max_features: float) -> object:
    return ensemble.GradientBoostingRegressor(
        learning_rate=lr,
        max_depth=depth,
        n_estimators=n_trees,
        subsample=subsample,
        max_features=max_features,
        random_state=0,
    )


def network(lr: float, alpha: float, width: int, batch: int, activation: str) -> object:
    return neural_network.MLPClassifier(
        (width,),
        learning_rate_init=lr,
        alpha=alpha,
        batch_size=batch,
        activation=activation,
        max_iter=6,
        random_state=0,
    )


def sgd(alpha: float, eta0: float, l1_ratio: float, loss: str) -> object:
    return linear_model.SGDClassifier(
        loss=loss,
        alpha=alpha,
        eta0=eta0,
        l1_ratio=l1_ratio,
        penalty="elasticnet",
        learning_rate="constant",
        max_iter=15,
        tol=None,
        random_state=0,
    )


def neighbours(n: int, p: float, weights: str, scale: float) -> object:
    del scale  # applied to the data
    return neighbors.KNeighborsRegressor(n, p=p, weights=weights)


def extra_trees(max_depth: int, max_features: float, min_split: int, bootstrap: bool) -> object:
    return ensemble.ExtraTreesRegressor(
        20,
        max_depth=max_depth,
        max_features=max_features,
        min_samples_split=min_split,
        bootstrap=bootstrap,
        random_state=0,
    )


def boosted_classifier(lr: float, depth: int, n_trees: int, subsample: float) -> object:
    return ensemble.GradientBoostingClassifier(
        learning_rate=lr,
        max_depth=depth,
        n_estimators=n_trees,
        subsample=subsample,
        random_state=0,
    )


def histogram_boosted(lr: float, leaves: int, min_leaf: int, l2: float, n_trees: int) -> object:
    return ensemble.HistGradientBoostingRegressor(
        learning_rate=lr,
        max_leaf_nodes=leaves,
        min_samples_leaf=min_leaf,
        l2_regularization=l2,
        max_iter=n_trees,
        early_stopping=False,
        random_state=0,
    )


def extra_trees_classifier(
    max_depth: int, max_features: float, min_leaf: int, criterion: str, is_balanced: bool
) -> object:
    return ensemble.ExtraTreesClassifier(
        15,
        max_depth=max_depth,
        max_features=max_features,
        min_samples_leaf=min_leaf,
        criterion=criterion,
        class_weight="balanced" if is_balanced else None,
        random_state=0,
    )


def reduced_neighbours(n: int, metric: str, weights: str, n_axes: int, scaler: str) -> object:
    return pipeline.make_pipeline(
        SCALERS[scaler],
        decomposition.PCA(n_axes, random_state=0),
        neighbors.KNeighborsClassifier(n, metric=metric, weights=weights),
    )


def logistic(c: float, penalty: str, l1_ratio: float, max_iter: int, is_balanced: bool) -> object:
    """Only the elastic net feels ``l1_ratio``."""
    return linear_model.LogisticRegression(
        penalty="elasticnet",
        solver="saga",
        C=c,
        l1_ratio={"l1": 1.0, "l2": 0.0}.get(penalty, l1_ratio),
        max_iter=max_iter,
        class_weight="balanced" if is_balanced else None,
        random_state=0,
    )


def polynomial_net(
    alpha: float, l1_ratio: float, degree: int, interactions: bool, max_iter: int
) -> object:
    return pipeline.make_pipeline(
        preprocessing.PolynomialFeatures(degree, interaction_only=interactions),
        preprocessing.StandardScaler(),
        linear_model.ElasticNet(alpha=alpha, l1_ratio=l1_ratio, max_iter=max_iter),
    )


def scaled_svr(c: float, gamma: float, epsilon: float, kernel: str) -> object:
    """The linear kernel feels no ``gamma``."""
    return svm.SVR(C=c, gamma=gamma, epsilon=epsilon, kernel=kernel, max_iter=3000)


def network_regressor(lr: float, alpha: float, width: int, depth: int, activation: str) -> object:
    return neural_network.MLPRegressor(
        hidden_layer_sizes=(width,) * depth,
        learning_rate_init=lr,
        alpha=alpha,
        activation=activation,
        batch_size=32,
        max_iter=20,
        random_state=0,
    )


def tree_regressor(
    max_depth: int, min_leaf: int, pruning: float, splitter: str, criterion: str
) -> object:
    return tree.DecisionTreeRegressor(
        max_depth=max_depth,
        min_samples_leaf=min_leaf,
        ccp_alpha=pruning,
        splitter=splitter,
        criterion=criterion,
        random_state=0,
    )


def ridge_with_kernel(alpha: float, gamma: float, kernel: str, degree: int, coef0: float) -> object:
    """Only the polynomial feels ``degree`` and ``coef0``."""
    return kernel_ridge.KernelRidge(
        alpha=alpha, gamma=gamma, kernel=kernel, degree=degree, coef0=coef0
    )


def boosted_stumps(lr: float, n_trees: int, depth: int, min_leaf: int) -> object:
    weak = tree.DecisionTreeClassifier(max_depth=depth, min_samples_leaf=min_leaf, random_state=0)
    return ensemble.AdaBoostClassifier(weak, n_estimators=n_trees, learning_rate=lr, random_state=0)


def reduced_svm(scaler: str, n_axes: int, c: float, gamma: float) -> object:
    return pipeline.make_pipeline(
        SCALERS[scaler], decomposition.PCA(n_axes, random_state=0), svm.SVC(C=c, gamma=gamma)
    )
