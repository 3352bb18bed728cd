"""Judging: what a run is worth by a metric, also one that its sweep did not have at its time.

All that is kept of a run - its best and last value, its values at bands, its observation - is by
the metric of its own config version. An update may give the sweep another metric, or the same with
another goal. Nothing is rewritten then: every comparison of runs asks here, and the values of runs
of the other versions are computed again from their summaries; of a run that crashed, which has
none, from its rows.
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
    """A run's best and last finite value; None where it has none."""

    best: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Judge:
    """Values of the runs of a sweep by ``metric``; without one, none."""

    services: Services
    sweep: str
    counter: SweepStatus
    metric: Metric | None

    @property
    def is_by_all(self) -> bool:
        """Whether the sweep has had this metric all the time."""
        return all(self.is_by(base.version) for base in self.counter.bases)

    def is_by(self, version: int) -> bool:
        """Whether what is kept of the runs of a config version is by this metric."""
        return _is_by(self.services, self.sweep, version, self.metric)

    def is_by_at(self, index: int) -> bool:
        """Whether what is kept of the run at an index is by this metric."""
        return self.is_by(self.counter.version_of(index))

    def worth(self, run: Run) -> Worth:
        """What a run that has ended is worth."""
        return worth_of(self.services, self.sweep, run, self.metric)

    def live_of(self, lease: Lease) -> LiveSummary:
        """What the holder of a lease has reported of this metric, as far as it is kept."""
        return lease.live if self.is_by_at(lease.index) else LiveSummary(step=lease.live.step)

    def heads(self, heads: Sequence[RunHead]) -> list[RunHead]:
        """The heads of runs, those that have ended with their best value by this metric."""
        if self.is_by_all:
            return list(heads)
        others = {head.index for head in heads if not self.is_by_at(head.index)}
        best = {run.index: self.worth(run).best for run in self._runs(others)}
        return [
            replace(head, best=best.get(head.index)) if head.index in others else head
            for head in heads
        ]

    def band(self, values: Mapping[int, float]) -> dict[int, float]:
        """The values at a band, by index, that are values of this metric."""
        if self.is_by_all:
            return dict(values)
        return {index: value for index, value in values.items() if self.is_by_at(index)}

    def observations(self, observations: Sequence[Observation]) -> list[Observation]:
        """The observations by this metric; those of prior runs count by their own alone."""
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
        """Observations by another metric, as they are by this one; kept by warm functions."""
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
        """The runs at some indices, read page by page."""
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
    """The judge by the metric of the sweep's newest config."""
    metric = services.load_config(sweep, counter.version).config.metric
    return Judge(services, sweep, counter, metric)


def worth_of(services: Services, sweep: str, run: Run, metric: Metric | None) -> Worth:
    """What a run that has ended is worth by a metric, of its own sweep or another one's.

    A value that the program set itself cannot be distinguished from a logged one where it was not
    the sweep's metric then: the best of both counts.
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
    """Whether values of two metrics can be compared."""
    if one is None or other is None:
        return one is other
    return (one.name, one.goal) == (other.name, other.goal)


def has_prior_runs(services: Services, sweep: str) -> bool:
    """Whether a sweep was registered with prior runs."""
    found = services.store.list_observations(sweep, 0.0)
    return any(entry.index >= FIRST_PRIOR_INDEX for entry in found)


def _is_by(services: Services, sweep: str, version: int, metric: Metric | None) -> bool:
    """Whether what is kept of the runs of a config version is by a metric."""
    return is_same(services.load_config(sweep, version).config.metric, metric)


def live_of_rows(services: Services, sweep: str, run: Run, metric: Metric | None) -> LiveSummary:
    """What the newest attempt of a run has reported, worked out from its rows."""
    live = LiveSummary()
    for batch in read_all(services, sweep, run.index):
        if batch.attempt == run.attempt:
            live = apply_rows(live, metric, batch)
    return live
