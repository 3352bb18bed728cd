"""Records that change, in SQLite: counters, leases, runs and tokens, by conditional writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.access.tokens import Token
from sweep_service.errors import Exhausted, NotFound, NotRunning, Stale, StoreGone, SweepDeleted
from sweep_service.model.records.numbers import decode_number
from sweep_service.model.records.records import (
    Amendment,
    Lease,
    Run,
    RunHead,
    SweepStatus,
)
from sweep_service.model.records.shown import SweepInfo
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.codec import (
    PAGE_BYTES,
    decode_attempts,
    decode_bases,
    decode_early_stop,
    decode_final,
    decode_labels,
    decode_live,
    decode_outcome,
    decode_token,
    encode_attempts,
    encode_bases,
    encode_early_stop,
    encode_final,
    encode_labels,
    encode_live,
    encode_optional,
    encode_outcome,
    encode_token,
    from_json,
    pack_unit,
    to_json,
    unpack_unit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sweep_service.storage.sqlite.database import Database
    from sweep_service.storage.store import R

_Names = tuple[str, ...]
_Values = tuple[Any, ...]


class _Table:
    """The table of one type of record, and its SQL statements.

    Args:
        name: Name of the table.
        keys: Key columns: the sweep and, for some, the index; for tokens the hash.
        columns: All other columns.
        seen: Columns, named like record fields, that identify the state of a record that was read.
            For leases, which are deleted and opened again, ``change`` alone would not do.
        encode: Converts a record to the values of ``columns``.
        decode: Converts the index, if the key has one, and the values of ``columns`` to a record.
    """

    def __init__(
        self,
        name: str,
        keys: _Names,
        columns: _Names,
        seen: _Names,
        encode: Callable[[Any], _Values],
        decode: Callable[[_Values], Any],
    ) -> None:
        self.encode, self.decode, self._seen = encode, decode, seen
        self.n_before = len(keys) - 1  # number of values before ``columns`` in a row
        is_as_seen = " AND ".join(f"{column} = ?" for column in (*keys, *seen))
        changes = ", ".join(f"{column} = ?" for column in columns)
        marks = ", ".join("?" * (len(keys) + len(columns)))
        self.select = f"SELECT {', '.join((*keys[1:], *columns))} FROM {name} WHERE {keys[0]} = ?"
        self.select_one = f"{self.select} AND idx = ?" if self.n_before else self.select
        self.update = f"UPDATE {name} SET {changes} WHERE {is_as_seen}"
        self.insert = f"INSERT OR IGNORE INTO {name} ({', '.join((*keys, *columns))})"
        self.insert += f" VALUES ({marks})"
        self.delete = f"DELETE FROM {name} WHERE {is_as_seen}"

    def key(self, sweep: str, record: Any) -> _Values:
        """The values of the key columns."""
        if isinstance(record, Token):
            return (record.sha256,)
        return (sweep, record.index) if self.n_before else (sweep,)

    def as_seen(self, sweep: str, seen: Any) -> _Values:
        """The last parameters of ``update`` and ``delete``: key and ``seen`` columns."""
        return (*self.key(sweep, seen), *(getattr(seen, name) for name in self._seen))


class RecordTables:
    """The methods of the store protocol for records that change.

    A file that was overwritten in place by an older copy is recognised by its content: the
    ``change`` of a sweep is less than this process has read before.
    """

    _database: Database
    #: Highest ``change`` that has been read, by sweep.
    _changes: dict[str, int]

    def save(self, sweep: str, seen: R | None, record: R) -> R:
        table: _Table = _TABLES[type(record)]
        saved = replace(record, change=0 if seen is None else seen.change + 1)
        key: _Values = table.key(sweep, record)
        values: _Values = table.encode(saved)
        with self._database.write() as connection:
            if seen is None:
                done = connection.execute(table.insert, (*key, *values))
            else:
                done = connection.execute(table.update, (*values, *table.as_seen(sweep, seen)))
            if done.rowcount:
                return saved
            row = connection.execute(table.select_one, key).fetchone()
        if row is None:
            if isinstance(record, SweepStatus):
                raise self._not_found(sweep)
            raise Stale(f"a record of sweep {sweep} has been deleted")
        if row[table.n_before :] == values:
            return saved
        raise Stale(f"a record of sweep {sweep} has changed", table.decode(row))

    def delete(self, sweep: str, seen: Lease) -> None:
        with self._database.write() as connection:
            if connection.execute(_LEASES.delete, _LEASES.as_seen(sweep, seen)).rowcount:
                return
            row = connection.execute(_LEASES.select_one, (sweep, seen.index)).fetchone()
        if row is not None:
            raise Stale(f"a lease of sweep {sweep} has changed", _LEASES.decode(row))

    def get_status(self, sweep: str) -> SweepStatus:
        least = self._changes.get(sweep, 0)
        rows = self._database.read(_COUNTERS.select_one, sweep)
        if not rows:
            raise self._not_found(sweep)
        status = self._not_older(_counter(rows[0]), least)
        self._note_change(sweep, status)
        return status

    def claim_index(self, sweep: str) -> tuple[int, SweepStatus]:
        least = self._changes.get(sweep, 0)
        with self._database.write() as connection:
            is_claimed = connection.execute(
                """UPDATE sweeps SET next_index = next_index + 1, change = change + 1
                WHERE sweep = ? AND state = ?
                AND (index_limit IS NULL OR next_index < index_limit)""",
                (sweep, SweepState.RUNNING.value),
            ).rowcount
            row = connection.execute(_COUNTERS.select_one, (sweep,)).fetchone()
            counter = None if row is None else self._not_older(_counter(row), least)
        if counter is None:
            raise self._not_found(sweep)
        self._note_change(sweep, counter)  # only after the commit, when others can read it too
        if is_claimed:
            return counter.next_index - 1, counter
        if counter.state is not SweepState.RUNNING:
            raise NotRunning(f"sweep {sweep} is {counter.state.value}")
        raise Exhausted(f"sweep {sweep} has given out all its {counter.limit} indices")

    def _not_older(self, status: SweepStatus, least: int) -> SweepStatus:
        """Return the status of a sweep unless its ``change`` is below ``least``.

        Raises:
            StoreGone: The file was overwritten by an older copy.
        """
        if status.change < least:
            raise self._database.gone()
        return status

    def _note_change(self, sweep: str, status: SweepStatus) -> None:
        self._changes[sweep] = max(status.change, self._changes.get(sweep, 0))

    def list_leases(self, sweep: str) -> list[Lease]:
        return [_lease(row) for row in self._database.read(_LEASES.select + " ORDER BY idx", sweep)]

    def get_lease(self, sweep: str, index: int) -> Lease | None:
        rows = self._database.read(_LEASES.select_one, sweep, index)
        return _lease(rows[0]) if rows else None

    def get_run(self, sweep: str, index: int) -> Run | None:
        rows = self._database.read(_RUNS.select_one, sweep, index)
        return _run(rows[0]) if rows else None

    def get_runs(self, sweep: str, indices: Sequence[int]) -> list[Run]:
        marks = ", ".join("?" * len(indices))
        rows = self._database.read(f"{_RUNS.select} AND idx IN ({marks})", sweep, *indices)
        return sorted((_run(row) for row in rows), key=lambda run: run.index)

    def get_info(self, sweep: str) -> SweepInfo | None:
        rows = self._database.read(_INFOS.select_one, sweep)
        return _info(rows[0]) if rows else None

    def list_runs(self, sweep: str, since: int, count: int) -> list[Run]:
        rows = self._database.read_page(_SELECT_RUNS, (sweep, since), count, n_bytes=PAGE_BYTES)
        return [_run(row) for row in rows]

    def list_run_heads(self, sweep: str) -> list[RunHead]:
        rows = self._database.read(
            "SELECT idx, state, best FROM runs WHERE sweep = ? ORDER BY idx", sweep
        )
        states = {state.value: state for state in RunState}  # faster than RunState(...)
        return [
            RunHead(index, states.get(state), decode_number(best)) for index, state, best in rows
        ]

    def get_token(self, sha256: str) -> Token | None:
        rows = self._database.read(_TOKENS.select_one, sha256)
        return _token(rows[0]) if rows else None

    def list_tokens(self) -> list[Token]:
        rows = self._database.read("SELECT record, change FROM tokens ORDER BY sha256")
        return [_token(row) for row in rows]

    def _not_found(self, sweep: str) -> NotFound | StoreGone:
        """The error for a sweep without a counter: the file was replaced unless it was deleted."""
        rows = self._database.read("SELECT note FROM deletions WHERE sweep = ?", sweep)
        if rows:
            return SweepDeleted(f"sweep {sweep} was deleted{rows[0][0] or ''}")
        if sweep in self._changes:
            return self._database.gone()
        return NotFound(f"no sweep '{sweep}'")


def counter_values(counter: SweepStatus) -> _Values:
    """The columns of a sweep's status, in the order of the table."""
    return (
        counter.state.value,
        counter.next_index,
        counter.limit,
        counter.run_cap,
        encode_bases(counter.bases),
        str(counter.seed),
        counter.change,
    )


