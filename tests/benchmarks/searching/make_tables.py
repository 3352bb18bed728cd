"""Real tuning tables: cross-validated errors of scikit-learn models over grids of settings.

Run with the Python of an environment that has scikit-learn: ``python -m searching.make_tables
FOLDER`` writes one ``NAME.npz`` per table: the errors, one array axis per parameter.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from searching import models
from searching.table_grids import GRIDS

DATA: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "breast_cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "friedman1": lambda: datasets.make_friedman1(600, noise=1.0, random_state=0),
    "friedman2": lambda: datasets.make_friedman2(400, noise=60.0, random_state=0),
    "friedman3": lambda: datasets.make_friedman3(400, noise=0.1, random_state=0),
    "noisy_classes": lambda: datasets.make_classification(
        500, 20, n_informative=5, n_classes=3, flip_y=0.1, weights=[0.6, 0.3], random_state=0
    ),
    "two_classes": lambda: datasets.make_classification(
        400, 15, n_informative=8, n_redundant=3, flip_y=0.05, class_sep=0.7, random_state=1
    ),
}
REGRESSION = ("diabetes", "friedman1", "friedman2", "friedman3")


@dataclass(frozen=True)
class Task:
    """What a table measures.

    Attributes:
        builder: The model at a point of the grid.
        data_set: Of ``DATA``; its first ``n_rows`` after shuffling.
        score: "log_loss", else the share of errors; of regressions the unexplained variance.
        is_standardised: Whether the model is given features of mean 0 and variance 1.
    """

    builder: Callable[..., Any]
    data_set: str
    n_rows: int
    score: str = "error"
    is_standardised: bool = True


TASKS = {
    "svm_digits": Task(models.svm_model, "digits", 500),
    "forest_cancer": Task(models.forest, "breast_cancer", 300),
    "boosting_diabetes": Task(models.boosted, "diabetes", 442),
    "network_digits": Task(models.network, "digits", 500),
    "svr_diabetes": Task(models.svr_model, "diabetes", 300),
    "svm_cancer": Task(models.svm_model, "breast_cancer", 400),
    "forest_digits": Task(models.forest, "digits", 500),
    "sgd_wine": Task(models.sgd, "wine", 178),
    "network_cancer": Task(models.network, "breast_cancer", 300),
    "neighbours_diabetes": Task(models.neighbours, "diabetes", 442),
    "extra_trees_diabetes": Task(models.extra_trees, "diabetes", 442),
    "boosting_cancer": Task(models.boosted_classifier, "breast_cancer", 300, "log_loss"),
    "histogram_friedman1": Task(models.histogram_boosted, "friedman1", 600),
    "extra_trees_classes": Task(models.extra_trees_classifier, "noisy_classes", 500, "log_loss"),
    "neighbours_digits": Task(models.reduced_neighbours, "digits", 600, is_standardised=False),
    "logistic_classes": Task(models.logistic, "noisy_classes", 400, "log_loss"),
    "net_diabetes": Task(models.polynomial_net, "diabetes", 300),
    "svr_friedman2": Task(models.scaled_svr, "friedman2", 300),
    "network_friedman1": Task(models.network_regressor, "friedman1", 300),
    "tree_friedman3": Task(models.tree_regressor, "friedman3", 400),
    "ridge_friedman1": Task(models.ridge_with_kernel, "friedman1", 200),
    "stumps_classes": Task(models.boosted_stumps, "two_classes", 400),
    "svm_wine": Task(models.reduced_svm, "wine", 178, is_standardised=False),
}


def table(name: str) -> np.ndarray:
    """Errors over the grid of ``name``; models that fail count as the worst error."""
    task = TASKS[name]
    x, y = DATA[task.data_set]()
    chosen = np.random.default_rng(0).permutation(len(x))[: task.n_rows]
    axes = [values for _, values, *_ in GRIDS[name]]
    names = [key for key, *_ in GRIDS[name]]
    errors = np.array(
        [
            cross_validated(task, dict(zip(names, point, strict=True)), x[chosen], y[chosen])
            for point in itertools.product(*axes)
        ]
    )
    errors = np.where(np.isfinite(errors), errors, np.nanmax(errors))
    return errors.reshape([len(values) for values in axes])


def cross_validated(task: Task, settings: dict[str, Any], x: np.ndarray, y: np.ndarray) -> float:
    """Mean over three folds; not a number where the model cannot be fitted."""
    folds = KFold(3) if task.data_set in REGRESSION else StratifiedKFold(3)
    losses = []
    for train, test in folds.split(x, y):
        a, b = x[train], x[test]
        if task.is_standardised:
            scaler = StandardScaler().fit(a)
            a, b = scaler.transform(a), scaler.transform(b)
        if "scale" in settings:
            weights = settings["scale"] ** np.arange(x.shape[1])
            a, b = a * weights, b * weights
        try:
            model = task.builder(**settings).fit(a, y[train])
            losses.append(loss(task, model, b, y[test], float(np.var(y))))
        except ValueError:
            return np.nan
    return float(np.mean(losses))


def loss(task: Task, model: Any, x: np.ndarray, y: np.ndarray, variance: float) -> float:
    if task.score == "log_loss":
        return float(log_loss(y, model.predict_proba(x)))
    predicted = model.predict(x)
    if task.data_set in REGRESSION:
        return float(np.mean((predicted - y) ** 2) / variance)
    return float(np.mean(predicted != y))


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    for name in GRIDS:
        path = folder / f"{name}.npz"
        if not path.exists():
            errors = table(name)
            np.savez(path, errors=errors)
            print(name, errors.shape, errors.min(), np.median(errors), errors.max(), flush=True)


if __name__ == "__main__":
    main()
