"""Reading sweeps and runs by ``wandb.Api()`` and ``wandb agent``."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import yaml

from sweep_service.errors import InvalidRequest, NotFound, NotPossible
from sweep_service.handlers.http import decode_cursor, encode_cursor
from sweep_service.model.records.states import RunState
from sweep_service.operations import runs as run_operations
from sweep_service.operations import sweeps as sweep_operations
from sweep_service.operations.rows import by_step, read_all
from sweep_service.wandb.call import ENTITY
from sweep_service.wandb.names import RunName, parse_run_name
from sweep_service.wandb.streams import encode_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.records.records import Row, RunHead
    from sweep_service.operations.runs import RunView
    from sweep_service.operations.services import Services
    from sweep_service.operations.sweeps import SweepView
    from sweep_service.wandb.call import Call

    Json = dict[str, Any]

_RUNS_A_PAGE = 200
_SWEEPS_A_PAGE = 50
_MOST_SAMPLES = 10_000
_SAMPLES = 500
_ROWS_BYTES = 500_000  #: Rows in an answer are texts with escaped quotes, which need more space.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TYPES = ("QueryType", "MutationType", "ServerInfoType", "ServerSettingsType", "TypeInfo")


def viewer(call: Call) -> Json:
    """The caller."""
    found = {
        "id": call.request.caller,
        "name": call.request.caller,
        "username": call.request.caller,
        "entity": ENTITY,
        "email": "",
        "admin": False,
        "flags": "{}",
        "deletedAt": None,
        "apiKeys": {"edges": []},
        "teams": {"edges": []},
    }
    return {"viewer": found}


def server_features(call: Call) -> Json:
    """The features of newer servers, none of which is supported."""
    del call
    return {"serverInfo": {"features": []}}


def probed(call: Call) -> Json:
    """The fields of the server's types that older clients have to know."""
    del call
    needed = {"ProjectType": "internalId", "RunType": "projectId"}
    return {
        **{name: {"name": name, "fields": [], "inputFields": []} for name in _TYPES},
        **{name: {"name": name, "fields": [{"name": field}]} for name, field in needed.items()},
    }


def sweep(call: Call) -> Json:
    """One sweep; null if it does not exist."""
    try:
        view = sweep_operations.get_sweep(call.services, call.text("sweep", "name") or "")
    except NotFound:
        return {"project": call.project(call.text("project") or "", sweep=None)}
    found = _sweep(view, _best_value(call.services, view))
    return {"project": call.project(view.loaded.meta.project, sweep=found)}


def sweep_with_runs(call: Call) -> Json:
    """One sweep with its first runs and some of their rows."""
    answer = sweep(call)
    found = answer["project"]["sweep"]
    if found is not None:
        views, _ = run_operations.list_runs(call.services, found["id"], 0, _RUNS_A_PAGE)
        nodes = (
            {**_run(view), "sampledHistory": _sampled(call, view)}
            for view in views
            if not view.run.is_deleted
        )
        found["runs"] = {"edges": [{"node": node} for node in nodes]}
    return answer


def sweeps(call: Call) -> Json:
    """The sweeps of a project, newest first."""
    project, services = call.text("project"), call.services
    after = decode_cursor(call.text("cursor"), (float, str))
    count = min(call.count("perPage", _SWEEPS_A_PAGE), _SWEEPS_A_PAGE)
    page, last = sweep_operations.list_sweeps(services, project, None, after, count)
    edges = [{"node": _sweep(view, None)} for view in page]
    found = {"edges": edges, "pageInfo": _page_info(encode_cursor(last))}
    n_sweeps = sum(1 for _ in _heads(services, project))
    return {"project": call.project(project or "", totalSweeps=n_sweeps, sweeps=found)}


def _heads(services: Services, project: str | None) -> Iterator[object]:
    after: tuple[float, str] | None = None
    while heads := services.store.list_sweeps(project, after, _RUNS_A_PAGE):
        yield from heads
        after = (heads[-1].created_at, heads[-1].sweep)


def sweep_of_filters(variables: Mapping[str, Any]) -> str:
    """The sweep in the filters of a request for runs."""
    return _filters(variables)[0]