def _counter(row: _Values) -> SweepStatus:
    state, next_index, limit, run_cap, bases, seed, change = row
    return SweepStatus(
        SweepState(state), next_index, limit, run_cap, decode_bases(bases), int(seed), change
    )


def _lease_values(lease: Lease) -> _Values:
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
        lease.change,
    )


def _lease(row: _Values) -> Lease:
    *fields, is_stop_requested = row[:12]
    live, unit, stop = decode_live(row[12:20]), unpack_unit(row[20]), decode_early_stop(row[21])
    is_preempting, revision, amendment, change = row[22:]
    amended = revision, None if amendment is None else Amendment(amendment), change
    return Lease(*(*fields, is_stop_requested != 0, live, unit, stop, is_preempting != 0, *amended))


def _run_values(run: Run) -> _Values:
    outcome = run.outcome
    return (
        to_json(run.config),
        run.config_version,
        run.attempt,
        run.key,
        run.agent,
        run.host,
        run.created_at,
        run.started_at,
        to_json(run.suggestion),
        None if outcome is None else encode_outcome(outcome),
        run.revision,
        to_json(run.attributes) if run.attributes else None,
        encode_attempts(run.attempts),
        encode_labels(run.labels),
        run.change,
        None if outcome is None else outcome.state.value,
        None if outcome is None else encode_optional(outcome.best),
    )


