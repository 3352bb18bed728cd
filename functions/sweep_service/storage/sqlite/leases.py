"""Leases in SQLite: who is working on an index now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import LeaseHeld, LeaseLost, NotPossible
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.records import Amendment, EarlyStop, Lease, LiveSummary
from sweep_service.storage.codec import (
    decode_early_stop,
    decode_live,
    encode_early_stop,
    encode_live,
    pack_unit,
    unpack_unit,
)

if TYPE_CHECKING:
    import sqlite3

    from sweep_service.storage.sqlite.database import Database

# In the order of Lease's fields; the live summary is spread over seven columns.
_SELECT_ALL = """SELECT idx, attempt, key, agent, host, slot, lease_end, suspect_at,
        released_attempt, losses, failures, is_stop_requested,
        live_offset, live_n_values, live_last, live_best, live_step, live_last_finite,
        live_next_row, unit, early_stop, is_preempting, revision, amendment
    FROM leases WHERE sweep = ?"""
_SELECT_ONE = _SELECT_ALL + " AND idx = ?"


class LeaseTable:
    """The lease methods of the store protocol."""

    _database: Database

    def list_leases(self, sweep: str) -> list[Lease]:
        """See ``Store.list_leases``."""
        rows = self._database.read(_SELECT_ALL + " ORDER BY idx", sweep)
        return [_lease(row) for row in rows]

    def get_lease(self, sweep: str, index: int) -> Lease | None:
        """See ``Store.get_lease``."""
        rows = self._database.read(_SELECT_ONE, sweep, index)
        return _lease(rows[0]) if rows else None

    def open_lease(self, sweep: str, lease: Lease) -> None:
        """See ``Store.open_lease``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, lease.index)
            if stands is None:
                _insert(connection, sweep, lease)
            elif not _is_own(stands, lease):
                raise LeaseHeld(f"run {run_id(sweep, lease.index)} is leased already")

    def suspect_lease(self, sweep: str, seen: Lease, now: float) -> None:
        """See ``Store.suspect_lease``."""
        with self._database.write() as connection:
            connection.execute(
                """UPDATE leases SET suspect_at = ? WHERE sweep = ? AND idx = ?
                AND attempt = ? AND lease_end = ? AND (suspect_at IS NULL OR suspect_at > ?)""",
                (now, sweep, seen.index, seen.attempt, seen.lease_end, now),
            )

    def take_lease(self, sweep: str, seen: Lease, lease: Lease) -> None:
        """See ``Store.take_lease``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, lease.index)
            if stands is not None and _is_own(stands, lease):
                return
            if stands is None or _holding(stands) != _holding(seen):
                raise LeaseHeld(f"the lease of run {run_id(sweep, lease.index)} has changed")
            _update(connection, sweep, _taken(stands, lease))

    def extend_lease(
        self, sweep: str, index: int, attempt: int, lease_end: float, live: LiveSummary | None
    ) -> Lease:
        """See ``Store.extend_lease``."""
        with self._database.write() as connection:
            stands = _find_held(connection, sweep, index, attempt)
            if live is not None and _is_applied(stands.live, live):
                return stands
            extended = replace(
                stands,
                lease_end=max(stands.lease_end, lease_end),
                suspect_at=None,
                live=stands.live if live is None else live,
            )
            _update(connection, sweep, extended)
        return extended

    def preempt_lease(self, sweep: str, index: int, attempt: int, lease_end: float) -> Lease:
        """See ``Store.preempt_lease``."""
        with self._database.write() as connection:
            stands = _find_held(connection, sweep, index, attempt)
            preempted = replace(stands, lease_end=lease_end, suspect_at=None, is_preempting=True)
            _update(connection, sweep, preempted)
        return preempted

    def release_lease(self, sweep: str, index: int, attempt: int, failures: int) -> None:
        """See ``Store.release_lease``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, index)
            if stands is not None and stands.released_attempt >= attempt:
                return
            if stands is None or stands.attempt != attempt:
                raise LeaseLost(f"attempt {attempt} no longer holds run {run_id(sweep, index)}")
            released = replace(
                stands, lease_end=0, released_attempt=attempt, failures=failures, suspect_at=None
            )
            _update(connection, sweep, released)

    def stop_run(self, sweep: str, index: int) -> None:
        """See ``Store.stop_run``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, index)
            if stands is None or stands.is_released:
                raise NotPossible(f"no agent works on run {run_id(sweep, index)}")
            _update(connection, sweep, replace(stands, is_stop_requested=True))

    def mark_stopped(self, sweep: str, index: int, attempt: int, stop: EarlyStop) -> None:
        """See ``Store.mark_stopped``."""
        with self._database.write() as connection:
            connection.execute(
                """UPDATE leases SET early_stop = ? WHERE sweep = ? AND idx = ?
                AND attempt = ? AND released_attempt < attempt AND early_stop IS NULL""",
                (encode_early_stop(stop), sweep, index, attempt),
            )

    def drop_lease(self, sweep: str, index: int, attempt: int, revision: int) -> None:
        """See ``Store.drop_lease``."""
        with self._database.write() as connection:
            connection.execute(
                """DELETE FROM leases WHERE sweep = ? AND idx = ? AND attempt <= ?
                AND revision = ?""",
                (sweep, index, attempt, revision),
            )


def _is_own(stands: Lease, wanted: Lease) -> bool:
    """Whether what stands is the caller's write, whose reply was lost."""
    return (stands.key, stands.attempt) == (wanted.key, wanted.attempt)


