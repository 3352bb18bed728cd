"""Decodes changes of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import InvalidRequest
from sweep_service.handlers.http import text_field, typed_field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_service.model.records.shown import Labels

LABEL_FIELDS = ("name", "tags", "notes")
_MAX_NAME = 256
_MAX_TAG, _MOST_TAGS = 64, 20
_MAX_NOTES = 4_000


def label_change(document: Mapping[str, Any]) -> Callable[[Labels], Labels]:
    """A function that applies a request to labels: it sets the given fields; null removes one.

    Raises:
        InvalidRequest: A field is not a text or too long, or no field is given.
    """
    given: dict[str, Any] = {}
    if "name" in document:
        given["name"] = text_field(document, "name", _MAX_NAME) or None
    if "notes" in document:
        given["notes"] = text_field(document, "notes", _MAX_NOTES) or None
    if "tags" in document:
        given["tags"] = _tags(document)
    if not given:
        raise InvalidRequest(f"give at least one of the fields: {', '.join(LABEL_FIELDS)}")
    return lambda labels: replace(labels, **given)


def _tags(document: Mapping[str, Any]) -> tuple[str, ...]:
    tags = typed_field(document, "tags", list, default=None) or []
    if len(tags) > _MOST_TAGS:
        raise InvalidRequest(f"field 'tags': found {len(tags)} tags; at most {_MOST_TAGS}")
    for tag in tags:
        if not isinstance(tag, str) or not 1 <= len(tag) <= _MAX_TAG:
            raise InvalidRequest(f"field 'tags': needs texts of 1 to {_MAX_TAG} characters")
    return tuple(dict.fromkeys(tags))
