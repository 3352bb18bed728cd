"""GraphQL requests of wandb's clients: which operation each asks for, by name alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.wandb.streams import decode_object

if TYPE_CHECKING:
    from collections.abc import Mapping

_IGNORED = r"(?:\s|#[^\n]*\n)*"  # comments too
_NAMED = re.compile(rf"{_IGNORED}(?:query|mutation)\s+(\w+)")
_FIRST_FIELD = re.compile(rf"{_IGNORED}(?:query|mutation)?\s*\{{\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a client.

    Attributes:
        name: Such as ``UpsertBucket``; the first field, such as ``viewer``, of a query without a
            name, and empty where the text has neither.
    """

    name: str
    variables: Mapping[str, Any]
    query: str


def decode_operation(body: bytes) -> Operation:
    """The operation that the body of a GraphQL request asks for.

    Raises:
        Malformed: It is no JSON object.
    """
    document = decode_object(body)
    query, variables = document.get("query"), document.get("variables")
    text = query if isinstance(query, str) else ""
    name = document.get("operationName")
    if not (isinstance(name, str) and name):  # what clients in Python ask for
        found = _NAMED.match(text) or _FIRST_FIELD.match(text)
        name = found.group(1) if found else ""
    return Operation(name, variables if isinstance(variables, dict) else {}, text)
