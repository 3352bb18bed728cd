"""DynamoDB stores for the contract suite: moto in this process, and a server if one runs.

moto loses updates under threads, so only the wire is asked to bear them. The wire is the endpoint
in ``SWEEP_TEST_DYNAMODB``, such as ministack's; ``make e2e`` starts one.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sweep_service.storage.dynamodb.store import DynamoStore

try:
    from moto.core.serialize import AttributePicker
except ImportError:  # older than the slow look-up below
    AttributePicker = None

ENDPOINT = os.environ.get("SWEEP_TEST_DYNAMODB")
_MOTO = "moto"


def _look_up_plainly() -> None:
    """Have moto read the maps that it answers with by their keys.

    It looks for each possible attribute of an answer under all of its aliases, which takes half of
    the time of a request. DynamoDB's answers are maps that have the names of the wire.
    """
    if AttributePicker is None:
        return
    search = AttributePicker.__call__

    def look_up(self: AttributePicker, context: Any) -> Any:
        if type(context.obj) is dict and not self.response_transformers:
            return context.obj.get(context.key)
        return search(self, context)

    AttributePicker.__call__ = look_up  # type: ignore[method-assign]


_look_up_plainly()


def create_table(name: str, endpoint: str | None = None) -> None:
    """A table as the template declares it."""
    client = boto3.client("dynamodb", endpoint_url=endpoint)
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    client.close()


@contextmanager
def moto_place(folder: Path) -> Iterator[str]:
    """A table in moto; its address can be used in this process alone."""
    del folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with mock_aws():
            create_table("sweeps")
            yield f"{_MOTO}/sweeps"


@contextmanager
def wire_place(folder: Path) -> Iterator[str]:
    """A table of its own behind the endpoint."""
    del folder
    name = f"sweeps-{uuid.uuid4().hex}"
    with _fake_credentials():
        create_table(name, ENDPOINT)
        yield f"{ENDPOINT}/{name}"
        client = boto3.client("dynamodb", endpoint_url=ENDPOINT)
        client.delete_table(TableName=name)
        client.close()


@contextmanager
def open_dynamodb(address: str) -> Iterator[DynamoStore]:
    """The store at an address, here or in another process."""
    endpoint, name = address.rsplit("/", 1)
    url = None if endpoint == _MOTO else endpoint
    with _fake_credentials(), DynamoStore(name, endpoint=url) as store:
        yield store


@contextmanager
def _fake_credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield
