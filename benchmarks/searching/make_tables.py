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
from sklearn import metrics
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from searching import data_sets, models, pipelines, sweep_models
from searching.generated_data import GENERATED, GENERATED_REGRESSION
from searching.tables import GRIDS

DATA = data_sets.DATA | GENERATED
REGRESSION = data_sets.REGRESSION + GENERATED_REGRESSION

Measure = Callable[[Any, np.ndarray, np.ndarray], float]
MEASURES: dict[str, Measure] = {
    "error": lambda model, x, y: np.mean(model.predict(x) != y),
    "balanced_error": lambda model, x, y: 1 - metrics.balanced_accuracy_score(y, model.predict(x)),
    "log_loss": lambda model, x, y: metrics.log_loss(y, model.predict_proba(x)),
    "auc": lambda model, x, y: 1 - metrics.roc_auc_score(y, model.predict_proba(x)[:, 1]),
    "error_and_log_loss": lambda model, x, y: (
        np.mean(model.predict(x) != y) + metrics.log_loss(y, model.predict_proba(x))
    ),
    "squares": lambda model, x, y: np.mean((model.predict(x) - y) ** 2),
    "absolute": lambda model, x, y: np.mean(np.abs(model.predict(x) - y)),
    "capped": lambda model, x, y: np.mean(np.minimum(np.abs(model.predict(x) - y), 100.0)),
    "deviance": lambda model, x, y: metrics.mean_tweedie_deviance(y, model.predict(x), power=1.5),
    "f1": lambda model, x, y: 1 - metrics.f1_score(y, model.predict(x)),
    "pinball": lambda model, x, y: metrics.mean_pinball_loss(y, model.predict(x), alpha=0.9),
    "detection": lambda model, x, y: 1 - metrics.roc_auc_score(y, model.score_samples(x)),
    "surprise": lambda model, x, y: -np.mean(model.score_samples(x)),
}


