"""Logged rows as flat dicts, of one run or of several."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_sdk._results.records import names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_sdk._backend.answers import Thinned
    from sweep_sdk._backend.client import Client

    Row = dict[str, Any]

#: Fields that every row has in addition to its metrics.
ROW_FIELDS = ("run", "attempt", "step", "time")
#: Of these, those that hold seconds since the epoch.
ROW_TIMES = ("time",)


def rows_of(
    client: Client,
    run: str,
    keys: Sequence[str] = (),
    samples: int | None = None,
    *,
    is_joined: bool = False,
) -> Iterator[Row]:
    """The rows of a run in the order in which they were logged, attempt after attempt.

    Args:
        client: Client used for the request.
        run: The run's id.
        keys: Only return rows that have one of these metrics, reduced to these; empty for all.
        samples: Approximate number of rows, including the best and worst values; None for all.
        is_joined: Whether to leave out rows that a later attempt logged again; see ``joined``.
    """
    if samples is not None:
        return iter(sampled(client, run, keys, samples, is_joined=is_joined).rows)
    rows = by_step(_flat(run, row) for row in client.history(run, keys))
    return iter(joined(rows)) if is_joined else rows


def sampled(
    client: Client, run: str, keys: Sequence[str], samples: int, *, is_joined: bool = False
) -> Thinned:
    """About ``samples`` rows of a run, and the total number; arguments as in ``rows_of``."""
    found = client.thinned_history(run, samples, keys)
    rows = list(by_step(_flat(run, row) for row in found.rows))
    n_rows = found.n_rows - (len(found.rows) - len(rows))
    return replace(found, rows=joined(rows) if is_joined else rows, n_rows=n_rows)


def _flat(run: str, row: Mapping[str, Any]) -> Row:
    """A row as a flat dict; a metric with the name of a field becomes ``metric.NAME``."""
    fields = {"run": run, "attempt": row["attempt"], "step": row["step"], "time": row["at"]}
    metrics: Row = row["metrics"]
    if not fields.keys().isdisjoint(metrics):
        metrics = {
            f"metric.{name}" if name in ROW_FIELDS else name: value
            for name, value in metrics.items()
        }
    return fields | metrics


def by_step(rows: Iterable[Row]) -> Iterator[Row]:
    """Merge consecutive rows of one step.

    Rows that have a metric in common are not merged, so that no logged value is left out.
    """
    held: Row | None = None
    for row in rows:
        if held is not None and _is_complement(held, row):
            held |= row
            continue
        if held is not None:
            yield held
        held = dict(row)
    if held is not None:
        yield held


def _is_complement(held: Row, row: Row) -> bool:
    is_of_one_step = held["step"] == row["step"] is not None and held["attempt"] == row["attempt"]
    return is_of_one_step and held.keys() & row.keys() <= set(ROW_FIELDS)


def joined(rows: Iterable[Row]) -> list[Row]:
    """The rows of all attempts as one curve.

    An attempt that resumes from a checkpoint logs some steps again, and one that restarts logs all
    of them again. So from its first step on, an attempt replaces the rows of earlier ones.
    """
    kept: list[Row] = []
    attempt = None
    for row in rows:
        if kept and row["attempt"] != attempt:
            first = row["step"]
            kept = [
                earlier
                for earlier in kept
                if None not in (first, earlier["step"]) and earlier["step"] < first
            ]
        attempt = row["attempt"]
        kept.append(row)
    return kept


def row_names(rows: Iterable[Row]) -> list[str]:
    """The names of all rows: fields first, then metrics as they are first seen."""
    return list(dict.fromkeys((*ROW_FIELDS, *names_of(rows))))
