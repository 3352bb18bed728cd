"""Entries of runs in SQLite: observations, band values, rows, attempt records, error tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.numbers import decode_number, encode_number
from sweep_service.model.records.records import (
    AttemptRecord,
    Observation,
    RowBatch,
)
from sweep_service.model.records.states import RunState
from sweep_service.storage.codec import (
    PAGE_BYTES,
    decode_rows,
    encode_optional,
    encode_rows,
    pack_unit,
    unpack_unit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.model.records.entries import Entry
    from sweep_service.storage.sqlite.database import Database


_Values = tuple[Any, ...]


class _Log:
    """The table of one kind of entry, and its SQL statements.

    Args:
        table: Name of the table.
        keys: Key columns after the sweep and the index.
        columns: All other columns.
        encode: Converts an entry to the values of ``keys`` and ``columns``.
        rank: SQL expression: an entry is replaced by one of the same key whose rank is not smaller.
        rank_of: The same rank, computed from the values of an entry.
    """

    def __init__(
        self,
        table: str,
        keys: tuple[str, ...],
        columns: tuple[str, ...],
        encode: Callable[[Any], _Values],
        rank: str = "0",
        rank_of: Callable[[_Values], int] = lambda _: 0,
    ) -> None:
        self.encode, self.n_keys, self.rank_of = encode, len(keys), rank_of
        names = ("sweep", "idx", *keys, *columns)
        is_key = " AND ".join(f"{name} = ?" for name in names[: 2 + len(keys)])
        marks = ", ".join("?" * len(names))
        self.clear = f"DELETE FROM {table} WHERE {is_key} AND {rank} <= ?"
        self.insert = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})"


_ATTEMPT_DELETIONS = (
    "DELETE FROM histories WHERE sweep = ? AND idx = ? AND attempt <= ?",
    "DELETE FROM attempts WHERE sweep = ? AND idx = ? AND attempt <= ?",
    "DELETE FROM error_tails WHERE sweep = ? AND idx = ? AND attempt <= ?",
)


class RunEntries:
    """The methods of the store protocol for entries of runs."""

    _database: Database

    def append(self, sweep: str, index: int, entry: Entry) -> None:
        log = _LOGS[type(entry)]
        values = log.encode(entry)
        key = (sweep, index, *values[: log.n_keys])
        with self._database.write() as connection:
            connection.execute(log.clear, (*key, log.rank_of(values)))
            connection.execute(log.insert, (sweep, index, *values))

    def list_observations(self, sweep: str, since: float) -> list[Observation]:
        rows = self._database.read(
            """SELECT idx, config_version, unit, value, state, is_stopped_early, written_at, last,
                revision
            FROM observations WHERE sweep = ? AND written_at >= ? ORDER BY written_at, idx""",
            sweep,
            since,
        )
        return [_observation(row) for row in rows]

    def drop_band(self, sweep: str, band: int, index: int, attempt: int) -> None:
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM bands WHERE sweep = ? AND band = ? AND idx = ? AND attempt <= ?",
                (sweep, band, index, attempt),
            )

    def list_band(self, sweep: str, band: int) -> dict[int, float]:
        rows = self._database.read(
            "SELECT idx, value FROM bands WHERE sweep = ? AND band = ? ORDER BY idx", sweep, band
        )
        return {index: _number(value) for index, value in rows}

    def list_rows(
        self, sweep: str, index: int, after: tuple[int, int] | None, count: int
    ) -> list[RowBatch]:
        rows = self._database.read_page(
            """SELECT attempt, first_row, batch, length(batch) + 100 FROM histories
            WHERE sweep = ? AND idx = ? AND (attempt, first_row) > (?, ?)
            ORDER BY attempt, first_row LIMIT ?""",
            (sweep, index, *(after or (-1, -1))),
            count,
            n_bytes=PAGE_BYTES,
        )
        return [RowBatch(attempt, offset, decode_rows(batch)) for attempt, offset, batch in rows]

    def delete_run_data(self, sweep: str, index: int, attempt: int) -> bool:
        with self._database.write() as connection:
            for statement in _ATTEMPT_DELETIONS:
                connection.execute(statement, (sweep, index, attempt))
        return True

    def list_attempt_records(self, sweep: str, index: int) -> list[AttemptRecord]:
        rows = self._database.read(
            """SELECT idx, attempt, agent, host, state, started_at, ended_at, exit_code, signal,
                holder_key
            FROM attempts WHERE sweep = ? AND idx = ? ORDER BY attempt""",
            sweep,
            index,
        )
        return [_attempt_record(row) for row in rows]

    def get_error_tail(self, sweep: str, index: int, attempt: int) -> str | None:
        rows = self._database.read(
            "SELECT tail FROM error_tails WHERE sweep = ? AND idx = ? AND attempt = ?",
            sweep,
            index,
            attempt,
        )
        return rows[0][0] if rows else None


def _observation_values(entry: Observation) -> _Values:
    return (
        entry.written_at,
        entry.config_version,
        pack_unit(entry.unit),
        encode_number(entry.value),
        entry.state.value,
        entry.is_stopped_early,
        encode_optional(entry.last),
        entry.revision,
    )


def _observation(row: tuple[Any, ...]) -> Observation:
    index, version, unit, value, state, is_stopped_early, written_at, last, revision = row
    return Observation(
        index,
        version,
        unpack_unit(unit) or (),
        _number(value),
        RunState(state),
        is_stopped_early != 0,
        written_at,
        decode_number(last),
        revision,
    )


def _attempt_record(row: tuple[Any, ...]) -> AttemptRecord:
    index, attempt, agent, host, state, *rest = row
    return AttemptRecord(index, attempt, agent, host, RunState(state), *rest)


def _number(stored: float | str) -> float:
    value = decode_number(stored)
    if value is None:
        raise ValueError(f"no number is stored: {stored!r}")
    return value


def _attempt_values(record: AttemptRecord) -> _Values:
    return (
        record.attempt,
        record.agent,
        record.host,
        record.state.value,
        record.started_at,
        record.ended_at,
        record.exit_code,
        record.signal,
        record.key,
    )


_LOGS: dict[type, _Log] = {
    Observation: _Log(
        "observations",
        ("written_at",),
        ("config_version", "unit", "value", "state", "is_stopped_early", "last", "revision"),
        _observation_values,
        "revision",
        lambda values: int(values[-1]),
    ),
    BandValue: _Log(
        "bands",
        ("band",),
        ("attempt", "value"),
        lambda entry: (entry.band, entry.attempt, encode_number(entry.value)),
        "attempt",
        lambda values: int(values[1]),
    ),
    RowBatch: _Log(
        "histories",
        ("attempt", "first_row"),
        ("batch",),
        lambda batch: (batch.attempt, batch.offset, encode_rows(batch.rows)),
        "length(batch)",
        lambda values: len(values[-1]),
    ),
    AttemptRecord: _Log(
        "attempts",
        ("attempt",),
        (
            *("agent", "host", "state", "started_at", "ended_at", "exit_code", "signal"),
            "holder_key",
        ),
        _attempt_values,
    ),
    ErrorTail: _Log(
        "error_tails", ("attempt",), ("tail",), lambda entry: (entry.attempt, entry.text)
    ),
}
