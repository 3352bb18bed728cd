"""The environment of a deployed function; the only reader of ``os.environ`` in the backend."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_service.access.tokens import EMPTY_SHA256, is_usable_sha256
from sweep_service.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Settings of the store.

    Attributes:
        table: Name of the DynamoDB table.
        endpoint: URL of DynamoDB; None for that of AWS.
        keep_rows_seconds: How long to keep logged rows; None for ever.
    """

    table: str
    endpoint: str | None = None
    keep_rows_seconds: float | None = None


def store_settings(environ: Mapping[str, str] = os.environ) -> StoreSettings:
    """Read ``SWEEP_TABLE``, ``SWEEP_DYNAMODB_URL`` and ``SWEEP_HISTORY_DAYS`` (0: for ever).

    Raises:
        StoreUnusable: A variable is missing or malformed.
    """
    days = environ.get("SWEEP_HISTORY_DAYS", "0")
    if not (days.isascii() and days.isdigit()):
        raise StoreUnusable(
            f"environment variable SWEEP_HISTORY_DAYS: found '{days}'; needs a whole number of"
            " days, 0 to keep logged rows for ever"
        )
    return StoreSettings(
        table=_required(environ, "SWEEP_TABLE"),
        endpoint=environ.get("SWEEP_DYNAMODB_URL") or None,
        keep_rows_seconds=int(days) * _DAY_SECONDS if int(days) > 0 else None,
    )


def token_sha256(environ: Mapping[str, str] = os.environ) -> str:
    """The SHA-256 of the first admin's token, 64 hexadecimal digits.

    Raises:
        StoreUnusable: ``SWEEP_TOKEN_SHA256`` is missing or malformed.
    """
    found = _required(environ, "SWEEP_TOKEN_SHA256")
    if found == EMPTY_SHA256:
        raise StoreUnusable(
            "environment variable SWEEP_TOKEN_SHA256: found the SHA-256 of the empty text; needs"
            " that of a token (was SWEEP_TOKEN not set when the stack was deployed?)"
        )
    if not is_usable_sha256(found):
        raise StoreUnusable(
            f"environment variable SWEEP_TOKEN_SHA256: found {len(found)} characters; needs the"
            " 64 lower-case hexadecimal digits of a SHA-256"
        )
    return found


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise StoreUnusable(f"environment variable {name} is not set; template.yaml sets it")
    return value
