"""BFGS within a box, for several starting points at once.

Each row of a batch is a separate problem; one call of the objective serves all rows. One iteration
is one evaluation: a row whose step is accepted moves on, and a row whose step is rejected tries a
shorter one next time. The variables are few (hyperparameters, continuous axes), so the
inverse Hessians are kept in full: that takes far fewer numpy calls than a two-loop recursion.

| symbol | shape     | meaning                                        |
|--------|-----------|------------------------------------------------|
| b, k   |           | rows (problems), variables of each             |
| x, g   | (b, k)    | current points and gradients                   |
| s, y   | (b, k)    | last steps and changes of gradient             |
| H      | (b, k, k) | approximations of the inverse Hessians         |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.search.bayes.arrays import Bools, Floats

    Objective = Callable[[Floats], tuple[Floats, Floats]]

_SUFFICIENT_DECREASE = 1e-4
_SHORTEN = 0.25
_SHORTEST_STEP = 1e-5
#: Curvatures below this are rounding errors.
_LEAST_CURVATURE = 1e-100


def minimise(
    objective: Objective,
    start: Floats,
    lower: Floats,
    upper: Floats,
    n_iterations: int,
    first_step: float = 0.1,
    tolerance: float = 0.0,
) -> tuple[Floats, Floats]:
    """Minimise every row of ``start`` within ``lower <= x <= upper``.

    Args:
        objective: Maps (b, k) to values (b,) and gradients (b, k); a step to a value that is not
            finite is rejected.
        start: Shape (b, k), inside the box, with finite values.
        lower: Shape (k,).
        upper: Shape (k,).
        n_iterations: Maximum number of evaluations after the first.
        first_step: Length of the first step, in units of x.
        tolerance: A row stops when an accepted step gains no more than this.

    Returns:
        Points (b, k) and values (b,), none worse than at its start.

    References:
        Nocedal & Wright (2006), Numerical optimization, eq. 6.17 and 6.20; variables that press
        against the box are held as in Bertsekas (1982), Projected Newton methods.
    """
    search = _Search(objective, start, lower, upper, first_step)
    for _ in range(n_iterations):
        if search.is_resting.all():
            break
        search.iterate(tolerance)
    return search.x, search.value


class _Search:
    """The state of all rows."""

    def __init__(
        self,
        objective: Objective,
        start: Floats,
        lower: Floats,
        upper: Floats,
        first_step: float,
    ) -> None:
        self.x = start.copy()
        self.value, self.g = objective(self.x)
        self.is_resting: Bools = np.zeros(len(start), dtype=bool)
        self._objective, self._lower, self._upper = objective, lower, upper
        self._first_step = first_step
        self._h = np.zeros((*start.shape, start.shape[1]))
        self._identity = np.eye(start.shape[1])
        self._is_fresh: Bools = np.ones(len(start), dtype=bool)
        self._step = np.ones(len(start))
        self._direction = self._descent()

    def iterate(self, tolerance: float) -> None:
        """One evaluation for all rows; rows that have stopped do not move."""
        trial = self.x + self._step[:, None] * self._direction
        s = np.minimum(np.maximum(trial, self._lower), self._upper) - self.x
        value, g = self._objective(self.x + s)
        slope = (self.g * s).sum(axis=1)
        accepted = np.isfinite(value) & (value <= self.value + _SUFFICIENT_DECREASE * slope)
        gain = np.full(len(value), np.inf)
        gain[accepted] = self.value[accepted] - value[accepted]
        self._learn(accepted, s, g - self.g)
        self.x = np.where(accepted[:, None], self.x + s, self.x)
        self.value = np.where(accepted, value, self.value)
        self.g = np.where(accepted[:, None], g, self.g)
        self._step = np.where(accepted, 1.0, self._step * _SHORTEN)
        is_stuck = self._step < _SHORTEST_STEP
        # A row stops if even a step along the gradient fails, or if a step gains nothing.
        self.is_resting |= (is_stuck & self._is_fresh) | (gain <= tolerance)
        self._is_fresh |= is_stuck
        self._step[is_stuck] = 1.0
        self._direction = np.where((accepted | is_stuck)[:, None], self._descent(), self._direction)
        self._direction[self.is_resting] = 0.0

    def _learn(self, accepted: Bools, s: Floats, y: Floats) -> None:
        """Update H of the accepted rows whose curvature is positive.

        H' = (I - rho s y^T) H (I - rho y s^T) + rho s s^T,  rho = 1 / (y . s)
        """
        curvature, squared = (s * y).sum(axis=1), (y * y).sum(axis=1)
        learns = accepted & (curvature > np.maximum(_LEAST_CURVATURE, 1e-12 * squared))
        y, rho = np.where(learns[:, None], y, 0.0), 1.0 / np.where(learns, curvature, np.inf)
        is_first = learns & self._is_fresh
        scale = curvature[is_first] / squared[is_first]
        self._h[is_first] = scale[:, None, None] * self._identity
        hy = rho[:, None] * (self._h @ y[:, :, None])[:, :, 0]
        ahead = (rho + rho * (y * hy).sum(axis=1))[:, None] * s - hy
        self._h += s[:, :, None] * ahead[:, None, :] - hy[:, :, None] * s[:, None, :]
        self._is_fresh &= ~learns

    def _descent(self) -> Floats:
        """Quasi-Newton directions; steepest descent where H is unknown or leads uphill."""
        held = ((self.x <= self._lower) & (self.g > 0)) | ((self.x >= self._upper) & (self.g < 0))
        g = np.where(held, 0.0, self.g)
        direction = np.where(held, 0.0, -(self._h @ g[:, :, None])[:, :, 0])
        self._is_fresh |= (direction * g).sum(axis=1) >= 0
        if self._is_fresh.any():
            self._h[self._is_fresh] = 0.0
            length = np.sqrt((g * g).sum(axis=1))
            steepest = -(self._first_step / np.maximum(length, 1e-300))[:, None] * g
            direction = np.where(self._is_fresh[:, None], steepest, direction)
        return direction
