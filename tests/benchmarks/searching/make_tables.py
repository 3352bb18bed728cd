"""Real tuning tables: cross-validated errors of scikit-learn models over grids of settings.

Run with the Python of an environment that has scikit-learn: ``python make_tables.py FOLDER``
writes one ``NAME.npz`` per table: the errors, one array axis per parameter.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn import datasets, ensemble, linear_model, neighbors, neural_network, svm
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from searching.table_grids import GRIDS

Builder = Callable[..., object]


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


TASKS: dict[str, tuple[Builder, str, int]] = {
    "svm_digits": (svm_model, "digits", 500),
    "forest_cancer": (forest, "breast_cancer", 300),
    "boosting_diabetes": (boosted, "diabetes", 442),
    "network_digits": (network, "digits", 500),
    "svr_diabetes": (svr_model, "diabetes", 300),
    "svm_cancer": (svm_model, "breast_cancer", 400),
    "forest_digits": (forest, "digits", 500),
    "sgd_wine": (sgd, "wine", 178),
    "network_cancer": (network, "breast_cancer", 300),
    "neighbours_diabetes": (neighbours, "diabetes", 442),
    "extra_trees_diabetes": (extra_trees, "diabetes", 442),
}


def table(name: str) -> np.ndarray:
    """Errors over the grid of ``name``; models that fail count as the worst error."""
    builder, data_set, n_rows = TASKS[name]
    axes = [values for _, values, *_ in GRIDS[name]]
    names = [key for key, *_ in GRIDS[name]]
    errors = [
        cross_validated(builder, dict(zip(names, point, strict=True)), data_set, n_rows)
        for point in itertools.product(*axes)
    ]
    return np.array(errors).reshape([len(values) for values in axes])


def cross_validated(builder: Builder, settings: dict, data_set: str, n_rows: int) -> float:
    x, y = getattr(datasets, f"load_{data_set}")(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(x))[:n_rows]
    x, y = x[chosen], y[chosen]
    is_regression = data_set == "diabetes"
    folds = KFold(3) if is_regression else StratifiedKFold(3)
    losses = []
    for train, test in folds.split(x, y):
        scaler = StandardScaler().fit(x[train])
        a, b = scaler.transform(x[train]), scaler.transform(x[test])
        if "scale" in settings:
            weights = settings["scale"] ** np.arange(x.shape[1])
            a, b = a * weights, b * weights
        model = builder(**settings)
        try:
            model.fit(a, y[train])
            predicted = model.predict(b)
        except ValueError:
            return np.nan
        if is_regression:
            losses.append(np.mean((predicted - y[test]) ** 2) / np.var(y))
        else:
            losses.append(np.mean(predicted != y[test]))
    return float(np.mean(losses))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for name in GRIDS:
        path = folder / f"{name}.npz"
        if not path.exists():
            errors = table(name)
            errors = np.where(np.isfinite(errors), errors, np.nanmax(errors))
            np.savez(path, errors=errors)
            print(name, errors.shape, errors.min(), np.median(errors), errors.max(), flush=True)


if __name__ == "__main__":
    main()
