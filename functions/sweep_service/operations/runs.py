"""Runs, read: what state each is in, which is best, what it logged."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_service.errors import NotFound, NotPossible
from sweep_service.model.identifiers import run_id
from sweep_service.model.states import RunState
from sweep_service.operations.metrics import live_summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.records import (
        AttemptRecord,
        Lease,
        MetricValue,
        Row,
        RowBatch,
        Run,
    )
    from sweep_service.model.sweep_config import Metric
    from sweep_service.operations.services import Services

_NEVER_BEST = (RunState.FAILED, RunState.CRASHED)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its state: read off the outcome, or while it lives off the lease."""

    sweep: str
    run: Run
    state: RunState
    summary: Mapping[str, MetricValue]
    best: float | None
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class RunStory:
    """Everything that is kept of what happened to a run, but its rows."""

    view: RunView
    attempts: Sequence[AttemptRecord]
    error_tail: str | None


def list_runs(services: Services, sweep: str, since: int, count: int) -> list[RunView]:
    """Runs with index >= ``since``, at most ``count``.

    Raises:
        NotFound: No such sweep.
    """
    metric = _metric(services, sweep)
    runs = services.store.list_runs(sweep, since, count)
    leases = _leases_by_index(services, sweep)
    now = services.clock()
    return [_view(sweep, run, leases.get(run.index), metric, now) for run in runs]


def get_run(services: Services, sweep: str, index: int) -> RunView:
    """One run.

    Raises:
        NotFound: No such sweep or run.
    """
    metric = _metric(services, sweep)
    run = services.store.get_run(sweep, index)
    if run is None:
        raise NotFound(f"no run '{run_id(sweep, index)}' in sweep {sweep}")
    lease = services.store.get_lease(sweep, index)
    return _view(sweep, run, lease, metric, services.clock())


def tell_story(services: Services, sweep: str, index: int) -> RunStory:
    """One run with its earlier attempts and the newest error tail.

    Raises:
        NotFound: No such sweep or run.
    """
    view = get_run(services, sweep, index)
    attempts = services.store.list_attempt_records(sweep, index)
    numbers = [view.run.attempt, *(record.attempt for record in reversed(attempts))]
    tails = (services.store.get_error_tail(sweep, index, number) for number in numbers)
    return RunStory(view, attempts, next((tail for tail in tails if tail), None))


def best_run(services: Services, sweep: str) -> RunView | None:
    """The run with the best value so far; None while there is none.

    Failed and crashed runs do not count; running ones do, by what they have reported.

    Raises:
        NotFound: No such sweep.
        NotPossible: The sweep has no metric.
    """
    metric = _metric(services, sweep)
    if metric is None:
        raise NotPossible(
            f"sweep {sweep} has no metric, so no run is best; "
            "add 'metric: {name: ...}' to its file"
        )
    values: dict[int, float] = {}
    for head in services.store.list_run_heads(sweep):
        if head.best is not None and head.state not in _NEVER_BEST:
            values[head.index] = metric.minimised(head.best)
    for lease in services.store.list_leases(sweep):
        if lease.live.best is not None and lease.index not in values:
            values[lease.index] = metric.minimised(lease.live.best)
    for index in sorted(values, key=lambda index: (values[index], index)):
        view = get_run(services, sweep, index)
        if view.best is not None and view.state not in _NEVER_BEST:
            return view
    return None


def count_states(services: Services, sweep: str) -> dict[str, int]:
    """How many runs are in each state.

    Raises:
        NotFound: No such sweep.
    """
    services.store.get_counter(sweep)
    leases = _leases_by_index(services, sweep)
    now = services.clock()
    heads = services.store.list_run_heads(sweep)
    states = [head.state or living_state(leases.get(head.index), now) for head in heads]
    return {state.value: n for state, n in sorted(Tally(states).items())}


def living_state(lease: Lease | None, now: float) -> RunState:
    """The state of a run without an outcome."""
    if lease is None or lease.is_released:
        return RunState.PENDING
    return RunState.CRASHED if lease.is_expired(now) else RunState.RUNNING


def stop_run(services: Services, sweep: str, index: int) -> RunView:
    """Ask the run's agent to stop it; it is told with its next report.

    Raises:
        NotFound: No such sweep or run.
        NotPossible: No agent works on it.
    """
    view = get_run(services, sweep, index)
    if view.run.outcome is not None or view.lease is None or view.lease.is_released:
        raise NotPossible(
            f"cannot stop run {run_id(sweep, index)}: it is {view.state.value}, "
            "no agent works on it"
        )
    services.store.stop_run(sweep, index)
    return get_run(services, sweep, index)


def list_rows(
    services: Services, sweep: str, index: int, after: tuple[int, int] | None, count: int
) -> list[RowBatch]:
    """One page of batches of logged rows.

    Raises:
        NotFound: No such sweep or run.
    """
    get_run(services, sweep, index)
    return services.store.list_rows(sweep, index, after, count)


def thin_rows(services: Services, sweep: str, index: int, n_rows: int) -> list[tuple[int, Row]]:
    """About ``n_rows`` evenly spaced (attempt, row) of the whole history, first and last kept.

    Memory is bounded by the result: while reading, every second row is dropped each time twice
    as many as wanted have been kept.

    Raises:
        NotFound: No such sweep or run.
    """
    kept: list[tuple[int, Row]] = []
    last: tuple[int, Row] | None = None
    stride, seen, after = 1, 0, None
    get_run(services, sweep, index)
    while batches := services.store.list_rows(sweep, index, after, _BATCHES_A_READ):
        for batch in batches:
            for row in batch.rows:
                last = (batch.attempt, row)
                if seen % stride == 0:
                    kept.append(last)
                seen += 1
                if len(kept) >= 2 * n_rows:
                    kept, stride = kept[::2], 2 * stride
        after = (batches[-1].attempt, batches[-1].offset)
    if last is not None and kept[-1] is not last:
        kept.append(last)
    return kept


_BATCHES_A_READ = 100


def _metric(services: Services, sweep: str) -> Metric | None:
    counter = services.store.get_counter(sweep)
    return services.load_config(sweep, counter.version).config.metric


def _leases_by_index(services: Services, sweep: str) -> dict[int, Lease]:
    return {lease.index: lease for lease in services.store.list_leases(sweep)}


def _view(sweep: str, run: Run, lease: Lease | None, metric: Metric | None, now: float) -> RunView:
    if run.outcome is not None:
        outcome = run.outcome
        return RunView(sweep, run, outcome.state, outcome.summary, outcome.best, lease)
    summary = live_summary(metric, lease.live) if lease is not None else {}
    best = lease.live.best if lease is not None else None
    return RunView(sweep, run, living_state(lease, now), summary, best, lease)
