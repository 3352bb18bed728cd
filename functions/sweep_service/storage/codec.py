"""Encodings of the parts of records that are not plain columns.

JSON here is Python's dialect: non-finite numbers are written bare (``NaN``, ``Infinity``), which
keeps the number NaN distinct from the text ``"NaN"``.
"""

from __future__ import annotations

import json
import struct
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

from sweep_service.access.events import Event
from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import Token
from sweep_service.model.records.numbers import decode_number, encode_number
from sweep_service.model.records.records import (
    AttemptRecord,
    Base,
    EarlyStop,
    LiveSummary,
    Outcome,
    Row,
    Taken,
)
from sweep_service.model.records.shown import Final, Labels
from sweep_service.model.records.states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Pages of a list stay under 1 MB, including the overhead of JSON in the answer.
PAGE_BYTES = 900_000

# ``default`` converts mappings other than dict; any other type that JSON lacks is a TypeError.
to_json = json.JSONEncoder(separators=(",", ":"), default=dict).encode
from_json = json.JSONDecoder().decode

# Most leases of a large sweep have reported nothing; they share one summary.
_NOTHING_REPORTED = LiveSummary()
_NO_COLUMNS = (None, 0, None, None, None, None, None, None)

# The fields of an outcome between its state and the reason of an early stop.
_N_BEFORE_STOP = 8
#: Key of the details among the attributes of an outcome.
_DETAILS = "$details"


def encode_optional(value: float | None) -> float | str | None:
    """A number as ``encode_number`` writes it, or None."""
    return None if value is None else encode_number(value)


def pack_unit(unit: Sequence[float] | None) -> bytes | None:
    """The unit vector as little-endian doubles, 8 bytes per axis."""
    return None if unit is None else struct.pack(f"<{len(unit)}d", *unit)


def unpack_unit(data: bytes | None) -> tuple[float, ...] | None:
    """The unit vector that ``pack_unit`` packed."""
    return None if data is None else struct.unpack(f"<{len(data) // 8}d", data)


def encode_bases(bases: Sequence[Base]) -> str:
    """Config versions and their first indices, oldest first."""
    return to_json([[base.version, base.base] for base in bases])


def decode_bases(text: str) -> tuple[Base, ...]:
    """The bases that ``encode_bases`` wrote."""
    return tuple(Base(version, base) for version, base in from_json(text))


def encode_taken(taken: Taken | None) -> str | None:
    """Taken points as text: starts, points and elsewhere, separated by bars.

    Numbers are written as stretches, each the distance from the end of the previous one and a
    length, in hexadecimal: ``3:2 1:1`` is 3, 4 and 6. Numbers may be of any size.
    """
    if taken is None:
        return None
    return "|".join(map(_encode_numbers, (taken.starts, taken.points, taken.elsewhere)))


def decode_taken(text: str | None) -> Taken | None:
    """The taken points that ``encode_taken`` wrote."""
    return None if text is None else Taken(*map(_decode_numbers, text.split("|")))


def _encode_numbers(numbers: Sequence[int]) -> str:
    stretches: list[str] = []
    end = 0
    for first, following in _stretches(numbers):
        stretches.append(f"{first - end:x}:{following - first:x}")
        end = following
    return " ".join(stretches)


def _decode_numbers(text: str) -> tuple[int, ...]:
    numbers: list[int] = []
    end = 0
    for stretch in text.split():
        distance, length = (int(digits, 16) for digits in stretch.split(":"))
        numbers.extend(range(end + distance, end + distance + length))
        end += distance + length
    return tuple(numbers)


