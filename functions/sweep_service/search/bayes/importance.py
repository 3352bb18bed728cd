"""How much each parameter matters, as far as the model knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sweep_service.search.bayes.arrays import Floats
    from sweep_service.search.bayes.gaussian_process import Posterior


#: Configurations at which each parameter is drawn again; the same for every request.
_N_DRAWS = 24


def importance(posterior: Posterior) -> Floats:
    """Shares of the parameters in what the expected value does, shape (d,), of sum 1.

    Each parameter alone is drawn again at some configurations; it counts by how far the expected
    value moves, on average, in standardised units.

    References:
        Breiman (2001), Random forests, section 10: importance by permuting one variable.
    """
    axes, rng = posterior.axes, np.random.default_rng(0)
    d = len(axes)
    before, again = axes.snap(rng.random((2 * _N_DRAWS, d))).reshape(2, _N_DRAWS, d)
    after = np.repeat(before[None], d, axis=0)
    own = np.arange(d)
    after[own, :, own] = again.T
    means, _ = posterior.predict(np.concatenate([before, after.reshape(-1, d)]))
    moved = np.abs(means[_N_DRAWS:].reshape(d, -1) - means[:_N_DRAWS]).mean(axis=1)
    total = float(moved.sum())
    shares: Floats = moved / total if total > 0 else np.full(d, 1.0 / d)
    return shares
