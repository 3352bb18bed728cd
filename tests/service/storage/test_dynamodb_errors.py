"""Translation of DynamoDB's errors, each raised as by botocore and PynamoDB."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from pynamodb.exceptions import PutError, QueryError

from sweep_service.errors import (
    InvalidRequest,
    StoreUnavailable,
    StoreUnusable,
    Throttled,
    TooLarge,
    TryAgain,
)
from sweep_service.storage.dynamodb.errors import translated

SIZE = "Item size has exceeded the maximum allowed size"


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        ("ProvisionedThroughputExceededException", "too fast", Throttled),
        ("ThrottlingException", "too fast", Throttled),
        ("RequestLimitExceeded", "too fast", Throttled),
        ("InternalServerError", "oops", StoreUnavailable),
        ("ServiceUnavailable", "oops", StoreUnavailable),
        ("ResourceNotFoundException", "no table", StoreUnusable),
        ("AccessDeniedException", "not you", StoreUnusable),
        ("ExpiredTokenException", "too old", StoreUnusable),
        ("ValidationException", SIZE, TooLarge),
        ("ValidationException", "Number overflow", InvalidRequest),
        ("SerializationException", "odd text", InvalidRequest),
    ],
)
def test_answers_of_dynamodb(code: str, text: str, meaning: type[Exception]) -> None:
    cause = ClientError({"Error": {"Code": code, "Message": text}}, "PutItem")
    with pytest.raises(meaning, match=text) as raised, translated():
        raise PutError("Failed to put item", cause)
    assert type(raised.value) is meaning
    if isinstance(raised.value, TryAgain):
        assert raised.value.retry_after_seconds >= 1


@pytest.mark.parametrize(
    ("cause", "meaning"),
    [
        (EndpointConnectionError(endpoint_url="https://db"), StoreUnavailable),
        (ConnectTimeoutError(endpoint_url="https://db"), StoreUnavailable),
        (ReadTimeoutError(endpoint_url="https://db"), StoreUnavailable),
        (NoCredentialsError(), StoreUnusable),
    ],
)
def test_no_answer_at_all(cause: Exception, meaning: type[Exception]) -> None:
    with pytest.raises(meaning), translated():
        raise QueryError(f"Failed to query items: {cause}", cause)


def test_other_errors_are_not_touched() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError("a bug of ours")