def _stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First number and end (exclusive) of each stretch without a gap."""
    n_seen = 0
    while n_seen < len(numbers):
        first = n_seen
        while n_seen + 1 < len(numbers) and numbers[n_seen + 1] == numbers[n_seen] + 1:
            n_seen += 1
        yield numbers[first], numbers[n_seen] + 1
        n_seen += 1


def encode_live(live: LiveSummary) -> tuple[object, ...]:
    """The eight columns of a live summary."""
    last, best = encode_optional(live.last), encode_optional(live.best)
    last_finite = encode_optional(live.last_finite)
    numbers = (live.offset, live.n_values, last, best, live.step, last_finite, live.next_row)
    return (*numbers, encode_names(live.names))


def decode_live(columns: tuple[Any, ...]) -> LiveSummary:
    """The live summary that ``encode_live`` wrote."""
    if columns == _NO_COLUMNS:
        return _NOTHING_REPORTED
    offset, n_values, last, best, step, last_finite, next_row, names = columns
    return LiveSummary(
        offset,
        n_values,
        decode_number(last),
        decode_number(best),
        step,
        decode_number(last_finite),
        next_row,
        decode_names(names),
    )


def encode_names(names: Sequence[str]) -> str | None:
    """Names of metrics, or None without any."""
    return to_json(names) if names else None


def decode_names(text: str | None) -> tuple[str, ...]:
    """The names that ``encode_names`` wrote."""
    return () if text is None else tuple(from_json(text))


def encode_labels(labels: Labels) -> str | None:
    """The labels of a sweep or a run, or None if there are none."""
    return None if labels == Labels() else to_json(astuple(labels))


def decode_labels(text: str | None) -> Labels:
    """The labels that ``encode_labels`` wrote."""
    if text is None:
        return Labels()
    name, tags, notes = from_json(text)
    return Labels(name, tuple(tags), notes)


def encode_attempts(attempts: Sequence[AttemptRecord]) -> str | None:
    """Earlier attempts of a run without its index and their keys, or None without any."""
    if not attempts:
        return None
    return to_json(
        [
            [
                *(record.attempt, record.agent, record.host, record.state.value),
                *(record.started_at, record.ended_at, record.exit_code, record.signal),
            ]
            for record in attempts
        ]
    )


def decode_attempts(text: str | None, index: int) -> tuple[AttemptRecord, ...]:
    """The attempts that ``encode_attempts`` wrote."""
    found = [] if text is None else from_json(text)
    return tuple(
        AttemptRecord(index, attempt, agent, host, RunState(state), *rest)
        for attempt, agent, host, state, *rest in found
    )


def encode_final(final: Final | None) -> str | None:
    """The final counts of a sweep, or None."""
    return None if final is None else to_json(astuple(final))


def decode_final(text: str | None) -> Final | None:
    """The final counts that ``encode_final`` wrote."""
    return None if text is None else Final(*from_json(text))


def encode_early_stop(stop: EarlyStop | None) -> str | None:
    """The reason of an early stop, if there is one."""
    return None if stop is None else to_json(astuple(stop))


def decode_early_stop(text: str | None) -> EarlyStop | None:
    """The reason that ``encode_early_stop`` wrote."""
    return None if text is None else EarlyStop(*from_json(text))


def encode_outcome(outcome: Outcome) -> str:
    """A whole outcome, with the reason of an early stop only if there is one."""
    return to_json(
        [
            outcome.state.value,
            outcome.ended_at,
            outcome.exit_code,
            outcome.signal,
            outcome.summary,
            outcome.best,
            outcome.is_stopped_early,
            _attributes_and_details(outcome),
            outcome.last,
            *([] if outcome.early_stop is None else [astuple(outcome.early_stop)]),
        ]
    )


def decode_outcome(text: str | None) -> Outcome | None:
    """The outcome that ``encode_outcome`` wrote, or None.

    Fields that an older release did not write have their defaults.
    """
    if text is None:
        return None
    state, *rest = from_json(text)
    before, stop = rest[:_N_BEFORE_STOP], rest[_N_BEFORE_STOP:]
    outcome = Outcome(RunState(state), *before, *(EarlyStop(*numbers) for numbers in stop))
    details = outcome.attributes.get(_DETAILS)
    if details is None:
        return outcome
    attributes = {name: value for name, value in outcome.attributes.items() if name != _DETAILS}
    return replace(outcome, attributes=attributes, details=details)


def _attributes_and_details(outcome: Outcome) -> Mapping[str, Any]:
    """The attributes with the details added to them.

    Older releases that read the outcome would drop a further list element but keep all attributes.
    """
    if not outcome.details:
        return outcome.attributes
    return {**outcome.attributes, _DETAILS: outcome.details}


def encode_rows(rows: Sequence[Row]) -> str:
    """Logged rows, in order."""
    return to_json([[row.step, row.at, row.metrics] for row in rows])


def decode_rows(text: str) -> tuple[Row, ...]:
    """The rows that ``encode_rows`` wrote."""
    rows: list[list[Any]] = from_json(text)
    return tuple(Row(step, at, metrics) for step, at, metrics in rows)


def encode_token(token: Token) -> str:
    """An access token, without ``change``."""
    return to_json(astuple(token)[:-1])


def decode_token(text: str, change: int) -> Token:
    """The token that ``encode_token`` wrote."""
    sha256, name, scope, *others = from_json(text)
    return Token(sha256, name, Scope(scope), *(*others, change))


def encode_event(event: Event) -> str:
    """A change that a caller made."""
    return to_json(astuple(event))


def decode_event(text: str) -> Event:
    """The event that ``encode_event`` wrote."""
    return Event(*from_json(text))
