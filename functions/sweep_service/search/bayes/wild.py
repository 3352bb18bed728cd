"""Wild outcomes: values so bad that the model makes nothing of them, such as a diverged run's.

One of them, where all around it is well, makes a smooth function look rugged: the fit then shortens
the length scales or raises the noise everywhere, and the search is blind near the best runs. What
tells a wild outcome from a cliff is that its neighbours do not expect it, and that it is rare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import gaussian_process

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Bools, Floats, Integers
    from sweep_service.search.bayes.surrogate import Surrogate


#: Noise variance of a wild outcome over the signal variance: it says nothing.
NOISE = 1000.0
#: With fewer observations the others cannot tell.
_FEWEST = 6
#: A wild outcome is worse by so many standard deviations than the others expect.
_DEVIATIONS = 3.0
#: It is among the worst: above this quantile.
_QUANTILE = 0.9
#: As many in so many observations, and one in fewer, may be wild; more are a part of the function.
_ONE_IN = 20


def are_wild(model: Surrogate, fitted: Integers) -> Bools:
    """Which observations of a model are wild, shape (n,); none where too many seem to be.

    Args:
        model: Of all n observations.
        fitted: Indices of those that its hyperparameters were fitted to; they, and those that may
            be wild, speak for the rest.
    """
    n = len(model.y)
    is_bad = model.y > np.quantile(model.y, _QUANTILE)
    is_wild = np.zeros(n, dtype=bool)
    if n < _FEWEST or not is_bad.any():
        return is_wild
    some = np.union1d(fitted, np.flatnonzero(is_bad))
    try:
        excess, std = _left_out(model, some)
    except np.linalg.LinAlgError:
        return is_wild
    is_wild[some] = excess > _DEVIATIONS * std
    is_wild &= is_bad
    return is_wild if is_wild.sum() <= max(1, n // _ONE_IN) else np.zeros(n, dtype=bool)


def _left_out(model: Surrogate, some: Integers) -> tuple[Floats, Floats]:
    """By how much each of some values is worse than the others of them expect, and their std.

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