def _holding(lease: Lease) -> tuple[int, float | None, int]:
    """What changes when a lease is taken, its suspected holder is heard of, or its run amended."""
    return lease.attempt, lease.suspect_at, lease.revision


def _taken(stands: Lease, lease: Lease) -> Lease:
    return replace(
        lease,
        suspect_at=None,
        released_attempt=stands.released_attempt,
        failures=stands.failures,
        is_stop_requested=False,
        early_stop=None,
        is_preempting=False,
        live=LiveSummary(),
        unit=lease.unit if stands.unit is None else stands.unit,
        revision=stands.revision,
        amendment=stands.amendment,
    )


def _is_applied(stands: LiveSummary, live: LiveSummary) -> bool:
    if stands.next_row is None or live.next_row is None:
        return False
    return stands.next_row >= live.next_row


def _find(connection: sqlite3.Connection, sweep: str, index: int) -> Lease | None:
    row = connection.execute(_SELECT_ONE, (sweep, index)).fetchone()
    return None if row is None else _lease(row)


def _find_held(connection: sqlite3.Connection, sweep: str, index: int, attempt: int) -> Lease:
    """The lease that an attempt holds.

    Raises:
        LeaseLost: Another attempt, released, or no such lease.
    """
    stands = _find(connection, sweep, index)
    if stands is None or stands.attempt != attempt or stands.is_released:
        raise LeaseLost(f"attempt {attempt} no longer holds run {run_id(sweep, index)}")
    return stands


def _lease(row: tuple[Any, ...]) -> Lease:
    *fields, is_stop_requested = row[:12]
    live, unit, stop = decode_live(row[12:19]), unpack_unit(row[19]), decode_early_stop(row[20])
    is_preempting, revision, amendment = row[21:]
    amended = revision, None if amendment is None else Amendment(amendment)
    return Lease(*(*fields, is_stop_requested != 0, live, unit, stop, is_preempting != 0, *amended))


def _insert(connection: sqlite3.Connection, sweep: str, lease: Lease) -> None:
    connection.execute(
        """INSERT INTO leases (attempt, key, agent, host, slot, lease_end, suspect_at,
            released_attempt, losses, failures, is_stop_requested,
            live_offset, live_n_values, live_last, live_best, live_step, live_last_finite,
            live_next_row, unit, early_stop, is_preempting, revision, amendment, sweep, idx)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (*_columns(lease), sweep, lease.index),
    )


def _update(connection: sqlite3.Connection, sweep: str, lease: Lease) -> None:
    connection.execute(
        """UPDATE leases SET attempt = ?, key = ?, agent = ?, host = ?, slot = ?, lease_end = ?,
            suspect_at = ?, released_attempt = ?, losses = ?, failures = ?, is_stop_requested = ?,
            live_offset = ?, live_n_values = ?, live_last = ?, live_best = ?, live_step = ?,
            live_last_finite = ?, live_next_row = ?, unit = ?, early_stop = ?, is_preempting = ?,
            revision = ?, amendment = ?
        WHERE sweep = ? AND idx = ?""",
        (*_columns(lease), sweep, lease.index),
    )


def _columns(lease: Lease) -> tuple[object, ...]:
    return (
        lease.attempt,
        lease.key,
        lease.agent,
        lease.host,
        lease.slot,
        lease.lease_end,
        lease.suspect_at,
        lease.released_attempt,
        lease.losses,
        lease.failures,
        lease.is_stop_requested,
        *encode_live(lease.live),
        pack_unit(lease.unit),
        encode_early_stop(lease.early_stop),
        lease.is_preempting,
        lease.revision,
        None if lease.amendment is None else lease.amendment.value,
    )
