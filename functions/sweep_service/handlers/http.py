"""Requests and responses of handlers, and decoders of what clients send.

Errors of decoders name the field, the value found and the value expected.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep_service.errors import InvalidRequest
from sweep_service.model.records.numbers import untag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.access.identity import Identity

_END_OF_INTEGERS = 2**63  # exclusive limit of indices, attempts and offsets
_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    bool: "a boolean",
    float: "a number",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A routed request.

    Attributes:
        params: Values of the placeholders in the route's path.
        identity: Identity of the caller; None on public routes only.
    """

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    identity: Identity | None = None

    @property
    def caller(self) -> str:
        """The name of the caller; empty if unknown."""
        return "" if self.identity is None else self.identity.name

    def header(self, name: str) -> str | None:
        """A header by its case-insensitive name."""
        return next(
            (value for key, value in self.headers.items() if key.lower() == name.lower()), None
        )

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            InvalidRequest: The body is not a JSON object.
        """
        try:
            document = json.loads(self.body, object_hook=untag)
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"the body is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise InvalidRequest(f"the body is {_describe(document)}; an object is needed")
        return document

    def idempotency_key(self, *, is_required: bool = False) -> str | None:
        """The idempotency key in the request's header.

        Raises:
            InvalidRequest: The key is required and missing, or malformed.
        """
        key = self.header("Idempotency-Key")
        if key is None and not is_required:
            return None
        if key is None or not 8 <= len(key) <= 128 or not key.isprintable():
            raise InvalidRequest(
                "header 'Idempotency-Key': needs 8 to 128 characters, one key an intent, "
                "the same again when the request is repeated"
            )
        return key

    def flag(self, name: str, default: str = "false") -> bool:
        """A boolean from the query.

        Raises:
            InvalidRequest: The value is neither ``true`` nor ``false``.
        """
        text = self.query.get(name, default)
        if text not in ("true", "false"):
            raise InvalidRequest(f"query '{name}': found '{text}'; needs true or false")
        return text == "true"

    def query_whole(self, name: str) -> int | None:
        """An integer from the query, possibly negative; None if it is absent.

        Raises:
            InvalidRequest: The value is not an integer.
        """
        text = self.query.get(name)
        if text is None:
            return None
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 15:
            raise InvalidRequest(f"query '{name}': found '{text}'; needs a whole number")
        return int(text)

    def query_indices(self, name: str, most: int) -> tuple[int, ...]:
        """Distinct indices of runs from the query, separated by commas; empty if it is absent.

        Raises:
            InvalidRequest: An item is not a non-negative integer, or there are more than ``most``.
        """
        texts = [text for text in self.query.get(name, "").split(",") if text]
        for text in texts:
            if not (text.isascii() and text.isdigit()) or len(text) > 15:
                raise InvalidRequest(
                    f"query '{name}': found '{text[:60]}'; needs indices of runs separated by"
                    " commas, such as 0,5,7"
                )
        if len(texts) > most:
            raise InvalidRequest(f"query '{name}': found {len(texts)} indices; at most {most}")
        return tuple(dict.fromkeys(map(int, texts)))

    def query_count(self, name: str, default: int, most: int) -> int:
        """A positive integer from the query, reduced to at most ``most``.

        Raises:
            InvalidRequest: The value is not a positive integer.
        """
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or len(text) > 15 or int(text) < 1:
            raise InvalidRequest(
                f"query '{name}': found '{text}'; needs a whole number of at least 1"
            )
        return min(int(text), most)


@dataclass(frozen=True, slots=True)
class Deed:
    """A change made by a request, to be stored as an event.

    Attributes:
        sweep: Id of the sweep that the event belongs to.
        action: See ``Event``.
        at: Time in seconds since the epoch; None for now.
    """

    sweep: str
    action: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of a handler.

    Attributes:
        body: Document that the gateway encodes as JSON, if any.
        deed: The change to store as an event, if any.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    deed: Deed | None = None


def reject_unknown(document: Mapping[str, object], known: Sequence[str], inside: str = "") -> None:
    """Reject unknown fields, which would otherwise be ignored silently.

    Args:
        document: The object that was sent.
        known: Names of its fields.
        inside: Prefix of field names in messages, such as ``rows[3].``.

    Raises:
        InvalidRequest: There is an unknown field.
    """
    for name in document:
        if name not in known:
            raise InvalidRequest(
                f"field '{inside}{name}' is not known here; fields: {', '.join(known)}"
            )


def text_field(
    document: Mapping[str, object], name: str, max_length: int, *, is_required: bool = False
) -> str | None:
    """A text field; None if absent or null.

    Raises:
        InvalidRequest: The value is not a text, is too long, or is required and missing.
    """
    value = document.get(name)
    if value is None and not is_required:
        return None
    if not isinstance(value, str) or (is_required and not value):
        raise InvalidRequest(f"field '{name}': found {_describe(value)}; needs a text")
    if len(value) > max_length:
        raise InvalidRequest(f"field '{name}' has {len(value)} characters; at most {max_length}")
    if "\x00" in value:
        raise InvalidRequest(f"field '{name}' holds a NUL character")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidRequest(f"field '{name}' holds half a surrogate pair, which is no character")
    return value


def int_field(
    document: Mapping[str, object],
    name: str,
    least: int,
    *,
    is_required: bool = False,
    inside: str = "",
) -> int | None:
    """An integer field in [least, 2**53); None if absent or null.

    Args:
        document: The object that was sent.
        name: Name of the field.
        least: Smallest allowed value.
        is_required: Whether the field is required.
        inside: As for ``reject_unknown``.

    Raises:
        InvalidRequest: The value is not such an integer, or is required and missing.
    """
    value = document.get(name)
    if value is None and not is_required:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**53:
        raise InvalidRequest(
            f"field '{inside}{name}': found {_describe(value)}; "
            f"needs a whole number from {least} to 2^53 - 1"
        )
    return value


def typed_field(document: Mapping[str, object], name: str, kind: type, default: object) -> Any:
    """A field of a JSON type; ``default`` if absent or null.

    Raises:
        InvalidRequest: The value has another type.
    """
    value = document.get(name)
    if value is None:
        return default
    is_one = _is_number(value, kind) if kind in (int, float) else isinstance(value, kind)
    if not is_one:
        raise InvalidRequest(f"field '{name}': found {_describe(value)}; needs {_TYPE_NAMES[kind]}")
    return value


def _is_number(value: object, kind: type) -> bool:
    if isinstance(value, float):
        return kind is float and math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def encode_cursor(position: Sequence[float | str] | None) -> str | None:
    """Encode a position as an opaque cursor; None at the end of a list."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).decode().rstrip("=")


def decode_cursor(text: str | None, kinds: tuple[type, ...]) -> tuple[Any, ...] | None:
    """Decode the position in a cursor.

    Raises:
        InvalidRequest: This backend did not create the cursor.
    """
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        position = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (ValueError, RecursionError):
        position = None
    if (
        not isinstance(position, list)
        or len(position) != len(kinds)
        or not all(_is_position(item, kind) for item, kind in zip(position, kinds, strict=True))
    ):
        raise InvalidRequest("query 'cursor' is not one that this backend gave out")
    return tuple(position)


def _is_position(item: object, kind: type) -> bool:
    """Whether an item has exactly this type and a value that a store can look up."""
    if isinstance(item, float) and not math.isfinite(item):
        return False
    if isinstance(item, int) and not 0 <= item < _END_OF_INTEGERS:
        return False
    return type(item) is kind


def _describe(value: object) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
