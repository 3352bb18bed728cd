"""Judging: the value of a run by a metric, even if its sweep had another metric at the time.

Everything stored about a run (its best and last value, its values at bands, its observation) uses
the metric of its own config version. If an update gives the sweep another metric or goal, nothing
is rewritten. Instead, every comparison of runs goes through this module, which recomputes the
values of earlier runs from their summaries or, for crashed runs, which have none, from their rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sweep_service.model.records.identifiers import FIRST_PRIOR_INDEX
from sweep_service.model.records.records import LiveSummary, Observation
from sweep_service.model.records.states import RunState
from sweep_service.operations.metrics import (
    apply_rows,
    best_in_summary,
    last_value,
)
from sweep_service.operations.paging import every_run
from sweep_service.operations.rows import read_all
from sweep_service.operations.services import remember

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import Metric
    from sweep_service.model.records.records import Lease, Run, RunHead, SweepStatus
    from sweep_service.operations.services import Services


@dataclass(frozen=True, slots=True)
class Worth:
    """A run's best and last finite value, or None."""

    best: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Judge:
    """Computes values of a sweep's runs by ``metric``; without a metric there are none."""

    services: Services
    sweep: str
    counter: SweepStatus
    metric: Metric | None

    @property
    def is_by_all(self) -> bool:
        """Whether every config version of the sweep has this metric."""
        return all(self.is_by(base.version) for base in self.counter.bases)

    def is_by(self, version: int) -> bool:
        """Whether values stored for runs of a config version use this metric."""
        return _is_by(self.services, self.sweep, version, self.metric)

    def is_by_at(self, index: int) -> bool:
        """Whether values stored for the run at an index use this metric."""
        return self.is_by(self.counter.version_of(index))

    def worth(self, run: Run) -> Worth:
        """The values of a run that has ended."""
        return worth_of(self.services, self.sweep, run, self.metric)

    def live_of(self, lease: Lease) -> LiveSummary:
        """The live summary of a lease, without values if they use another metric."""
        return lease.live if self.is_by_at(lease.index) else LiveSummary(step=lease.live.step)

    def heads(self, heads: Sequence[RunHead]) -> list[RunHead]:
        """Run heads in which the best value of ended runs is by this metric."""
        if self.is_by_all:
            return list(heads)
        others = {head.index for head in heads if not self.is_by_at(head.index)}
        best = {run.index: self.worth(run).best for run in self._runs(others)}
        return [
            replace(head, best=best.get(head.index)) if head.index in others else head
            for head in heads
        ]

    def band(self, values: Mapping[int, float]) -> dict[int, float]:
        """The values at a band, by index, that use this metric."""
        if self.is_by_all:
            return dict(values)
        return {index: value for index, value in values.items() if self.is_by_at(index)}

    def observations(self, observations: Sequence[Observation]) -> list[Observation]:
        """Observations by this metric; prior runs observed by another metric are left out."""
        if self.is_by_all:
            return list(observations)
        own = [entry for entry in observations if self.is_by(entry.config_version)]
        others = {
            entry.index: entry
            for entry in observations
            if entry.index < FIRST_PRIOR_INDEX and not self.is_by(entry.config_version)
        }
        return sorted((*own, *self._judged(others)), key=lambda entry: entry.index)

    def _judged(self, others: Mapping[int, Observation]) -> Iterator[Observation]:
        """Convert observations by another metric to this one; results are cached."""
        cache_key = (self.sweep, repr(self.metric))
        known = dict(self.services.judged.get(cache_key, {}))
        missing = {i for i, entry in others.items() if (i, entry.revision) not in known}
        for run in self._runs(missing):
            known[run.index, run.revision] = self.worth(run)
        remember(self.services.judged, cache_key, known)
        for index, entry in others.items():
            worth = known.get((index, entry.revision))
            if worth is not None:
                best = math.nan if worth.best is None else worth.best
                last = worth.last if entry.state.is_imputed else None
                yield replace(entry, value=best, last=last)

    def _runs(self, indices: Iterable[int]) -> Iterator[Run]:
        """The runs at the given indices, read page by page."""
        wanted = set(indices)
        if not wanted:
            return
        since, end = min(wanted), max(wanted)
        for run in every_run(self.services.store, self.sweep, since):
            if run.index in wanted:
                yield run
            if run.index >= end:
                return


def judge_of(services: Services, sweep: str, counter: SweepStatus) -> Judge:
    """The judge for the metric of the sweep's newest config."""
    metric = services.load_config(sweep, counter.version).config.metric
    return Judge(services, sweep, counter, metric)


def worth_of(services: Services, sweep: str, run: Run, metric: Metric | None) -> Worth:
    """The values of a run that has ended by a metric of its own sweep or of another one.

    If this was not the sweep's metric at the time, a value that the program set itself cannot be
    distinguished from a logged one, and the better of both counts.
    """
    outcome = run.outcome
    if outcome is None or metric is None:
        return Worth(None, None)
    if _is_by(services, sweep, run.config_version, metric):
        return Worth(outcome.best, outcome.last)
    if not outcome.summary or outcome.state is RunState.CRASHED:
        live = live_of_rows(services, sweep, run, metric)
        return Worth(live.best, last_value(metric, live, {}))
    best = best_in_summary(metric, outcome.summary)
    return Worth(best, last_value(metric, None, outcome.summary))


def is_same(one: Metric | None, other: Metric | None) -> bool:
    """Whether values of two metrics are comparable: same name and same goal."""
    if one is None or other is None:
        return one is other
    return (one.name, one.goal) == (other.name, other.goal)


def has_prior_runs(services: Services, sweep: str) -> bool:
    """Whether a sweep was registered with prior runs."""
    found = services.store.list_observations(sweep, 0.0)
    return any(entry.index >= FIRST_PRIOR_INDEX for entry in found)


def _is_by(services: Services, sweep: str, version: int, metric: Metric | None) -> bool:
    """Whether values stored for runs of a config version use a metric."""
    return is_same(services.load_config(sweep, version).config.metric, metric)


def live_of_rows(services: Services, sweep: str, run: Run, metric: Metric | None) -> LiveSummary:
    """The live summary of a run's newest attempt, recomputed from its rows."""
    live = LiveSummary()
    for batch in read_all(services, sweep, run.index):
        if batch.attempt == run.attempt:
            live = apply_rows(live, metric, batch)
    return live
