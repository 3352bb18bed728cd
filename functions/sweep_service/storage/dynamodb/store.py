"""The store on AWS: one DynamoDB table, shared by any number of functions."""

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
    """A ``Store`` in one DynamoDB table with the keys ``pk`` and ``sk``.

    Thread-safe. Each write is one conditional write of one item; there are no transactions.

    Args:
        table: The table's name; region and credentials come from the environment.
        endpoint: URL of DynamoDB; None for that of AWS.
        keep_rows_seconds: Time after which logged rows expire, by the table's time to live on
            ``expires_at``; None for never.
        clock: Returns seconds since the epoch; only used to compute times of expiry.
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
