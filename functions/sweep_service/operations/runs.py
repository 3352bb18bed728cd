"""Reading runs: their states, the best run, and their histories."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sweep_service.errors import NotFound, NotPossible
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.numbers import decode_number
from sweep_service.model.records.records import LiveSummary
from sweep_service.model.records.shown import Labels
from sweep_service.model.records.states import RunState
from sweep_service.operations.judging import judge_of
from sweep_service.operations.metrics import is_extreme, live_summary
from sweep_service.operations.report import lease_seconds
from sweep_service.operations.rows import RowPosition, by_step, read_all, read_page
from sweep_service.operations.saving import update
from sweep_service.operations.thinning import Thinner
from sweep_service.protocol.leases import request_stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import Metric
    from sweep_service.model.records.records import (
        AttemptRecord,
        Lease,
        MetricValue,
        Row,
        RowBatch,
        Run,
        RunHead,
    )
    from sweep_service.operations.judging import Judge
    from sweep_service.operations.services import Services

#: Names of the metrics to read from a history; empty for all of them.
Keys = tuple[str, ...]

#: Pending is among them because such a run starts again: values of earlier attempts do not count.
_NEVER_BEST = (RunState.FAILED, RunState.CRASHED, RunState.PENDING, RunState.DELETED)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its state, derived from its outcome or, while it has none, from its lease."""

    sweep: str
    run: Run
    state: RunState
    summary: Mapping[str, MetricValue]
    best: float | None
    lease: Lease | None
    heard_at: float | None = None

    @property
    def is_living(self) -> bool:
        """Whether an agent works on it, or is expected to."""
        is_held = self.lease is not None and not self.lease.is_released
        return self.run.outcome is None and is_held

    @property
    def is_stop_requested(self) -> bool:
        """Whether its agent has been asked to stop it, by a person or by early termination."""
        lease = self.lease
        if lease is None or not self.is_living:
            return False
        return lease.is_stop_requested or lease.early_stop is not None

    @property
    def labels(self) -> Labels:
        """The labels that users gave the run, or else those of its program."""
        outcome, own = self.run.outcome, self.run.labels
        noted = self.run.attributes if outcome is None else outcome.attributes
        name, tags, notes = noted.get("name"), noted.get("tags"), noted.get("notes")
        texts = tags if isinstance(tags, (list, tuple)) else ()
        return Labels(
            own.name or (name if isinstance(name, str) else None),
            own.tags or tuple(tag for tag in texts if isinstance(tag, str)),
            own.notes or (notes if isinstance(notes, str) else None),
        )

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that are known to have been logged."""
        if self.run.outcome is not None:
            return tuple(name for name in self.summary if not is_extreme(name, self.summary))
        return self.lease.live.names if self.lease is not None else ()


@dataclass(frozen=True, slots=True)
class Survey:
    """Overview of the runs of a sweep.

    Attributes:
        counts: Number of runs by state.
        best: The best run so far, see ``best_run``; None also if the sweep has no metric.
    """

    counts: Mapping[str, int]
    best: RunView | None


@dataclass(frozen=True, slots=True)
class RunStory:
    """Everything that is stored about a run except its rows."""

    view: RunView
    attempts: Sequence[AttemptRecord]
    error_tail: str | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of a history as (attempt, row), and its last position; None at the end."""

    rows: Sequence[tuple[int, Row]]
    last: RowPosition | None


@dataclass(frozen=True, slots=True)
class ThinnedHistory:
    """Selected rows of a history as (attempt, row), and the total number of rows."""

    rows: Sequence[tuple[int, Row]]
    n_rows: int


def list_runs(
    services: Services, sweep: str, since: int, count: int, others: Sequence[int] = ()
) -> tuple[list[RunView], int | None]:
    """At most ``count`` runs with index >= ``since``, after those at ``others`` that are below.

    Returns:
        The runs by index, and the index where the next page begins; None: there are no more.

    Raises:
        NotFound: No such sweep.
    """
    judge = _judge(services, sweep)
    below = [index for index in others if index < since]
    named = services.store.get_runs(sweep, below) if below else []
    runs = services.store.list_runs(sweep, since, count)
    leases = _leases_by_index(services, sweep)
    now = services.clock()
    views = [_view(judge, run, leases.get(run.index), now) for run in (*named, *runs)]
    following = runs[-1].index + 1 if runs else judge.counter.next_index
    return views, following if following < judge.counter.next_index else None