def _filters(variables: Mapping[str, Any]) -> tuple[str, str | None]:
    """The sweep and the state in the filters of a list of runs.

    Raises:
        InvalidRequest: The filters have other conditions.
    """
    try:
        asked = json.loads(variables.get("filters") or "{}")
        parts = [asked, *asked.pop("$and", [])]
        found = {name: value for part in parts for name, value in part.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        found = {}
    sweep_id, state = found.pop("sweep", None), found.pop("state", None)
    if found or not isinstance(sweep_id, str) or not isinstance(state, str | None):
        raise InvalidRequest(
            "filters: needs one sweep, such as {'sweep': ID}, and takes a state besides, such as"
            " 'finished'; select by other properties from the runs that you get"
        )
    return sweep_id, state


def runs(call: Call) -> Json:
    """A page of the runs of a sweep, in the requested order."""
    sweep_id, state = _filters(call.variables)
    services = call.services
    view = sweep_operations.get_sweep(services, sweep_id)
    heads = [
        head
        for head in run_operations.list_heads(services, sweep_id)
        if head.state is not RunState.DELETED and state in (None, head.state and head.state.value)
    ]
    indices = [head.index for head in _ordered(heads, view, call.text("order") or "+created_at")]
    start = call.count("cursor", 0)
    end = start + min(call.count("perPage", _SAMPLES), _RUNS_A_PAGE)
    page = enumerate(_views(services, sweep_id, indices[start:end]), start=start + 1)
    edges = [{"node": _run(found), "cursor": str(number)} for number, found in page]
    found = {"edges": edges, "pageInfo": _page_info(str(end) if end < len(indices) else None)}
    project = view.loaded.meta.project
    return {"project": call.project(project, runCount=len(indices), runs=found)}


def _ordered(heads: Sequence[RunHead], view: SweepView, order: str) -> Sequence[RunHead]:
    """Sort runs in the requested order, those without a value of the metric last.

    Raises:
        InvalidRequest: The order is unknown.
    """
    is_ascending, key = not order.startswith("-"), order.lstrip("+-")
    metric = view.loaded.config.metric
    if key in ("created_at", "createdAt"):
        return heads if is_ascending else heads[::-1]
    if metric is None or key.removeprefix("summary_metrics.") != metric.name:
        known = "created_at" if metric is None else f"created_at or {metric.name}"
        raise InvalidRequest(f"order: found '{key}'; needs {known}, the metric of the sweep")
    with_value = [head for head in heads if head.best is not None]
    without = [head for head in heads if head.best is None]
    sign = 1.0 if is_ascending else -1.0
    return [*sorted(with_value, key=lambda head: sign * (head.best or 0.0)), *without]


def _views(services: Services, sweep_id: str, indices: Sequence[int]) -> Iterable[RunView]:
    """The runs at the given indices; neighbours are read together."""
    if not indices:
        return []
    span = indices[-1] - indices[0] + 1
    if span <= 2 * len(indices) and list(indices) == sorted(indices):
        wanted = frozenset(indices)
        views, _ = run_operations.list_runs(services, sweep_id, indices[0], span)
        return [view for view in views if view.run.index in wanted]
    return [run_operations.get_run(services, sweep_id, index) for index in indices]


def run(call: Call) -> Json:
    """One run; null if it does not exist."""
    name = parse_run_name(call.text("name", "runId", "run"))
    try:
        view = run_operations.get_run(call.services, name.sweep, name.index)
    except NotFound:
        return {"project": call.project(call.text("project") or "", run=None, bucket=None)}
    meta = call.services.load_config(name.sweep, view.run.config_version).meta
    rows = run_operations.thin_rows(call.services, name.sweep, name.index, 1, ()).rows
    last_step = rows[-1][1].step if rows else None
    found = {**_run(view), "historyKeys": {"lastStep": last_step or 0, "keys": {}}}
    n_rows = view.lease.live.next_row if view.lease is not None else None
    bucket = {**found, **_tail(rows)} if n_rows else None
    project = call.project(meta.project, run=found, bucket=bucket)
    return {"project": project, "model": project}


def _tail(rows: Sequence[tuple[int, Row]]) -> Json:
    """The end of a run's stream, for a program that continues it."""
    return {
        "historyTail": json.dumps([json.dumps(_history_row(row)) for _, row in rows[-1:]]),
        "eventsTail": "[]",
        "logLineCount": 0,
        "eventsLineCount": 0,
        "wandbConfig": '{"t": 1}',
    }


def run_history(call: Call) -> Json:
    """Rows of one run, evenly spaced if there are more than requested."""
    name = parse_run_name(call.text("name", "run"))
    view = run_operations.get_run(call.services, name.sweep, name.index)
    since, until = call.variables.get("minStep"), call.variables.get("maxStep")
    if since is None:
        rows = _rows(call.services, view, call.count("samples", _SAMPLES), ())
    else:
        rows = _all_rows(call.services, view, _steps(since, until, call.count("pageSize", 0)), ())
    history = [json.dumps(row) for row in rows]
    found = {"history": history, "events": [], "sampledHistory": _sampled(call, view)}
    meta = call.services.load_config(name.sweep, view.run.config_version).meta
    return {"project": call.project(meta.project, run=found)}


def no_parquet(call: Call) -> Json:
    """An answer without files of a run's history, so that clients request its pages."""
    name = parse_run_name(call.text("runName"))
    run_operations.get_run(call.services, name.sweep, name.index)
    history: Json = {"parquetUrls": [], "liveData": []}
    return {"project": call.project("", run={"name": str(name), "parquetHistory": history})}


def _sampled(call: Call, view: RunView) -> list[list[Json]]:
    """Rows of some metrics: a list for each requested ``{"keys": [...], "samples": N}``."""
    asked = call.variables.get("specs") or call.variables.get("spec") or []
    texts = asked if isinstance(asked, list) else [asked]
    return [_of_spec(call.services, view, text) for text in texts]


def _of_spec(services: Services, view: RunView, text: object) -> list[Json]:
    try:
        spec = json.loads(str(text))
        keys = tuple(key for key in spec.get("keys", ()) if not key.startswith("_"))
        samples = int(spec.get("samples") or _SAMPLES)
        since = spec.get("minStep")
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise InvalidRequest(f"specs: found {str(text)[:60]}") from None
    if not keys:
        return []
    if since is None:
        return _rows(services, view, samples, keys)
    return _all_rows(services, view, _steps(since, spec.get("maxStep"), samples), keys)


def _steps(since: object, until: object, page_size: int) -> range:
    """The steps of a page.

    Clients in Python send the step after the last, and clients from 0.28 on the last step. In the
    latter case the page has as many steps as it should have rows.

    Raises:
        InvalidRequest: They are not integers.
    """
    try:
        first, last = int(str(since)), int(str(until))
    except ValueError:
        raise InvalidRequest("minStep and maxStep: need whole numbers") from None
    return range(first, last + 1 if last - first + 1 == page_size else last)


def _all_rows(services: Services, view: RunView, steps: range, keys: tuple[str, ...]) -> list[Json]:
    """All rows of the newest attempt at some steps."""
    batches = read_all(services, view.sweep, view.run.index)
    attempt = view.run.attempt
    numbered = (
        (attempt, row) for batch in batches if batch.attempt == attempt for row in batch.rows
    )
    rows = (_history_row(row) for _, row in by_step(numbered) if (row.step or 0) in steps)
    return [row for row in rows if all(key in row for key in keys)]


def _rows(services: Services, view: RunView, samples: int, keys: tuple[str, ...]) -> list[Json]:
    """Rows of the newest attempt."""
    n_rows = min(max(samples, 1), _MOST_SAMPLES)
    thinned = run_operations.thin_rows(services, view.sweep, view.run.index, n_rows, keys)
    rows = [_history_row(row) for attempt, row in thinned.rows if attempt == view.run.attempt]
    while len(rows) > 2 and len(json.dumps(rows)) > _ROWS_BYTES:
        rows = rows[::2]
    return rows


def _history_row(row: Row) -> Json:
    return {**row.metrics, "_step": row.step or 0, "_timestamp": row.at}


def _page_info(end: str | None) -> Json:
    return {"endCursor": end, "hasNextPage": end is not None}


def _best_value(services: Services, view: SweepView) -> float | None:
    try:
        best = run_operations.best_run(services, view.sweep or "")
    except NotPossible:  # the sweep has no metric
        return None
    return None if best is None else best.best


def _sweep(view: SweepView, best: float | None) -> Json:
    """A sweep with its normalised config as YAML, in which numbers are written as in JSON."""
    meta, document = view.loaded.meta, view.loaded.config.document
    plain = json.loads(json.dumps(document, default=dict))
    return {
        "id": view.sweep,
        "name": view.sweep,
        "displayName": view.info.labels.name or meta.name,
        "description": document.get("description"),
        "method": view.loaded.config.method,
        "state": view.state.value.upper(),
        "config": yaml.dump(plain, Dumper=_DUMPER, sort_keys=False, allow_unicode=True),
        "bestLoss": best,
        "createdAt": _time(meta.created_at),
        "updatedAt": _time(meta.created_at),
        "heartbeatAt": None,
        "earlyStopJobRunning": False,
        "controller": None,
        "scheduler": None,
        "runCount": view.counter.next_index,
        "runCountExpected": view.counter.limit,
    }


def _run(view: RunView) -> Json:
    """A run under the name of its newest attempt."""
    stored, outcome = view.run, view.run.outcome
    name = str(RunName(view.sweep, stored.index, stored.attempt))
    noted = outcome.attributes if outcome is not None else stored.attributes
    lease = view.lease
    live = None if lease is None else lease.live
    is_to_stop = lease is not None and (lease.is_stop_requested or lease.early_stop is not None)
    ended_at = None if outcome is None else outcome.ended_at
    summary = dict(view.summary)
    if ended_at is not None:
        summary["_runtime"] = ended_at - stored.started_at
    return {
        "id": name,
        "name": name,
        "displayName": view.labels.name or name,
        "sweepName": view.sweep,
        "projectId": "1",
        "state": view.state.value,
        "config": encode_config({**noted.get("config", {}), **stored.config}),
        "summaryMetrics": json.dumps(summary),
        "systemMetrics": "{}",
        "tags": list(view.labels.tags),
        "notes": view.labels.notes,
        "group": noted.get("group"),
        "jobType": noted.get("job_type"),
        "description": None,
        "commit": None,
        "readOnly": False,
        "createdAt": _time(stored.created_at),
        "heartbeatAt": _time(ended_at if ended_at is not None else stored.started_at),
        "historyLineCount": (live.next_row or 0) if live is not None else 0,
        "user": {"name": stored.agent, "username": stored.agent},
        "exitcode": None if outcome is None else outcome.exit_code,
        "shouldStop": is_to_stop,
        "stopped": is_to_stop or view.state is RunState.KILLED,
        "failed": view.state in (RunState.FAILED, RunState.CRASHED),
        "running": view.state is RunState.RUNNING,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
