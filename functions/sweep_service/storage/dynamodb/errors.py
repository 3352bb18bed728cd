"""Translation of DynamoDB's errors into errors of the backend."""

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
# Temporary errors of DynamoDB or the network.
_OUTAGES = frozenset({"InternalServerError", "InternalFailure", "ServiceUnavailable"})
_LOST_ON_THE_WAY = (BotoConnectionError, HTTPClientError)
_REFUSALS = frozenset({"ValidationException", "SerializationException"})


@contextmanager
def translated() -> Iterator[None]:
    """Translate exceptions of PynamoDB into errors of the backend.

    Raises:
        Throttled: The table or the account is out of capacity.
        StoreUnavailable: DynamoDB fails or cannot be reached.
        StoreUnusable: This function is misconfigured: no such table, or no permission.
        TooLarge: The item exceeds DynamoDB's size limit.
        InvalidRequest: DynamoDB rejects a value.
    """
    try:
        yield
    except PynamoDBException as error:
        raise _meaning(error) from error


def code_and_text(error: PynamoDBException) -> tuple[str | None, str]:
    """Code and message of DynamoDB's answer; without an answer, None and the network error.

    PynamoDB's own properties for this fail if a network error is the cause.
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
