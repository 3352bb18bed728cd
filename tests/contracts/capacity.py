"""Computes what DynamoDB would bill, in a hook of botocore, by AWS's published size rules.

Emulations of DynamoDB bill a query as if it read nothing, so units are worked out here from
what is sent and received. Where an emulation bills writes by size the two are compared. A query
that asks for some attributes is billed for whole items, so it is repeated here without that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sweep_service.storage.dynamodb.store import DynamoStore


@dataclass
class Units:
    """Read and write units; ``billed_writes`` is what the answers say."""

    reads: float = 0.0
    writes: float = 0.0
    billed_writes: float = 0.0

    def __sub__(self, other: Units) -> Units:
        return Units(
            self.reads - other.reads,
            self.writes - other.writes,
            self.billed_writes - other.billed_writes,
        )


@contextmanager
def counted(store: DynamoStore) -> Iterator[Units]:
    """Units of all that the store does in the block."""
    units = Units()

    def remember(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
        context["sent"] = params

    client = store._table._connection.connection.client

    def count(parsed: Mapping[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        sent = context["sent"]
        if "ProjectionExpression" in sent:
            with paused():
                parsed = client.query(**_whole(sent))
        _count(units, model.name, sent, parsed)

    @contextmanager
    def paused() -> Iterator[None]:
        events.unregister("after-call.dynamodb", count)
        yield
        events.register("after-call.dynamodb", count)

    events = client.meta.events
    events.register("provide-client-params.dynamodb", remember)
    events.register("after-call.dynamodb", count)
    yield units
    events.unregister("provide-client-params.dynamodb", remember)
    events.unregister("after-call.dynamodb", count)


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of an item: names and values."""
    return sum(
        len(name.encode()) + _value_size(*next(iter(value.items()))) for name, value in item.items()
    )


def _whole(sent: Mapping[str, Any]) -> dict[str, Any]:
    """A query without its projection; names of attributes that it no longer has are left out."""
    query = {name: value for name, value in sent.items() if name != "ProjectionExpression"}
    used = query.get("KeyConditionExpression", "") + query.get("FilterExpression", "")
    names = query.pop("ExpressionAttributeNames", {})
    kept = {place: name for place, name in names.items() if place in used}
    return query | ({"ExpressionAttributeNames": kept} if kept else {})


def _count(
    units: Units, operation: str, sent: Mapping[str, Any], answer: Mapping[str, Any]
) -> None:
    if operation in ("GetItem", "Query"):
        items = answer["Items"] if operation == "Query" else [answer.get("Item", {})]
        units.reads += _read_units(sum(map(item_size, items)), sent)
        return
    if operation == "BatchGetItem":
        ((table, request),) = sent["RequestItems"].items()
        found = answer["Responses"][table]
        units.reads += sum(_read_units(item_size(item), request) for item in found)
        units.reads += _read_units(0, request) * (len(request["Keys"]) - len(found))
        return
    written = sent.get("Item") or answer.get("Attributes") or {}
    units.writes += max(1, math.ceil(item_size(written) / 1024))  # a failed condition is billed too
    units.billed_writes += answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0)


def _read_units(n_bytes: int, sent: Mapping[str, Any]) -> float:
    return max(1, math.ceil(n_bytes / 4096)) * (1.0 if sent.get("ConsistentRead") else 0.5)


def _value_size(kind: str, value: Any) -> int:
    if kind == "S":
        return len(value.encode())
    if kind == "B":
        return len(value)
    if kind == "N":
        digits = value.replace("-", "").replace(".", "").strip("0")
        return math.ceil(len(digits) / 2) + 1 + value.startswith("-")
    return 1
