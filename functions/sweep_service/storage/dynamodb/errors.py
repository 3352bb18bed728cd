"""What DynamoDB's errors mean for the caller."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError
from pynamodb.exceptions import PynamoDBException

from sweep_service.errors import (
    InvalidRequest,
    ServiceError,
    StoreUnavailable,
    StoreUnusable,
    Throttled,
    TooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CONDITION_FAILED = "ConditionalCheckFailedException"
_RETRY_SECONDS = 2.0

_THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
# What DynamoDB says while it, or the way to it, is at fault; all of them pass.
_OUTAGES = frozenset({"InternalServerError", "InternalFailure", "ServiceUnavailable"})
_LOST_ON_THE_WAY = (BotoConnectionError, HTTPClientError)
_REFUSALS = frozenset({"ValidationException", "SerializationException"})


@contextmanager
def translated() -> Iterator[None]:
    """Turn what PynamoDB raises into errors of the backend.

    Raises:
        Throttled: The table or the account has no more capacity just now.
        StoreUnavailable: DynamoDB fails or cannot be reached.
        StoreUnusable: It cannot be used as this function is set up: no such table, no right to it.
        TooLarge: More than DynamoDB keeps in one item.
        InvalidRequest: A value that DynamoDB refuses.
    """
    try:
        yield
    except PynamoDBException as error:
        raise _meaning(error) from error


def code_and_text(error: PynamoDBException) -> tuple[str | None, str]:
    """What DynamoDB answered; without an answer no code, and what went wrong on the way.

    PynamoDB's own properties for this fail where a network error caused the error.
    """
    response = getattr(error.cause, "response", None) or {}
    answer = response.get("Error", {})
    return answer.get("Code"), answer.get("Message") or str(error)


def _meaning(error: PynamoDBException) -> ServiceError:
    code, text = code_and_text(error)
    if code in _THROTTLES:
        return Throttled(f"DynamoDB has no capacity just now: {text}", _RETRY_SECONDS)
    if code in _OUTAGES or isinstance(error.cause, _LOST_ON_THE_WAY):
        return StoreUnavailable(f"DynamoDB does not answer: {text}", _RETRY_SECONDS)
    if code in _REFUSALS and "size" in text:
        return TooLarge(f"more than DynamoDB keeps in one item: {text}")
    if code in _REFUSALS:
        return InvalidRequest(f"a value that cannot be stored: {text}")
    return StoreUnusable(f"DynamoDB cannot be used as set up: {text}")
