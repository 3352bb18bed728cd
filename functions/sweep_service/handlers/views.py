"""JSON representations of sweeps and runs, as documented in ``infra/openapi.yaml``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sweep_service.model.language.command import command_sha256
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.numbers import encode_number, tagged
from sweep_service.operations.final import final_of
from sweep_service.wire import documents
from sweep_service.wire.runs import DETAILS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.access.events import Event
    from sweep_service.access.identity import Identity
    from sweep_service.access.tokens import Token
    from sweep_service.model.language.problems import Problem
    from sweep_service.model.records.records import AttemptRecord, EarlyStop, Row
    from sweep_service.operations.adding import Added
    from sweep_service.operations.amendments import Amended
    from sweep_service.operations.imports import Imported
    from sweep_service.operations.runs import RunStory, RunView
    from sweep_service.operations.services import LoadedConfig
    from sweep_service.operations.sweeps import SweepView
    from sweep_service.search.importance import Importance

_MOST_LEFT_OUT = 20


def listed_sweep(view: SweepView) -> documents.ListedSweep:
    """A sweep in a listing."""
    return {"id": view.sweep or "", **_sweep_head(view)}


def sweep_with_config(view: SweepView) -> documents.SweepWithConfig:
    """A sweep with its normalised config, without its id."""
    return {
        **_sweep_head(view),
        "config": tagged(view.loaded.config.document),
        "config_version": view.counter.version,
        "seed": view.counter.seed,
        **_command(view.loaded),
    }


def checked_sweep(view: SweepView) -> documents.CheckedSweep:
    """A registered or changed sweep, with warnings about its config."""
    return {"id": view.sweep, **sweep_with_config(view), "warnings": problems(view.warnings)}


def _sweep_head(view: SweepView) -> documents.SweepHead:
    meta, counter, labels = view.loaded.meta, view.counter, view.info.labels
    return documents.SweepHead(
        project=meta.project,
        name=labels.name or meta.name,
        state=view.state.value,
        method=view.loaded.config.method,
        metric=view.loaded.config.document.get("metric"),
        grid_points=view.grid_points,
        run_cap=counter.run_cap,
        limit=counter.limit,
        n_handed_out=counter.next_index,
        created_at=meta.created_at,
        tags=list(labels.tags),
        notes=labels.notes,
        final=_final(view),
    )


def _final(view: SweepView) -> documents.Final | None:
    final, best = final_of(view), None
    if final is None:
        return None
    if final.best_index is not None and final.best is not None:
        best = documents.BestOfAll(
            id=run_id(view.sweep or "", final.best_index),
            index=final.best_index,
            value=encode_number(final.best),
        )
    return documents.Final(counts=dict(final.counts), best=best)


def _command(loaded: LoadedConfig) -> documents.Command:
    meta = loaded.meta
    is_first = meta.command_at is None and meta.version == 1
    return documents.Command(
        command_sha256=command_sha256(loaded.config.document),
        command_changed_at=meta.created_at if is_first else meta.command_at,
        command_changed_by=meta.command_by,
    )


def importance(n_runs: int, found: Sequence[Importance]) -> documents.Importance:
    """The importance of each parameter, in descending order."""
    parameters = [
        documents.ImportantParameter(name=entry.parameter, share=entry.share, clear=entry.is_clear)
        for entry in found
    ]
    return documents.Importance(n_runs=n_runs, parameters=parameters)


def imported(result: Imported) -> documents.Import:
    """The outcome of an import, with the first few of the results that were left out."""
    return documents.Import(
        observed=result.n_observed,
        done=result.n_done,
        known=result.n_known,
        n_left_out=len(result.left_out),
        left_out=[
            documents.LeftOut(place=entry.place, reason=entry.reason)
            for entry in result.left_out[:_MOST_LEFT_OUT]
        ],
    )


def added(sweep: str, result: Added) -> documents.AddedPoints:
    """What became of points that were to be added."""
    points = [
        documents.AddedPoint(
            id=None if point.index is None else run_id(sweep, point.index),
            config=tagged(point.config),
        )
        for point in result.points
    ]
    return documents.AddedPoints(
        points=points,
        n_added=result.n_added,
        sweep_state=result.sweep_state.value,
        warnings=problems(result.warnings),
    )


def problems(items: Sequence[Problem]) -> list[documents.ConfigProblem]:
    """Errors or warnings about a sweep config."""
    return [_problem(item) for item in items]


def _problem(item: Problem) -> documents.ConfigProblem:
    document = documents.ConfigProblem(path=item.path, message=item.message)
    return document if item.line is None else {**document, "line": item.line}


def run(view: RunView) -> documents.RunFields:
    """A run with its state."""
    stored, outcome = view.run, view.run.outcome
    document = documents.RunFields(
        id=run_id(view.sweep, stored.index),
        sweep=view.sweep,
        index=stored.index,
        state=view.state.value,
        config=tagged(stored.config),
        config_version=stored.config_version,
        attempt=stored.attempt,
        summary=dict(view.summary),
        best=None if view.best is None else encode_number(view.best),
        exit_code=outcome.exit_code if outcome else None,
        signal=outcome.signal if outcome else None,
        agent=stored.agent,
        host=stored.host,
        created_at=stored.created_at,
        started_at=stored.started_at,
        ended_at=outcome.ended_at if outcome else None,
        stopped_early=outcome.is_stopped_early if outcome else False,
        early_stop=_early_stop(outcome.early_stop) if outcome and outcome.early_stop else None,
        attributes=tagged(outcome.attributes if outcome else stored.attributes),
        suggestion=None if stored.suggestion is None else dict(stored.suggestion),
        heard_at=view.heard_at,
        step=view.lease.live.step if view.is_living and view.lease else None,
        stop_requested=view.is_stop_requested,
        name=view.labels.name,
        tags=list(view.labels.tags),
        notes=view.labels.notes,
        metrics=list(view.metrics),
        attempts=[_attempt(record) for record in stored.attempts],
        lease_end=_lease_end(view),
    )
    details = {name: outcome.details.get(name) if outcome else None for name in DETAILS}
    return cast("documents.RunFields", {**document, **details})


def _early_stop(stop: EarlyStop) -> documents.EarlyStop:
    return documents.EarlyStop(band=stop.band, value=stop.value, threshold=stop.threshold)


def run_in_full(story: RunStory) -> documents.RunInFull:
    """A run with its attempts and error tail."""
    document = {
        **run(story.view),
        "attempts": [_attempt(record) for record in story.attempts],
        "error_tail": story.error_tail,
    }
    return cast("documents.RunInFull", document)


def _lease_end(view: RunView) -> float | None:
    lease = view.lease
    return lease.lease_end if lease and not lease.is_released else None


def _attempt(record: AttemptRecord) -> documents.Attempt:
    return documents.Attempt(
        attempt=record.attempt,
        agent=record.agent,
        host=record.host,
        state=record.state.value,
        started_at=record.started_at,
        ended_at=record.ended_at,
        exit_code=record.exit_code,
        signal=record.signal,
    )


def amended(found: Amended) -> documents.Amendment:
    """The result of a request to amend a run."""
    return documents.Amendment(
        run=run(found.run), changed=found.is_changed, sweep_state=found.sweep_state.value
    )


def history_row(attempt_number: int, row: Row) -> documents.Row:
    """One logged row."""
    return documents.Row(
        attempt=attempt_number, step=row.step, at=row.at, metrics=dict(row.metrics)
    )


def event(found: Event) -> documents.Event:
    """A change that a caller made."""
    return documents.Event(at=found.at, who=found.who, method=found.method, action=found.action)


def token(found: Token) -> documents.Token:
    """An access token, without its secret."""
    return documents.Token(
        id=found.id,
        name=found.name,
        scope=found.scope.value,
        sweep=found.sweep,
        created_at=found.created_at,
        created_by=found.created_by,
        expires_at=found.expires_at,
        last_used_at=found.last_used_at,
        revoked_at=found.revoked_at,
    )


def identity(found: Identity) -> documents.Identity:
    """The identity of a caller."""
    return documents.Identity(
        name=found.name,
        scope=None if found.scope is None else found.scope.value,
        method=found.method.value,
        sweep=found.sweep,
        expires_at=found.expires_at,
    )