def _run(row: _Values) -> Run:
    index, config, *fields, suggestion, outcome = row[:11]
    revision, attributes, attempts, labels, change = row[11:16]
    noted = {} if attributes is None else from_json(attributes)
    shown = decode_attempts(attempts, index), decode_labels(labels)
    decoded = from_json(suggestion), decode_outcome(outcome), revision, noted, *shown, change
    return Run(index, from_json(config), *(*fields, *decoded))


def _info_values(info: SweepInfo) -> _Values:
    return encode_labels(info.labels), encode_final(info.final), info.change


def _info(row: _Values) -> SweepInfo:
    labels, final, change = row
    return SweepInfo(decode_labels(labels), decode_final(final), change)


def _token_values(token: Token) -> _Values:
    return encode_token(token), token.change


def _token(row: _Values) -> Token:
    return decode_token(*row)


_COUNTERS = _Table(
    "sweeps",
    ("sweep",),
    ("state", "next_index", "index_limit", "run_cap", "bases", "seed", "change"),
    ("change",),
    counter_values,
    _counter,
)
_LEASES = _Table(
    "leases",
    ("sweep", "idx"),
    (
        *("attempt", "key", "agent", "host", "slot", "lease_end", "suspect_at"),
        *("released_attempt", "losses", "failures", "is_stop_requested"),
        *("live_offset", "live_n_values", "live_last", "live_best", "live_step"),
        *("live_last_finite", "live_next_row", "live_names", "unit", "early_stop"),
        "is_preempting",
        *("revision", "amendment", "change"),
    ),
    ("change", "attempt", "revision"),
    _lease_values,
    _lease,
)
_RUN_COLUMNS = (
    *("config", "config_version", "attempt", "key", "agent", "host", "created_at"),
    *("started_at", "suggestion", "outcome", "revision", "attributes", "attempts", "labels"),
    "change",
    *("state", "best"),  # those of the outcome, for listings
)
_RUNS = _Table("runs", ("sweep", "idx"), _RUN_COLUMNS, ("change",), _run_values, _run)
_INFOS = _Table(
    "infos", ("sweep",), ("labels", "final", "change"), ("change",), _info_values, _info
)
_TOKENS = _Table("tokens", ("sha256",), ("record", "change"), ("change",), _token_values, _token)
_TABLES: dict[type, _Table] = {
    SweepStatus: _COUNTERS,
    Lease: _LEASES,
    Run: _RUNS,
    SweepInfo: _INFOS,
    Token: _TOKENS,
}
_SELECT_RUNS = f"""SELECT idx, {", ".join(_RUN_COLUMNS)}, length(config) + length(suggestion)
        + coalesce(length(outcome), 0) + coalesce(length(attributes), 0)
        + coalesce(length(attempts), 0) + coalesce(length(labels), 0) + 300
    FROM runs WHERE sweep = ? AND idx >= ? ORDER BY idx LIMIT ?"""
