"""Decodes the operations in GraphQL requests of wandb's clients, by name only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.wandb.streams import decode_object

if TYPE_CHECKING:
    from collections.abc import Mapping

_IGNORED = r"(?:\s|#[^\n]*\n)*"  # white space and comments
_NAMED = re.compile(rf"{_IGNORED}(?:query|mutation)\s+(\w+)")
_FIRST_FIELD = re.compile(rf"{_IGNORED}(?:query|mutation)?\s*\{{\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a client.

    Attributes:
        name: Name of the operation, such as ``UpsertBucket``, or else the first field of the
            query, such as ``viewer``, or else empty.
    """

    name: str
    variables: Mapping[str, Any]
    query: str


def decode_operation(body: bytes) -> Operation:
    """Decode the operation in the body of a GraphQL request.

    Raises:
        Malformed: The body is not a JSON object.
    """
    document = decode_object(body)
    query, variables = document.get("query"), document.get("variables")
    text = query if isinstance(query, str) else ""
    name = document.get("operationName")
    if not (isinstance(name, str) and name):  # clients in Python send no name
        found = _NAMED.match(text) or _FIRST_FIELD.match(text)
        name = found.group(1) if found else ""
    return Operation(name, variables if isinstance(variables, dict) else {}, text)
