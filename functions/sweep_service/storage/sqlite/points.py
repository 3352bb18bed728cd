"""Claimed points of finite spaces in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep_service.storage.sqlite.database import Database


class PointTable:
    """The point methods of the store protocol."""

    _database: Database

    def claim_point(
        self, sweep: str, version: int, point: str, index: int, over: int | None = None
    ) -> int:
        place = (sweep, version, point)
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO points (sweep, version, point, idx) VALUES (?, ?, ?, ?)",
                (*place, index),
            )
            connection.execute(
                """UPDATE points SET idx = ?
                WHERE sweep = ? AND version = ? AND point = ? AND idx = ?""",
                (index, *place, over),
            )
            (holder,) = connection.execute(
                "SELECT idx FROM points WHERE sweep = ? AND version = ? AND point = ?", place
            ).fetchone()
        return int(holder)

    def list_points(self, sweep: str, version: int) -> dict[str, int]:
        rows = self._database.read(
            "SELECT point, idx FROM points WHERE sweep = ? AND version = ?", sweep, version
        )
        return dict(rows)
