"""Every constant of Bayesian search that was chosen by experiment, see ``benchmarks``."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sweep_service.search.bayes.hyperparameters import NormalPrior, Prior


@dataclass(frozen=True)
class Tuning:
    """Constants that set the cost of a suggestion and its balance of exploration and exploitation.

    Attributes:
        n_start: Number of runs from the low-discrepancy sequence, limited to d + 1.
        n_uniform: Candidates anywhere in the space.
        n_mutants: Candidates near the best runs.
        n_climbed: Candidates that are improved by gradient.
        n_climb_iterations: Evaluations of each such improvement.
        n_fitted: Maximum number of observations that hyperparameters are fitted to.
        n_fit_iterations: Evaluations of the likelihood in that fit.
        n_modelled: Maximum number of observations in the model.
        n_imagined: Maximum number of simultaneous asks whose answers are predicted.
        margin: Improvement over the best value that an exploring request requires, in
            standardised units; without it, the search would refine one optimum forever.
        search_share: Share of exploring requests; the others refine the best result.
        steepness: How much worse the sides of a parameter's range are expected to be than its
            middle, in standardised units times sqrt(d).
        length_std: Standard deviation of the prior of log length scales.
        length_shift: Added to the mean of that prior.
        noise_mean: Mean of the prior of the log noise.
        noise_std: Standard deviation of that prior.
        n_own: Maximum number of values that count as few, see ``has_own_share``.
        own_work: Limit of (values + runs in progress) * parameters for the additive part.
        share_mean: Mean of the prior of the logit of the additive part's share.
        share_std: Standard deviation of that prior.
    """

    n_start: int = 8
    n_uniform: int = 350
    n_mutants: int = 250
    n_climbed: int = 5
    n_climb_iterations: int = 16
    n_fitted: int = 80
    n_fit_iterations: int = 30
    n_modelled: int = 250
    n_imagined: int = 4
    margin: float = 0.1
    search_share: float = 0.5
    steepness: float = 0.4
    length_std: float = 1.0
    length_shift: float = -1.7
    noise_mean: float = math.log(1e-4)
    noise_std: float = 2.0
    n_own: int = 60
    own_work: int = 900
    share_mean: float = -1.0
    share_std: float = 1.5

    def margin_of(self, index: int) -> float:
        """The margin of run ``index``; exploring requests are spread evenly among the others."""
        is_searching = int((index + 1) * self.search_share) > int(index * self.search_share)
        return self.margin if is_searching else 0.0

    def has_own_share(self, index: int, n_axes: int, n_values: int, n_out: int) -> bool:
        """Whether the model of run ``index`` has an additive part.

        There are three reasons for it: while runs are in progress, it spreads the requests; if
        only the refining requests use it, requests do not all rely on the same model; and few
        values are enough to learn the effect of each parameter, but not of all together. It is
        used if two of them apply, unless it would be too slow because of the number of values
        or parameters.
        """
        is_polishing, is_early = self.margin_of(index) == 0, n_values <= self.n_own
        is_wanted = is_polishing + is_early + (n_out > 0) >= 2
        return is_wanted and n_axes > 1 and (n_values + n_out) * n_axes <= self.own_work

    def prior(self, n_axes: int, has_own_share: bool) -> Prior:
        """The prior, whose length scales grow with the diagonal of the cube.

        References:
            Hvarfner et al. (2024), Vanilla Bayesian optimization performs great in high
            dimensions, eq. 8.
        """
        length_mean = math.sqrt(2.0) + 0.5 * math.log(n_axes) + self.length_shift
        return Prior(
            NormalPrior(length_mean, self.length_std),
            NormalPrior(self.noise_mean, self.noise_std),
            NormalPrior(self.share_mean, self.share_std) if has_own_share else None,
        )


DEFAULT = Tuning()
