"""Outliers, such as those of diverged runs, from which the model cannot learn.

One such value among good ones makes a smooth function look rugged: the fit shortens the length
scales or raises the noise everywhere, and the search loses its precision near the best runs. An
outlier differs from a cliff in that its neighbours do not predict it and that it is rare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import gaussian_process

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Bools, Floats, Integers
    from sweep_service.search.bayes.surrogate import Surrogate


#: Noise variance of an outlier over the signal variance; effectively no information.
NOISE = 1000.0
#: With fewer observations, no value is treated as an outlier.
_FEWEST = 6
#: Minimum distance from the leave-one-out prediction, in standard deviations.
_DEVIATIONS = 3.0
#: Only values above this quantile are considered.
_QUANTILE = 0.9
#: At most one in this many values, but at least one, may be an outlier; more are not noise.
_ONE_IN = 20


def are_outliers(model: Surrogate, fitted: Integers) -> Bools:
    """Mark the outliers among the observations, shape (n,); none if there would be too many.

    Args:
        model: Model of all n observations.
        fitted: Indices of the observations that its hyperparameters were fitted to. These and the
            candidates for outliers are used for the prediction.
    """
    n = len(model.y)
    is_bad = model.y > np.quantile(model.y, _QUANTILE)
    is_outlier = np.zeros(n, dtype=bool)
    if n < _FEWEST or not is_bad.any():
        return is_outlier
    some = np.union1d(fitted, np.flatnonzero(is_bad))
    try:
        excess, std = _left_out(model, some)
    except np.linalg.LinAlgError:
        return is_outlier
    is_outlier[some] = excess > _DEVIATIONS * std
    is_outlier &= is_bad
    return is_outlier if is_outlier.sum() <= max(1, n // _ONE_IN) else np.zeros(n, dtype=bool)


def _left_out(model: Surrogate, some: Integers) -> tuple[Floats, Floats]:
    """Leave-one-out residual and standard deviation of each of the values at ``some``.

    With the inverse A of the covariance over s^2, and alpha = A (y - e):

        y_i - mean_i = alpha_i / A_ii,   var_i = s^2 / A_ii

    Raises:
        numpy.linalg.LinAlgError: The model could not be factorised.

    References:
        Rasmussen & Williams (2006), eq. 5.12.
    """
    posterior = gaussian_process.condition(
        model.axes,
        model.bowl,
        model.hyperparameters,
        model.observed[some],
        model.y[some],
        model.extra_noise[some],
        model.observed[:0],
    )
    diagonal = np.einsum("ij,ij->j", posterior.inverse_lower, posterior.inverse_lower)
    alpha = posterior.whitened @ posterior.inverse_lower
    return alpha / diagonal, np.sqrt(posterior.variance / diagonal)
