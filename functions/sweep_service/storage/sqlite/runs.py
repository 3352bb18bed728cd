"""Runs in SQLite: the authority on what an index was given, and how it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import LeaseLost, RunEnded, RunExists
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.numbers import decode_number
from sweep_service.model.records.records import Lease, Outcome, Run, RunHead
from sweep_service.model.records.states import RunState
from sweep_service.storage.codec import (
    PAGE_BYTES,
    decode_outcome,
    encode_optional,
    encode_outcome,
    from_json,
    to_json,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from sweep_service.storage.sqlite.database import Database

# In the order of Run's fields.
_SELECT_ONE = """SELECT idx, config, config_version, attempt, key, agent, host, created_at,
        started_at, suggestion, outcome, revision, attributes
    FROM runs WHERE sweep = ? AND idx = ?"""


class RunTable:
    """The run methods of the store protocol."""

    _database: Database

    def get_run(self, sweep: str, index: int) -> Run | None:
        """See ``Store.get_run``."""
        rows = self._database.read(_SELECT_ONE, sweep, index)
        return _run(rows[0]) if rows else None

    def list_runs(self, sweep: str, since: int, count: int) -> list[Run]:
        """See ``Store.list_runs``."""
        rows = self._database.read_page(
            """SELECT idx, config, config_version, attempt, key, agent, host, created_at,
                started_at, suggestion, outcome, revision, attributes,
                length(config) + length(suggestion) + coalesce(length(outcome), 0)
                + coalesce(length(attributes), 0) + 300
            FROM runs WHERE sweep = ? AND idx >= ? ORDER BY idx LIMIT ?""",
            (sweep, since),
            count,
            n_bytes=PAGE_BYTES,
        )
        return [_run(row) for row in rows]

    def list_run_heads(self, sweep: str) -> list[RunHead]:
        """See ``Store.list_run_heads``."""
        rows = self._database.read(
            "SELECT idx, state, best FROM runs WHERE sweep = ? ORDER BY idx", sweep
        )
        states = {state.value: state for state in RunState}  # cheaper than 10,000 RunState(...)
        return [
            RunHead(index, states.get(state), decode_number(best)) for index, state, best in rows
        ]

    def create_run(self, sweep: str, run: Run) -> None:
        """See ``Store.create_run``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, run.index)
            if stands is None:
                _insert(connection, sweep, run)
            elif (stands.key, stands.attempt) != (run.key, run.attempt):
                raise RunExists(f"run {run_id(sweep, run.index)} is there already")

    def advance_attempt(
        self, sweep: str, index: int, attempt: int, lease: Lease, started_at: float
    ) -> None:
        """See ``Store.advance_attempt``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, index)
            if stands is not None and stands.outcome is not None:
                raise RunEnded(f"run {run_id(sweep, index)} has ended")
            if stands is not None and (stands.key, stands.attempt) == (lease.key, attempt):
                return
            if stands is None or stands.attempt >= attempt or stands.revision != lease.revision:
                raise LeaseLost(f"attempt {attempt} no longer holds run {run_id(sweep, index)}")
            connection.execute(
                """UPDATE runs SET attempt = ?, key = ?, agent = ?, host = ?, started_at = ?
                WHERE sweep = ? AND idx = ?""",
                (attempt, lease.key, lease.agent, lease.host, started_at, sweep, index),
            )

    def end_run(self, sweep: str, index: int, attempt: int, revision: int, outcome: Outcome) -> Run:
        """See ``Store.end_run``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, index)
            if stands is None or (stands.attempt, stands.revision) != (attempt, revision):
                raise LeaseLost(f"attempt {attempt} no longer holds run {run_id(sweep, index)}")
            if stands.outcome is not None:
                return stands
            ended = replace(stands, outcome=outcome, attributes={})
            _set_outcome(connection, sweep, ended)
        return ended

    def amend_run(
        self, sweep: str, index: int, attempt: int, revision: int, outcome: Outcome | None
    ) -> None:
        """See ``Store.amend_run``."""
        with self._database.write() as connection:
            stands = _find(connection, sweep, index)
            if stands is None or stands.outcome is None:
                return
            if (stands.attempt, stands.revision) == (attempt, revision):
                amended = replace(stands, outcome=outcome, revision=revision + 1)
                _set_outcome(connection, sweep, amended)

    def note_run(self, sweep: str, index: int, attempt: int, attributes: Mapping[str, Any]) -> None:
        """See ``Store.note_run``."""
        with self._database.write() as connection:
            connection.execute(
                """UPDATE runs SET attributes = ? WHERE sweep = ? AND idx = ?
                AND attempt = ? AND outcome IS NULL""",
                (to_json(attributes), sweep, index, attempt),
            )


def _find(connection: sqlite3.Connection, sweep: str, index: int) -> Run | None:
    row = connection.execute(_SELECT_ONE, (sweep, index)).fetchone()
    return None if row is None else _run(row)


def _run(row: tuple[Any, ...]) -> Run:
    index, config, *fields, suggestion, outcome, revision, attributes = row
    noted = {} if attributes is None else from_json(attributes)
    decoded = from_json(suggestion), decode_outcome(outcome), revision, noted
    return Run(index, from_json(config), *(*fields, *decoded))


def _set_outcome(connection: sqlite3.Connection, sweep: str, run: Run) -> None:
    connection.execute(
        """UPDATE runs SET state = ?, best = ?, outcome = ?, revision = ?, attributes = NULL
        WHERE sweep = ? AND idx = ?""",
        (*_outcome_columns(run.outcome), run.revision, sweep, run.index),
    )


def _outcome_columns(outcome: Outcome | None) -> tuple[object, ...]:
    """State, best value and the whole."""
    if outcome is None:
        return None, None, None
    return outcome.state.value, encode_optional(outcome.best), encode_outcome(outcome)


def _insert(connection: sqlite3.Connection, sweep: str, run: Run) -> None:
    connection.execute(
        """INSERT INTO runs (sweep, idx, attempt, key, agent, host, created_at, started_at,
            config_version, config, suggestion, revision, state, best, outcome, attributes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            sweep,
            run.index,
            run.attempt,
            run.key,
            run.agent,
            run.host,
            run.created_at,
            run.started_at,
            run.config_version,
            to_json(run.config),
            to_json(run.suggestion),
            run.revision,
            *_outcome_columns(run.outcome),
            to_json(run.attributes) if run.attributes else None,
        ),
    )