def get_run(services: Services, sweep: str, index: int) -> RunView:
    """One run.

    Raises:
        NotFound: No such sweep or run.
    """
    judge = _judge(services, sweep)
    run = services.store.get_run(sweep, index)
    if run is None:
        raise _no_run(sweep, index)
    lease = services.store.get_lease(sweep, index)
    return _view(judge, run, lease, services.clock())


def get_run_story(services: Services, sweep: str, index: int) -> RunStory:
    """A run with its earlier attempts and its newest error tail.

    Raises:
        NotFound: No such sweep or run.
    """
    view = get_run(services, sweep, index)
    attempts = services.store.list_attempt_records(sweep, index)
    numbers = [view.run.attempt, *(record.attempt for record in reversed(attempts))]
    tails = (services.store.get_error_tail(sweep, index, number) for number in numbers)
    return RunStory(view, attempts, next((tail for tail in tails if tail), None))


def list_heads(services: Services, sweep: str) -> list[RunHead]:
    """All runs in brief; those without an outcome have the state and best value of their leases.

    Raises:
        NotFound: No such sweep.
    """
    return _heads(_judge(services, sweep))


def best_run(services: Services, sweep: str) -> RunView | None:
    """The run with the best value so far, or None.

    Failed, crashed and pending runs do not count; running ones do, with their reported values.

    Raises:
        NotFound: No such sweep.
        NotPossible: The sweep has no metric.
    """
    judge = _judge(services, sweep)
    if judge.metric is None:
        raise NotPossible(
            f"sweep {sweep} has no metric, so no run is best; "
            "add 'metric: {name: ...}' to its file"
        )
    return _best(judge, judge.metric, _heads(judge))


def survey(services: Services, sweep: str) -> Survey:
    """Count the runs by state and find the best one, in one pass over all runs.

    Raises:
        NotFound: No such sweep.
    """
    judge = _judge(services, sweep)
    heads = _heads(judge)
    tally = Tally(head.state for head in heads if head.state is not None)
    return Survey(
        counts={state.value: n for state, n in sorted(tally.items())},
        best=None if judge.metric is None else _best(judge, judge.metric, heads),
    )


def living_state(lease: Lease | None, now: float) -> RunState:
    """The state of a run without an outcome."""
    if lease is None or lease.is_released:
        return RunState.PENDING
    if lease.is_expired(now):
        return RunState.CRASHED
    return RunState.PREEMPTING if lease.is_preempting else RunState.RUNNING


def stop_run(services: Services, sweep: str, index: int) -> RunView:
    """Flag a run to be stopped; its agent reads the flag in the answer to its next report.

    Raises:
        NotFound: No such sweep or run.
        NotPossible: No agent holds the run.
    """
    view = get_run(services, sweep, index)
    if view.run.outcome is not None or view.lease is None or view.lease.is_released:
        raise NotPossible(
            f"cannot stop run {run_id(sweep, index)}: it is {view.state.value}, "
            "no agent works on it"
        )
    update(services.store, sweep, view.lease, request_stop)
    return get_run(services, sweep, index)


def list_rows(
    services: Services, sweep: str, index: int, after: RowPosition | None, keys: Keys
) -> HistoryPage:
    """One page of logged rows.

    Raises:
        NotFound: No such sweep or run.
    """
    get_run(services, sweep, index)
    batches, last = read_page(services, sweep, index, after)
    return HistoryPage(list(_rows_with(keys, batches)), last)


def thin_rows(
    services: Services, sweep: str, index: int, n_rows: int, keys: Keys
) -> ThinnedHistory:
    """About ``n_rows`` rows of the whole history, including those with extreme values.

    Extremes are those of the metrics in ``keys`` or else of the sweep's metric; see ``thinning``.
    Rows logged for one step in several calls are merged.

    Raises:
        NotFound: No such sweep or run.
    """
    get_run(services, sweep, index)
    judge = _judge(services, sweep)
    names = keys or (() if judge.metric is None else (judge.metric.name,))
    thinner: Thinner[tuple[int, Row]] = Thinner(
        n_rows, lambda row: _values(names, row[1]), lambda row: _size(row[1]), _THINNED_BYTES
    )
    for row in by_step(_rows_with(keys, read_all(services, sweep, index))):
        thinner.add(row)
    return ThinnedHistory(thinner.finish(), thinner.n_seen)


_THINNED_BYTES = 4_000_000  #: The answer of a Lambda function is limited to 6 MB.


def _values(names: Keys, row: Row) -> dict[str, float]:
    found = ((name, decode_number(row.metrics.get(name))) for name in names)
    return {name: value for name, value in found if value is not None}


def _rows_with(keys: Keys, batches: Iterable[RowBatch]) -> Iterator[tuple[int, Row]]:
    """The rows that have any of the metrics, reduced to these, as (attempt, row)."""
    for batch in batches:
        for row in batch.rows:
            if not keys:
                yield batch.attempt, row
            elif metrics := {name: row.metrics[name] for name in keys if name in row.metrics}:
                yield batch.attempt, replace(row, metrics=metrics)


def _size(row: Row) -> int:
    """Approximate size of a row in JSON, in bytes."""
    return 60 + sum(len(name) + 24 for name in row.metrics)


def _heads(judge: Judge) -> list[RunHead]:
    """Heads of all runs; runs in progress get state and best value from their leases."""
    services = judge.services
    leases = _leases_by_index(services, judge.sweep)
    now = services.clock()
    return [
        _living_head(judge, head, leases.get(head.index), now) if head.state is None else head
        for head in judge.heads(services.store.list_run_heads(judge.sweep))
    ]


def _living_head(judge: Judge, head: RunHead, lease: Lease | None, now: float) -> RunHead:
    best = None if lease is None else judge.live_of(lease).best
    return replace(head, state=living_state(lease, now), best=best)


def _best(judge: Judge, metric: Metric, heads: Sequence[RunHead]) -> RunView | None:
    values = {
        head.index: metric.minimised(head.best)
        for head in heads
        if head.best is not None and head.state not in _NEVER_BEST
    }
    for index in sorted(values, key=lambda index: (values[index], index)):
        view = get_run(judge.services, judge.sweep, index)
        if view.best is not None and view.state not in _NEVER_BEST:  # it may have failed since
            return view
    return None


def _judge(services: Services, sweep: str) -> Judge:
    return judge_of(services, sweep, services.store.get_status(sweep))


def _leases_by_index(services: Services, sweep: str) -> dict[int, Lease]:
    return {lease.index: lease for lease in services.store.list_leases(sweep)}


def _view(judge: Judge, run: Run, lease: Lease | None, now: float) -> RunView:
    if run.outcome is not None:
        outcome, best = run.outcome, judge.worth(run).best
        return RunView(judge.sweep, run, outcome.state, outcome.summary, best, lease)
    live = judge.live_of(lease) if lease is not None else LiveSummary()
    summary = live_summary(judge.metric, live)
    state = living_state(lease, now)
    heard_at = _heard_at(judge, run, lease)
    return RunView(judge.sweep, run, state, summary, live.best, lease, heard_at)


def _heard_at(judge: Judge, run: Run, lease: Lease | None) -> float | None:
    """When the holder of a lease has last had it extended, which is later than half of it ago."""
    if lease is None or lease.is_released:
        return None
    config = judge.services.load_config(judge.sweep, run.config_version).config
    return max(run.started_at, lease.lease_end - lease_seconds(lease, config))


def _no_run(sweep: str, index: int) -> NotFound:
    return NotFound(f"no run '{run_id(sweep, index)}' in sweep {sweep}")