@dataclass(frozen=True)
class Task:
    """What a table measures.

    Attributes:
        builder: The model at a point of the grid.
        data_set: Of ``DATA``; its first ``n_rows`` after shuffling.
        score: Of ``MEASURES``; "squares" are taken as a share of the variance.
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
    "boosting_diabetes": Task(models.boosted, "diabetes", 442, "squares"),
    "network_digits": Task(models.network, "digits", 500),
    "svr_diabetes": Task(models.svr_model, "diabetes", 300, "squares"),
    "svm_cancer": Task(models.svm_model, "breast_cancer", 400),
    "forest_digits": Task(models.forest, "digits", 500),
    "sgd_wine": Task(models.sgd, "wine", 178),
    "network_cancer": Task(models.network, "breast_cancer", 300),
    "neighbours_diabetes": Task(models.neighbours, "diabetes", 442, "squares"),
    "extra_trees_diabetes": Task(models.extra_trees, "diabetes", 442, "squares"),
    "boosting_cancer": Task(models.boosted_classifier, "breast_cancer", 300, "log_loss"),
    "histogram_friedman1": Task(models.histogram_boosted, "friedman1", 600, "squares"),
    "extra_trees_classes": Task(models.extra_trees_classifier, "noisy_classes", 500, "log_loss"),
    "neighbours_digits": Task(models.reduced_neighbours, "digits", 600, is_standardised=False),
    "logistic_classes": Task(models.logistic, "noisy_classes", 400, "log_loss"),
    "net_diabetes": Task(models.polynomial_net, "diabetes", 300, "squares"),
    "svr_friedman2": Task(models.scaled_svr, "friedman2", 300, "squares"),
    "network_friedman1": Task(models.network_regressor, "friedman1", 300, "squares"),
    "tree_friedman3": Task(models.tree_regressor, "friedman3", 400, "squares"),
    "ridge_friedman1": Task(models.ridge_with_kernel, "friedman1", 200, "squares"),
    "stumps_classes": Task(models.boosted_stumps, "two_classes", 400),
    "svm_wine": Task(models.reduced_svm, "wine", 178, is_standardised=False),
    "quadratic_digits": Task(
        pipelines.reduced_quadratic, "digits", 500, "log_loss", is_standardised=False
    ),
    "forest_outliers": Task(pipelines.forest_regressor, "outliers", 300, "absolute"),
    "nystroem_hastie": Task(pipelines.nystroem_svm, "hastie", 400),
    "fourier_swiss_roll": Task(pipelines.fourier_ridge, "swiss_roll", 400, "squares"),
    "process_circles": Task(pipelines.gaussian_process_classifier, "circles", 150, "log_loss"),
    "mixture_blobs": Task(pipelines.gaussian_mixture, "blobs", 420, "surprise"),
    "huber_outliers": Task(pipelines.polynomial_huber, "outliers", 300, "absolute"),
    "spline_waves": Task(pipelines.spline_ridge, "waves", 200, "squares"),
    "selected_svm_classes": Task(pipelines.selected_svm, "wide_classes", 400, "balanced_error"),
    "bayes_cancer": Task(pipelines.calibrated_bayes, "breast_cancer", 350, "error_and_log_loss"),
    "momentum_classes": Task(pipelines.network_with_momentum, "rare_classes", 350, "log_loss"),
    "histogram_moons": Task(pipelines.histogram_classifier, "moons", 300, "auc"),
    "tweedie_positive": Task(pipelines.tweedie, "positive", 400, "deviance"),
    "sgd_low_rank": Task(pipelines.sgd_regressor, "low_rank", 300, "squares"),
    "nu_svm_iris": Task(pipelines.nu_svm, "iris", 150, is_standardised=False),
    "tree_quantiles": Task(pipelines.tree_classifier, "quantiles", 400, "log_loss"),
    "leaves_clusters": Task(sweep_models.boosted_with_leaves, "clusters", 360, "log_loss"),
    "histogram_lags": Task(sweep_models.histogram_of_loss, "lags", 300, "absolute"),
    "quantile_spread": Task(sweep_models.boosted_quantile, "spread", 200, "pinball"),
    "network_topics": Task(sweep_models.deep_network, "topics", 220, "log_loss"),
    "momentum_lags": Task(sweep_models.regressor_with_momentum, "lags", 220, "capped"),
    "weighted_svm_rare": Task(sweep_models.weighted_svm, "rare_clusters", 500, "f1"),
    "forest_topics": Task(
        sweep_models.forest_of_counts, "topics", 220, "log_loss", is_standardised=False
    ),
    "net_linnerud": Task(
        sweep_models.multi_task_net, "linnerud", 20, "squares", is_standardised=False
    ),
    "logistic_topics": Task(
        sweep_models.logistic_of_text, "topics", 350, "log_loss", is_standardised=False
    ),
    "neighbours_overlapping": Task(
        sweep_models.scaled_neighbours, "overlapping", 260, "log_loss", is_standardised=False
    ),
    "selected_ridge_products": Task(
        sweep_models.selected_ridge, "products", 200, "squares", is_standardised=False
    ),
    "scheduled_cancer": Task(sweep_models.scheduled_sgd, "breast_cancer", 300, "log_loss"),
    "svr_prices": Task(sweep_models.svr_of_target, "prices", 240, "absolute"),
    "whitened_svm_digits": Task(sweep_models.whitened_svm, "hard_digits", 350),
    "process_seasons": Task(
        sweep_models.seasonal_process, "seasons", 130, "squares", is_standardised=False
    ),
    "anomalies_cancer": Task(sweep_models.one_class, "few_malignant", 360, "detection"),
    "families_clusters": Task(sweep_models.one_of_families, "clusters", 300),
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
    is_finite = np.isfinite(errors)
    errors = np.where(is_finite, errors, errors[is_finite].max())
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
    value = MEASURES[task.score](model, x, y)
    return float(value / variance if task.score == "squares" else value)


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
