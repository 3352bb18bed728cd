"""Sample records for store tests, and a function that lists the whole content of a store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sweep_service.errors import NotFound
from sweep_service.model.records.records import (
    AttemptRecord,
    Base,
    ConfigVersion,
    Lease,
    LiveSummary,
    Observation,
    Outcome,
    Row,
    RowBatch,
    Run,
    SweepStatus,
)
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.store import Store

SWEEP = "k3v9x2ab"
UNICODE = "é–😀\u0000\u2028 \"quoted\" 'x'; DROP TABLE runs"
NON_FINITE = (math.nan, math.inf, -math.inf)


def a_meta(**changes: Any) -> ConfigVersion:
    values: dict[str, Any] = {
        "sweep": SWEEP,
        "version": 1,
        "project": "project",
        "name": None,
        "document": {"method": "grid", "parameters": {"lr": {"values": [0.1, 0.2]}}},
        "created_at": 1000.0,
        "create_key": "create-key",
    }
    return ConfigVersion(**{**values, **changes})


def a_counter(**changes: Any) -> SweepStatus:
    values: dict[str, Any] = {
        "state": SweepState.RUNNING,
        "next_index": 0,
        "limit": None,
        "run_cap": None,
        "bases": (Base(1, 0),),
        "seed": 7,
        "change": 0,
    }
    return SweepStatus(**{**values, **changes})


def a_lease(index: int = 0, **changes: Any) -> Lease:
    values: dict[str, Any] = {
        "attempt": 1,
        "key": "ask-key",
        "agent": "agent",
        "host": "host",
        "slot": "0",
        "lease_end": 1300.0,
    }
    return Lease(index, **{**values, **changes})


def a_live(offset: int = 0, **changes: Any) -> LiveSummary:
    """What is stored after three rows from ``offset`` on."""
    known = {"n_values": 3, "last": 0.5, "best": 0.25, "step": 9, "last_finite": 0.5}
    return LiveSummary(offset, **(known | {"next_row": offset + 3} | changes))


def a_run(index: int = 0, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "config": {"lr": 0.1},
        "config_version": 1,
        "attempt": 1,
        "key": "ask-key",
        "agent": "agent",
        "host": "host",
        "created_at": 1001.0,
        "started_at": 1001.5,
    }
    return Run(index, **{**values, **changes})


def an_outcome(**changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "state": RunState.FINISHED,
        "ended_at": 1100.0,
        "exit_code": 0,
        "summary": {"loss": 0.5},
        "best": 0.25,
    }
    return Outcome(**{**values, **changes})


def an_observation(index: int = 0, **changes: Any) -> Observation:
    values: dict[str, Any] = {
        "config_version": 1,
        "unit": (0.25, 0.5),
        "value": 0.5,
        "state": RunState.FINISHED,
        "is_stopped_early": False,
        "written_at": 1100.0,
    }
    return Observation(index, **{**values, **changes})


def a_batch(attempt: int = 1, offset: int = 0, **changes: Any) -> RowBatch:
    rows = (Row(0, 1001.0, {"loss": 0.5}), Row(None, None, {}))
    return RowBatch(attempt, offset, **{"rows": rows, **changes})


def an_attempt_record(attempt: int = 1, **changes: Any) -> AttemptRecord:
    values: dict[str, Any] = {
        "agent": "agent",
        "host": "host",
        "state": RunState.CRASHED,
        "started_at": 1001.0,
        "ended_at": 1099.0,
        "key": "ask-key",
    }
    return AttemptRecord(**{"index": 0, "attempt": attempt, **values, **changes})


def add_sweep(store: Store, sweep: str = SWEEP, **changes: Any) -> SweepStatus:
    """Create a sweep whose counter has ``changes``."""
    counter = a_counter(**changes)
    store.create_sweep(a_meta(sweep=sweep, create_key=f"create-{sweep}"), counter)
    return counter


def keep(store: Store, entry: Observation | AttemptRecord, sweep: str = SWEEP) -> None:
    """Append an entry that names its run."""
    store.append(sweep, entry.index, entry)


def contents(store: Store, sweep: str = SWEEP, n_indices: int = 3) -> str:
    """Everything that the store returns for a sweep; a text, because NaN does not equal itself."""
    try:
        counter = store.get_status(sweep)
    except NotFound:
        counter = None
    versions = [base.version for base in counter.bases] if counter else []
    indices = range(n_indices)
    return repr(
        {
            "counter": counter,
            "metas": [store.get_config_version(sweep, version) for version in versions],
            "heads": [head for head in store.list_sweeps(None, None, 100) if head.sweep == sweep],
            "leases": store.list_leases(sweep),
            "lease of each": [store.get_lease(sweep, index) for index in indices],
            "runs": store.list_runs(sweep, 0, 100),
            "run of each": [store.get_run(sweep, index) for index in indices],
            "run heads": store.list_run_heads(sweep),
            "observations": store.list_observations(sweep, 0),
            "bands": [store.list_band(sweep, band) for band in range(3)],
            "rows": [store.list_rows(sweep, index, None, 100) for index in indices],
            "attempts": [store.list_attempt_records(sweep, index) for index in indices],
            "tails": [store.get_error_tail(sweep, index, 1) for index in indices],
        }
    )


@contextmanager
def unchanged(store: Store, sweep: str = SWEEP) -> Iterator[None]:
    """The block changes nothing of the sweep."""
    before = contents(store, sweep)
    yield
    assert contents(store, sweep) == before
