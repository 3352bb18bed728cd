"""Every number of Bayesian search that was chosen by experiment (``benchmarks``)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sweep_service.search.bayes.hyperparameters import Normal, Prior


@dataclass(frozen=True)
class Tuning:
    """What a suggestion costs and how it weighs searching against polishing.

    Attributes:
        n_start: Runs of the low-discrepancy start; at most d + 1.
        n_uniform: Candidates anywhere.
        n_mutants: Candidates near the best runs.
        n_climbed: Candidates that climb by gradient.
        n_climb_iterations: Evaluations of a climb.
        n_fitted: Most observations that hyperparameters are fitted to.
        n_fit_iterations: Evaluations of the likelihood for that.
        n_modelled: Most observations that the model holds.
        n_imagined: Most runs that are guessed to be asked for at this moment.
        margin: How much better than the best a searching request wants to be, in standardised
            units; it keeps the search from polishing one optimum for ever.
        search_share: Share of searching requests; the others polish.
        steepness: How much worse than its middle the sides of a parameter's range are expected to
            be, in standardised units times sqrt(d).
        length_std: Spread of log length scales.
        length_shift: Added to the logarithm of the usual location.
        noise_mean: Location of the log noise.
        noise_std: Its spread.
        n_own: Most values that count as few, see ``has_own_share``.
        own_work: Most values and runs that are out, times parameters, for which that is paid.
        share_mean: Location of the logit of the share that parameters have on their own.
        share_std: Its spread.
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
        """The margin of run ``index``: searching ones are evenly mixed among the others."""
        is_searching = int((index + 1) * self.search_share) > int(index * self.search_share)
        return self.margin if is_searching else 0.0

    def has_own_share(self, index: int, n_axes: int, n_values: int, n_out: int) -> bool:
        """Whether the model of run ``index`` lets parameters count on their own too.

        With runs out that spreads the requests; when every second one does, the ones that polish,
        not all rest on the same idea of the space; and few values settle what each parameter does
        before they settle what all do together. Two of these three reasons are enough. With many
        values or parameters it costs too much.
        """
        is_polishing, is_early = self.margin_of(index) == 0, n_values <= self.n_own
        is_wanted = is_polishing + is_early + (n_out > 0) >= 2
        return is_wanted and n_axes > 1 and (n_values + n_out) * n_axes <= self.own_work

    def prior(self, n_axes: int, has_own_share: bool) -> Prior:
        """Length scales that grow with the diagonal of the cube.

        References:
            Hvarfner et al. (2024), Vanilla Bayesian optimization performs great in high
            dimensions, eq. 8.
        """
        length_mean = math.sqrt(2.0) + 0.5 * math.log(n_axes) + self.length_shift
        return Prior(
            Normal(length_mean, self.length_std),
            Normal(self.noise_mean, self.noise_std),
            Normal(self.share_mean, self.share_std) if has_own_share else None,
        )


DEFAULT = Tuning()
