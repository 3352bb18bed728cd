"""One simulated sweep: agents ask, runs last a random time, values come back in that order."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from searching.problems import Problem


class Optimiser(Protocol):
    """What an adapter offers."""

    def ask(self, index: int) -> dict[str, Any]:
        """The configuration of run ``index``."""

    def tell(self, index: int, value: float) -> None:
        """Its value, smaller is better."""


@dataclass(frozen=True)
class Trace:
    """What one sweep found.

    Attributes:
        regrets: Normalised simple regret after 1, 2, ... ended runs.
        cpu_seconds: Spent in the optimiser, all asks and tells.
    """

    regrets: list[float]
    cpu_seconds: float


def simulate(
    optimiser: Optimiser, problem: Problem, n_runs: int, n_agents: int, seed: int
) -> Trace:
    """Run ``n_runs`` with ``n_agents`` always out; durations and noise depend on the seed alone.

    With noise the incumbent is the run that looked best; what counts is its value without noise.
    """
    rng = np.random.default_rng([seed, 7])
    durations = rng.lognormal(0.0, 0.5, n_runs)
    noise = problem.noise * rng.standard_normal(n_runs)
    out: list[tuple[float, int, float]] = []
    seen, true = [], []
    now = spent = 0.0
    n_asked = 0
    while len(seen) < n_runs:
        while len(out) < n_agents and n_asked < n_runs:
            started = time.process_time()
            config = optimiser.ask(n_asked)
            spent += time.process_time() - started
            heapq.heappush(out, (now + durations[n_asked], n_asked, problem.value(config)))
            n_asked += 1
        now, index, value = heapq.heappop(out)
        true.append(value)
        seen.append(value + noise[index])
        started = time.process_time()
        optimiser.tell(index, seen[-1])
        spent += time.process_time() - started
    incumbents = [true[int(np.argmin(seen[: k + 1]))] for k in range(n_runs)]
    return Trace([problem.regret(value) for value in incumbents], spent)
