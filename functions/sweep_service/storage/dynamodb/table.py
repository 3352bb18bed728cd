"""The DynamoDB table: reads, conditional writes and bulk deletion.

A failed condition is a return value here, not an error. The client library repeats a request whose
reply was lost, so a write can fail its condition because of its own effect; callers therefore
compare the stored item before they report a conflict.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pynamodb.connection.base import MetaTable
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import PynamoDBException

from sweep_service.errors import Throttled
from sweep_service.storage.dynamodb.errors import CONDITION_FAILED, code_and_text, translated
from sweep_service.storage.dynamodb.items import Item, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pynamodb.attributes import Attribute
    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.update import Action

    from sweep_service.storage.dynamodb.items import Raw
    from sweep_service.storage.dynamodb.keys import Key, Span

_T = TypeVar("_T")

# A call may take 3 x 6 s plus pauses; a function has 29 s.
_CONNECT_SECONDS = 1.0
_READ_SECONDS = 5.0
_RETRIES = 2
_POOL_SIZE = 32
_BATCH_SIZE = 25  # limit of BatchWriteItem
_BATCH_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.05


class Table:
    """A table in the region and with the credentials of the environment.

    Args:
        name: The table's name.
        endpoint: URL of DynamoDB; None for that of AWS.
        sleep: Pauses between retries of a bulk deletion.
    """

    def __init__(
        self,
        name: str,
        endpoint: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = TableConnection(
            name,
            host=endpoint,
            connect_timeout_seconds=_CONNECT_SECONDS,
            read_timeout_seconds=_READ_SECONDS,
            max_retry_attempts=_RETRIES,
            max_pool_connections=_POOL_SIZE,
            meta_table=_description(name),
        )
        self._name = name
        self._sleep = sleep

    def get(self, key: Key) -> Raw | None:
        """The item at a key, read consistently."""
        with translated():
            answer = self._connection.get_item(*key, consistent_read=True)
        item: Raw | None = answer.get("Item")
        return item

    def get_all(self, keys: Sequence[Key]) -> list[Raw]:
        """The items that are at up to 100 keys, in any order and not read consistently.

        Raises:
            Throttled: There is no capacity to read all of them.
        """
        found: list[Raw] = []
        wanted: list[Any] = [{"pk": key.pk, "sk": key.sk} for key in keys]
        for n_tries in range(_BATCH_TRIES):
            if not wanted:
                return found
            with translated():
                answer = self._connection.batch_get_item(wanted)
            found += answer.get("Responses", {}).get(self._name, [])
            undone = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            wanted = [{name: key[name]["S"] for name in key} for key in undone]
            if undone:
                self._sleep(_FIRST_PAUSE_SECONDS * 2**n_tries)
        raise Throttled(f"DynamoDB has no capacity to read {len(wanted)} more items just now")

    def put(self, item: Item, condition: Condition | None = None) -> bool:
        """Put an item; False if the condition failed."""
        with translated():
            values = item.serialize()
            try:
                self._connection.put_item(item.pk, item.sk, values, condition)
            except PynamoDBException as error:
                return _refused(error)
        return True

    def replace(self, item: Item, condition: Condition) -> bool:
        """Replace the known attributes of a stored item; False if the condition failed.

        Attributes that this release does not know are kept: a newer release has written them.
        """
        values = item.attribute_values
        actions = [
            attribute.set(values[name]) if values.get(name) is not None else attribute.remove()
            for name, attribute in item.get_attributes().items()
            if name not in ("pk", "sk")
        ]
        with translated():
            try:
                self._connection.update_item(item.pk, item.sk, actions=actions, condition=condition)
            except PynamoDBException as error:
                return _refused(error)
        return True

    def update(self, key: Key, actions: Sequence[Action], condition: Condition) -> Raw | None:
        """Update an item and return it as stored afterwards; None if the condition failed."""
        with translated():
            try:
                answer = self._connection.update_item(
                    *key, actions=actions, condition=condition, return_values="ALL_NEW"
                )
            except PynamoDBException as error:
                _refused(error)
                return None
        item: Raw = answer["Attributes"]
        return item

    def delete(self, key: Key, condition: Condition | None = None) -> bool:
        """Delete an item if it exists; False if the condition failed."""
        with translated():
            try:
                self._connection.delete_item(*key, condition=condition)
            except PynamoDBException as error:
                return _refused(error)
        return True

    def pages(
        self,
        span: Span,
        *,
        names: Sequence[str] | None = None,
        limit: int | None = None,
        is_consistent: bool = True,
        is_descending: bool = False,
    ) -> Iterator[list[Raw]]:
        """The items of a span in pages under 1 MB.

        Args:
            span: The range of keys.
            names: The attributes to read; None for all.
            limit: Maximum number of items in a page.
            is_consistent: Whether to read consistently, at twice the price.
            is_descending: Whether to start with the last key.
        """
        start = None
        while True:
            with translated():
                answer = self._connection.query(
                    span.pk,
                    Item.sk.between(span.first, span.last),
                    attributes_to_get=None if names is None else list(names),
                    consistent_read=is_consistent,
                    exclusive_start_key=start,
                    limit=limit,
                    scan_index_forward=not is_descending,
                )
            yield answer["Items"]
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def items(
        self, span: Span, *, names: Sequence[str] | None = None, is_consistent: bool = True
    ) -> Iterator[Raw]:
        """All items of a span, read page by page."""
        for page in self.pages(span, names=names, is_consistent=is_consistent):
            yield from page

    def key_pages(self, span: Span, limit: int | None = None) -> Iterator[list[Key]]:
        """The keys of the items of a span, in pages of at most ``limit``."""
        for page in self.pages(span, names=("pk", "sk"), limit=limit):
            yield [key_of(item) for item in page]

    def keys(self, span: Span) -> Iterator[Key]:
        """The keys of all items of a span."""
        for page in self.key_pages(span):
            yield from page

    def delete_all(self, keys: Iterable[Key]) -> int:
        """Delete items in bulk and count them.

        Raises:
            Throttled: Some items are left; repeating the call continues.
        """
        n_deleted, rest = 0, iter(keys)
        while batch := list(islice(rest, _BATCH_SIZE)):
            self._delete_batch([{"pk": key.pk, "sk": key.sk} for key in batch])
            n_deleted += len(batch)
        return n_deleted

    def pause(self, seconds: float) -> None:
        """Sleep with this table's ``sleep``."""
        self._sleep(seconds)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._connection.connection.client.close()

    def _delete_batch(self, batch: list[dict[str, object]]) -> None:
        for n_tries in range(_BATCH_TRIES):
            with translated():
                answer = self._connection.batch_write_item(delete_items=batch)
            undone = answer.get("UnprocessedItems", {}).get(self._name, [])
            batch = [request["DeleteRequest"]["Key"] for request in undone]
            if not batch:
                return
            self._sleep(_FIRST_PAUSE_SECONDS * 2**n_tries)
        raise Throttled(f"DynamoDB has no capacity to delete {len(batch)} more items just now")


def equals(attribute: Attribute[_T], value: _T | None) -> Condition:
    """The condition that an attribute has a value or, for None, that it does not exist."""
    return attribute.does_not_exist() if value is None else attribute == value


def _refused(error: PynamoDBException) -> bool:
    """Return False if the condition failed; raise any other error."""
    code, _ = code_and_text(error)
    if code != CONDITION_FAILED:
        raise error
    return False


def _description(name: str) -> MetaTable:
    return MetaTable(
        {
            "TableName": name,
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
        }
    )
