"""Finish: an agent reports how an attempt ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.errors import LeaseLost, NotFound
from sweep_service.model.records.entries import ErrorTail
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.records import Lease, Outcome, Run
from sweep_service.model.records.states import RunState
from sweep_service.operations.completion import complete
from sweep_service.operations.judging import judge_of, live_of_rows
from sweep_service.operations.metrics import best_value, last_value
from sweep_service.operations.reconcile import reconcile
from sweep_service.operations.saving import update
from sweep_service.operations.target import finish_on_target
from sweep_service.protocol.leases import release
from sweep_service.protocol.runs import end
from sweep_service.wire.runs import Ending, Finished

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.operations.judging import Judge
    from sweep_service.operations.services import Services


def finish(services: Services, sweep: str, index: int, ending: Ending) -> Finished:
    """End the run, or release it to be handed out again. Repeating the request has no effect.

    Raises:
        NotFound: No such sweep.
        LeaseLost: The attempt no longer holds the run.
    """
    counter = services.store.get_status(sweep)
    if index >= counter.next_index:
        raise NotFound(f"sweep {sweep} has no run {run_id(sweep, index)}")
    config = services.load_config(sweep, counter.version_of(index)).config
    judge = judge_of(services, sweep, counter)
    run = services.store.get_run(sweep, index)  # before the lease: amendments change that first
    lease = services.store.get_lease(sweep, index)
    if lease is not None and lease.released_attempt >= ending.attempt:
        return Finished(ending.state, is_requeued=True)
    if run is None or not _is_holder(run, ending):
        raise LeaseLost(f"attempt {ending.attempt} of run {sweep}-{index} no longer holds it")
    if run.outcome is None:
        if ending.error_tail:
            tail = ErrorTail(ending.attempt, ending.error_tail)
            services.store.append(sweep, index, tail)
        if lease is not None and _is_retried(config, lease, ending):
            return _release(services, sweep, lease, run, ending)
        run = _end(judge, config, lease, ending, run)
    if lease is not None:
        finish_on_target(services, sweep, counter, _news(judge, lease, run))
        complete(services, sweep, lease, run)
    if counter.is_exhausted:
        reconcile(services, sweep)
    return Finished(run.outcome.state if run.outcome else ending.state, is_requeued=False)


def _is_holder(run: Run, ending: Ending) -> bool:
    """Whether the attempt that has ended is the one that the run names."""
    is_current = run.attempt == ending.attempt and not run.is_deleted
    return is_current and ending.key in (None, run.key)


def _news(judge: Judge, lease: Lease, run: Run) -> list[float]:
    """The run's best value, if no report has brought it before."""
    best = judge.worth(run).best
    return [best] if best is not None and best != judge.live_of(lease).best else []


def _is_retried(config: SweepConfig, lease: Lease, ending: Ending) -> bool:
    if ending.state is RunState.PREEMPTED:
        return True
    return ending.state is RunState.FAILED and lease.failures < config.retry_failed


def _release(services: Services, sweep: str, lease: Lease, run: Run, ending: Ending) -> Finished:
    now = services.clock()
    record = run.attempt_record(ending.state, now, ending.exit_code, ending.signal)
    services.store.append(sweep, run.index, record)
    is_failure = ending.state is RunState.FAILED
    update(
        services.store,
        sweep,
        lease,
        lambda stored: release(stored, ending.attempt, is_failure=is_failure),
    )
    return Finished(ending.state, is_requeued=True)


def _end(judge: Judge, config: SweepConfig, lease: Lease | None, ending: Ending, run: Run) -> Run:
    services, sweep = judge.services, judge.sweep
    # A value that the program set itself is one of the sweep's present metric.
    result = ending.result if judge.is_by(run.config_version) else None
    if lease is not None and lease.attempt == ending.attempt:
        live, stop = lease.live, lease.early_stop
    else:  # an ask is taking the run: the lease no longer describes this attempt
        live, stop = live_of_rows(services, sweep, run, config.metric), None
    is_stopped_early = ending.is_stopped_early
    if is_stopped_early is None:
        is_stopped_early = stop is not None and ending.state is RunState.FINISHED
    outcome = Outcome(
        state=ending.state,
        ended_at=services.clock(),
        exit_code=ending.exit_code,
        signal=ending.signal,
        summary=ending.summary,
        best=best_value(config.metric, live, ending.summary, result),
        is_stopped_early=is_stopped_early,
        attributes=ending.attributes or run.attributes,
        details=ending.details,
        last=last_value(config.metric, live, ending.summary, result),
        early_stop=stop if is_stopped_early else None,
    )
    revision = run.revision
    return update(
        services.store, sweep, run, lambda stored: end(stored, ending.attempt, revision, outcome)
    )
