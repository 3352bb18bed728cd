"""The shapes of the backend's answers, as this client relies on them.

``infra/openapi.yaml`` describes the same in full. Fields that version 0.1.0 did not have are
optional.
"""

from __future__ import annotations

from typing import Any

from sweep_service.wire.shapes import (
    BOOLEAN,
    COUNT,
    FINITE,
    METRIC,
    NUMBER,
    PLAIN_MAP,
    RUN,
    SECONDS,
    SHA256,
    SWEEP,
    TEXT,
    TIME,
    TOKEN_ID,
    WHOLE,
    WHOLE_OF_ANY_SIZE,
    both,
    list_of,
    map_of,
    maybe,
    names_its_sweep,
    record,
)


def _anything(_: Any, __: str) -> None:
    """Every value has this shape."""


def _parameters(found: Any, place: str) -> None:
    """The ``parameters`` of a config, which is no deeper than ``PLAIN_MAP``."""
    map_of(_parameter)(found, place)


def _parameter(found: Any, place: str) -> None:
    record({}, _DISTRIBUTION)(found, place)


_DISTRIBUTION = {
    "distribution": TEXT,
    "values": list_of(_anything),
    "probabilities": maybe(list_of(NUMBER)),
    "parameters": _parameters,
}
_METRIC_OF_SWEEP = maybe(record({"name": TEXT}, {"goal": TEXT}))
_CONFIG = both(
    PLAIN_MAP,
    record(
        {"method": TEXT, "parameters": _parameters},
        {
            "command": list_of(TEXT),
            "program": TEXT,
            "project": TEXT,
            "early_terminate": maybe(PLAIN_MAP),
            "metrics_from": maybe(map_of(map_of(TEXT))),
            "lease_seconds": SECONDS,
            "run_timeout": SECONDS,
        },
    ),
)
_COUNTS = map_of(COUNT)
_ATTEMPT = record(
    {
        "attempt": COUNT,
        "agent": maybe(TEXT),
        "host": maybe(TEXT),
        "state": TEXT,
        "started_at": TIME,
        "ended_at": maybe(TIME),
        "exit_code": maybe(WHOLE),
        "signal": maybe(WHOLE),
    }
)
_RUN_FIELDS = {
    "id": RUN,
    "sweep": SWEEP,
    "index": COUNT,
    "state": TEXT,
    "config": PLAIN_MAP,
    "config_version": COUNT,
    "attempt": COUNT,
    "summary": map_of(METRIC),
    "best": maybe(METRIC),
    "exit_code": maybe(WHOLE),
    "signal": maybe(WHOLE),
    "agent": maybe(TEXT),
    "host": maybe(TEXT),
    "created_at": TIME,
    "started_at": maybe(TIME),
    "ended_at": maybe(TIME),
    "stopped_early": maybe(BOOLEAN),
}
_NEWER_RUN_FIELDS = {
    "early_stop": maybe(record({"band": COUNT, "value": METRIC, "threshold": METRIC})),
    "attributes": maybe(PLAIN_MAP),
    "suggestion": maybe(PLAIN_MAP),
}
A_RUN = both(record(_RUN_FIELDS, _NEWER_RUN_FIELDS), names_its_sweep)
A_RUN_IN_FULL = record(
    {"attempts": list_of(_ATTEMPT), "error_tail": maybe(TEXT), "lease_end": maybe(TIME)}
)
_SWEEP_FIELDS = {
    "project": TEXT,
    "name": maybe(TEXT),
    "state": TEXT,
    "method": TEXT,
    "metric": _METRIC_OF_SWEEP,
    "grid_points": maybe(WHOLE_OF_ANY_SIZE),
    "run_cap": maybe(WHOLE_OF_ANY_SIZE),
    "n_handed_out": COUNT,
    "created_at": TIME,
}
_MORE_SWEEP_FIELDS = {
    "limit": maybe(WHOLE_OF_ANY_SIZE),
    "config": _CONFIG,
    "config_version": COUNT,
    "seed": WHOLE,
    "counts": _COUNTS,
    "best": maybe(A_RUN),
    "command_sha256": maybe(SHA256),
    "command_changed_at": maybe(TIME),
    "command_changed_by": maybe(TEXT),
    "samples": list_of(PLAIN_MAP),
    "changed": BOOLEAN,
}
A_LISTED_SWEEP = record({"id": SWEEP, **_SWEEP_FIELDS}, _MORE_SWEEP_FIELDS)
A_SWEEP = record(
    {"id": SWEEP, **_SWEEP_FIELDS, "config": _CONFIG, "config_version": COUNT, "seed": WHOLE},
    _MORE_SWEEP_FIELDS,
)
A_CONFIG_PROBLEM = record({"message": TEXT}, {"path": TEXT, "line": maybe(COUNT)})
A_REGISTERED_SWEEP = record(
    {
        "id": maybe(SWEEP),
        **_SWEEP_FIELDS,
        "config": _CONFIG,
        "warnings": list_of(A_CONFIG_PROBLEM),
    },
    _MORE_SWEEP_FIELDS,
)
A_ROW = record(
    {"attempt": COUNT, "step": maybe(WHOLE), "at": maybe(FINITE), "metrics": map_of(METRIC)}
)
A_THINNED_HISTORY = record({"items": list_of(A_ROW)}, {"n_rows": COUNT})
A_PAGE = record({"items": list_of(_anything), "next": maybe(TEXT)})
AN_IMPORTANCE = record(
    {
        "n_runs": COUNT,
        "parameters": list_of(record({"name": TEXT, "share": maybe(NUMBER), "clear": BOOLEAN})),
    }
)
AN_IMPORT = record(
    {
        **dict.fromkeys(("observed", "done", "known", "n_left_out"), COUNT),
        "left_out": list_of(record({"place": COUNT, "reason": TEXT})),
    }
)
A_RETRY = record({"runs": list_of(RUN), "next": maybe(COUNT), "sweep_state": TEXT})
AN_AMENDMENT = record({"run": A_RUN, "changed": BOOLEAN, "sweep_state": TEXT})
HEALTH = record({"version": TEXT})
AN_IDENTITY = record(
    {
        "name": TEXT,
        "scope": maybe(TEXT),
        "method": TEXT,
        "sweep": maybe(SWEEP),
        "expires_at": maybe(TIME),
    }
)
A_TOKEN = record(
    {
        "id": TOKEN_ID,
        "name": TEXT,
        "scope": TEXT,
        "sweep": maybe(SWEEP),
        "created_at": TIME,
        "created_by": maybe(TEXT),
        "expires_at": maybe(TIME),
        "last_used_at": maybe(TIME),
        "revoked_at": maybe(TIME),
    }
)
TOKENS = record({"items": list_of(A_TOKEN)})
EVENTS = record(
    {
        "items": list_of(
            record({"at": TIME, "who": maybe(TEXT), "method": maybe(TEXT), "action": TEXT})
        )
    }
)
