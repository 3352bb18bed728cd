"""Minimal answers that wandb's clients accept. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sweep_service.wandb.streams import encode_config

if TYPE_CHECKING:
    from sweep_service.wandb.streams import Bucket

    Json = dict[str, Any]

_TYPE = re.compile(r"(?:(\w+)\s*:\s*)?__type\s*\(")


def data(found: Json | None) -> Json:
    """The body of an answer."""
    return {"data": found}


def refusal(message: str) -> Json:
    """The body of an answer to an unsupported request, without which clients continue."""
    return {"data": None, "errors": [{"message": message}]}


def viewer(name: str) -> Json:
    """The user, whose name clients use as the entity."""
    entity = {"id": name, "name": name}
    return {
        "viewer": {
            "id": name,
            "entity": name,
            "username": name,
            "email": "",
            "flags": "{}",
            "admin": False,
            "apiKeys": {"edges": []},
            "teams": {"edges": [{"node": entity}]},
        }
    }


def features() -> Json:
    """Features of the server that clients may use: none."""
    return {"serverInfo": {"features": []}}


def introspection(query: str) -> Json:
    """Types of the schema, by the alias that they have in the query; all are empty."""
    empty: Json = {"fields": [], "inputFields": []}
    return {alias or "__type": empty for alias in _TYPE.findall(query)}


def upserted(bucket: Bucket, *, entity: str, n_rows: int) -> Json:
    """The answer to ``UpsertBucket``.

    Args:
        bucket: The client's description of the run.
        entity: The user's entity, if the client names none.
        n_rows: Number of rows received, after which the client continues.
    """
    entity = bucket.entity or entity
    project = bucket.project or "uncategorized"
    found = {
        "id": bucket.name,
        "name": bucket.name,
        "displayName": bucket.display_name or bucket.name,
        "description": None,
        "config": encode_config(bucket.config or {}),
        "sweepName": None,
        "historyLineCount": n_rows,
        "project": {
            "id": project,
            "name": project,
            "entity": {"id": entity, "name": entity},
        },
    }
    return {"upsertBucket": {"bucket": found, "inserted": n_rows == 0}}


def resume_status(
    project: str, entity: str, bucket: Bucket | None, n_rows: int = 0, last: Json | None = None
) -> Json:
    """The answer to ``RunResumeStatus``.

    Args:
        project: The project in the request.
        entity: The entity in the request.
        bucket: The run; None if it is unknown.
        n_rows: Number of rows received.
        last: The last row, with the client's own values such as ``_step``.
    """
    found = None
    if bucket is not None:
        found = {
            "id": bucket.name,
            "name": bucket.name,
            "summaryMetrics": json.dumps(last or {}),
            "displayName": bucket.display_name or bucket.name,
            "logLineCount": 0,
            "historyLineCount": n_rows,
            "eventsLineCount": 0,
            "historyTail": json.dumps([json.dumps(last)] if last else []),
            "eventsTail": "[]",
            "config": encode_config(bucket.config or {}),
            "tags": list(bucket.tags),
            "notes": bucket.notes,
            "wandbConfig": '{"t":1}',
        }
    owner = {"id": entity, "name": entity}
    return {"model": {"id": project, "name": project, "entity": owner, "bucket": found}}
