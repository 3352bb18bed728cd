"""What runs leave behind in SQLite: observations, bands, histories, attempts, error tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.model.records.numbers import decode_number, encode_number
from sweep_service.model.records.records import AttemptRecord, Observation, RowBatch
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
    from sweep_service.storage.sqlite.database import Database

_TRAIL_DELETIONS = (
    "DELETE FROM histories WHERE sweep = ? AND idx = ? AND attempt <= ?",
    "DELETE FROM attempts WHERE sweep = ? AND idx = ? AND attempt <= ?",
    "DELETE FROM error_tails WHERE sweep = ? AND idx = ? AND attempt <= ?",
)


class TrailTables:
    """The methods of the store protocol for what runs leave behind."""

    _database: Database

    def put_observation(self, sweep: str, observation: Observation) -> None:
        """See ``Store.put_observation``."""
        place = (sweep, observation.written_at, observation.index)
        with self._database.write() as connection:
            connection.execute(
                """DELETE FROM observations WHERE sweep = ? AND written_at = ? AND idx = ?
                AND revision <= ?""",
                (*place, observation.revision),
            )
            connection.execute(
                """INSERT OR IGNORE INTO observations
                    (sweep, written_at, idx, config_version, unit, value, state, is_stopped_early,
                    last, revision)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    *place,
                    observation.config_version,
                    pack_unit(observation.unit),
                    encode_number(observation.value),
                    observation.state.value,
                    observation.is_stopped_early,
                    encode_optional(observation.last),
                    observation.revision,
                ),
            )

    def list_observations(self, sweep: str, since: float) -> list[Observation]:
        """See ``Store.list_observations``."""
        rows = self._database.read(
            """SELECT idx, config_version, unit, value, state, is_stopped_early, written_at, last,
                revision
            FROM observations WHERE sweep = ? AND written_at >= ? ORDER BY written_at, idx""",
            sweep,
            since,
        )
        return [_observation(row) for row in rows]

    def put_band(self, sweep: str, band: int, index: int, attempt: int, value: float) -> None:
        """See ``Store.put_band``."""
        with self._database.write() as connection:
            place = (sweep, band, index)
            connection.execute(
                "DELETE FROM bands WHERE sweep = ? AND band = ? AND idx = ? AND attempt <= ?",
                (*place, attempt),
            )
            connection.execute(
                """INSERT OR IGNORE INTO bands (sweep, band, idx, attempt, value)
                VALUES (?, ?, ?, ?, ?)""",
                (*place, attempt, encode_number(value)),
            )

    def drop_band(self, sweep: str, band: int, index: int, attempt: int) -> None:
        """See ``Store.drop_band``."""
        self._put(
            "DELETE FROM bands WHERE sweep = ? AND band = ? AND idx = ? AND attempt <= ?",
            sweep,
            band,
            index,
            attempt,
        )

    def list_band(self, sweep: str, band: int) -> dict[int, float]:
        """See ``Store.list_band``."""
        rows = self._database.read(
            "SELECT idx, value FROM bands WHERE sweep = ? AND band = ? ORDER BY idx", sweep, band
        )
        return {index: _number(value) for index, value in rows}

    def put_rows(self, sweep: str, index: int, batch: RowBatch) -> None:
        """See ``Store.put_rows``."""
        text = encode_rows(batch.rows)
        place = (sweep, index, batch.attempt, batch.offset)
        with self._database.write() as connection:
            connection.execute(
                """DELETE FROM histories WHERE sweep = ? AND idx = ? AND attempt = ?
                AND first_row = ? AND length(batch) <= ?""",
                (*place, len(text)),
            )
            connection.execute(
                """INSERT OR IGNORE INTO histories (sweep, idx, attempt, first_row, batch)
                VALUES (?, ?, ?, ?, ?)""",
                (*place, text),
            )

    def list_rows(
        self, sweep: str, index: int, after: tuple[int, int] | None, count: int
    ) -> list[RowBatch]:
        """See ``Store.list_rows``."""
        rows = self._database.read_page(
            """SELECT attempt, first_row, batch, length(batch) + 100 FROM histories
            WHERE sweep = ? AND idx = ? AND (attempt, first_row) > (?, ?)
            ORDER BY attempt, first_row LIMIT ?""",
            (sweep, index, *(after or (-1, -1))),
            count,
            n_bytes=PAGE_BYTES,
        )
        return [RowBatch(attempt, offset, decode_rows(batch)) for attempt, offset, batch in rows]

    def delete_trail(self, sweep: str, index: int, attempt: int) -> bool:
        """See ``Store.delete_trail``."""
        with self._database.write() as connection:
            for statement in _TRAIL_DELETIONS:
                connection.execute(statement, (sweep, index, attempt))
        return True

    def put_attempt_record(self, sweep: str, record: AttemptRecord) -> None:
        """See ``Store.put_attempt_record``."""
        self._put(
            """INSERT OR REPLACE INTO attempts (sweep, idx, attempt, agent, host, state,
                started_at, ended_at, exit_code, signal)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            sweep,
            record.index,
            record.attempt,
            record.agent,
            record.host,
            record.state.value,
            record.started_at,
            record.ended_at,
            record.exit_code,
            record.signal,
        )

    def list_attempt_records(self, sweep: str, index: int) -> list[AttemptRecord]:
        """See ``Store.list_attempt_records``."""
        rows = self._database.read(
            """SELECT idx, attempt, agent, host, state, started_at, ended_at, exit_code, signal
            FROM attempts WHERE sweep = ? AND idx = ? ORDER BY attempt""",
            sweep,
            index,
        )
        return [_attempt_record(row) for row in rows]

    def put_error_tail(self, sweep: str, index: int, attempt: int, text: str) -> None:
        """See ``Store.put_error_tail``."""
        self._put(
            "INSERT OR REPLACE INTO error_tails (sweep, idx, attempt, tail) VALUES (?, ?, ?, ?)",
            sweep,
            index,
            attempt,
            text,
        )

    def get_error_tail(self, sweep: str, index: int, attempt: int) -> str | None:
        """See ``Store.get_error_tail``."""
        rows = self._database.read(
            "SELECT tail FROM error_tails WHERE sweep = ? AND idx = ? AND attempt = ?",
            sweep,
            index,
            attempt,
        )
        return rows[0][0] if rows else None

    def _put(self, sql: str, *values: object) -> None:
        with self._database.write() as connection:
            connection.execute(sql, values)


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
