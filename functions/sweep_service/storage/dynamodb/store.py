"""The store on AWS: sweeps in one DynamoDB table that any number of functions share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sweep_service.storage.dynamodb.points import PointItems
from sweep_service.storage.dynamodb.records import RecordItems
from sweep_service.storage.dynamodb.run_entries import RunEntries
from sweep_service.storage.dynamodb.sweeps import SweepItems
from sweep_service.storage.dynamodb.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable


class DynamoStore(RecordItems, SweepItems, PointItems, RunEntries):
    """A ``Store`` over one DynamoDB table with the keys ``pk`` and ``sk``.

    Threads share a store. Each write is one conditional write of one item; none is a transaction.

    Args:
        table: The table's name; region and credentials are those of the environment.
        endpoint: URL of another DynamoDB than AWS's own.
        keep_rows_seconds: When logged rows may expire by the table's time to live, ``expires_at``;
            None: never.
        clock: Seconds since the epoch, for that alone.
    """

    def __init__(
        self,
        table: str,
        *,
        endpoint: str | None = None,
        keep_rows_seconds: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table = Table(table, endpoint)
        self._keep_rows_seconds = keep_rows_seconds
        self._clock = clock

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._table.close()

    def __enter__(self) -> DynamoStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
