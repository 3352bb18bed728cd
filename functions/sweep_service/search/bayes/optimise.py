"""Maximising the expected improvement over a mixed space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sweep_service.search.bayes import acquisition, bfgs, candidates

if TYPE_CHECKING:
    from numpy.random import Generator

    from sweep_service.search.bayes.arrays import Floats
    from sweep_service.search.bayes.gaussian_process import Posterior


#: Number of the best candidates that are exchanged and climbed again.
_N_EXCHANGED = 3
_N_EXCHANGE_ROUNDS = 2
_FIRST_STEP = 0.02
#: A climb stops when the relative gain in expected improvement falls below this.
_TOLERANCE = 3e-3


@dataclass(frozen=True)
class Improvement:
    """Log EI over ``best``."""

    posterior: Posterior
    best: float

    def value(self, unit: Floats) -> Floats:
        """Log EI at snapped configurations (m, d), shape (m,)."""
        mean, std = self.posterior.predict(unit)
        return acquisition.log_expected_improvement(mean, std, self.best).value

    def value_and_gradient(self, unit: Floats) -> tuple[Floats, Floats]:
        """Log EI, shape (m,), and its gradient, shape (m, d)."""
        prediction = self.posterior.predict_with_gradient(unit)
        log_ei = acquisition.log_expected_improvement(prediction.mean, prediction.std, self.best)
        return log_ei.value, prediction.gradient(log_ei.by_mean, log_ei.by_std)


def ascend(
    improvement: Improvement, starts: Floats, n_climbed: int, n_iterations: int, rng: Generator
) -> tuple[Floats, Floats]:
    """Find configurations of high expected improvement from candidates.

    The best candidates are improved along the continuous axes; the best of these are changed in
    one finite axis at a time, and the best results are improved again.

    Args:
        improvement: The objective to maximise.
        starts: Snapped candidates, shape (m, d).
        n_climbed: Number of candidates that are improved by gradient.
        n_iterations: Maximum number of evaluations per climb.
        rng: Source of randomness.

    Returns:
        All configurations evaluated, shape (k, d), and their log EI, shape (k,), best first.
    """
    found = _Found(starts, improvement.value(starts))
    found.add(*_climb(improvement, found.top(n_climbed), n_iterations))
    if not improvement.posterior.axes.is_continuous.all():
        for _ in range(_N_EXCHANGE_ROUNDS):
            axes = improvement.posterior.axes
            neighbours = np.concatenate(
                [candidates.exchanges(axes, unit, rng) for unit in found.top(_N_EXCHANGED)]
            )
            exchanged = _Found(neighbours, improvement.value(neighbours))
            found.add(exchanged.unit, exchanged.log_ei)
            top = exchanged.top(_N_EXCHANGED)
            found.add(*_climb(improvement, top, n_iterations // 2))
    order = np.argsort(-found.log_ei, kind="stable")
    return found.unit[order], found.log_ei[order]


class _Found:
    """Configurations with their log EI."""

    def __init__(self, unit: Floats, log_ei: Floats) -> None:
        self.unit, self.log_ei = unit, log_ei

    def add(self, unit: Floats, log_ei: Floats) -> None:
        self.unit = np.concatenate([self.unit, unit])
        self.log_ei = np.concatenate([self.log_ei, log_ei])

    def top(self, n: int) -> Floats:
        return self.unit[np.argsort(-self.log_ei, kind="stable")[:n]]


def _climb(improvement: Improvement, starts: Floats, n_iterations: int) -> tuple[Floats, Floats]:
    """Ascend along the continuous axes; configurations (b, d) and log EI (b,)."""
    axes = improvement.posterior.axes
    is_free = axes.is_continuous
    n_free = int(is_free.sum())
    if n_free == 0:
        return starts[:0], np.empty(0)
    unit = starts.copy()

    def objective(x: Floats) -> tuple[Floats, Floats]:
        unit[:, is_free] = x
        value, gradient = improvement.value_and_gradient(unit)
        if axes.structure is not None:
            gradient *= axes.structure.active(unit)
        return -value, -gradient[:, is_free]

    x, value = bfgs.minimise(
        objective,
        starts[:, is_free],
        np.zeros(n_free),
        np.ones(n_free),
        n_iterations,
        _FIRST_STEP,
        _TOLERANCE,
    )
    unit[:, is_free] = x
    return axes.settled(unit), -value
