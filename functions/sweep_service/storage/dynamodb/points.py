"""Claimed points of finite spaces in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.errors import Busy
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.items import PointItem

if TYPE_CHECKING:
    from sweep_service.storage.dynamodb.table import Table


class PointItems:
    """The point methods of the store protocol."""

    _table: Table

    def claim_point(
        self, sweep: str, version: int, point: str, index: int, over: int | None = None
    ) -> int:
        key = keys.point(sweep, version, point)
        is_free = PointItem.pk.does_not_exist()
        condition = is_free if over is None else is_free | (PointItem.index == over)
        if self._table.put(PointItem(*key, index=index), condition):
            return index
        stored = self._table.get(key)
        if stored is None:  # the sweep has been deleted since
            raise Busy(f"point {point} of sweep {sweep} has changed; try again")
        return PointItem.holder(stored)

    def list_points(self, sweep: str, version: int) -> dict[str, int]:
        return dict(
            PointItem.entry(item) for item in self._table.items(keys.points(sweep, version))
        )
