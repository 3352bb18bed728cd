"""Metrics: the values of the sweep's metric in rows and summaries."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from sweep_service.model.records.numbers import decode_number, encode_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sweep_service.model.language.sweep_config import Metric
    from sweep_service.model.records.records import LiveSummary, MetricValue, Row, RowBatch


def better(metric: Metric, a: float | None, b: float | None) -> float | None:
    """The better of two values by the metric's goal, ignoring non-finite ones."""
    known = [value for value in (a, b) if value is not None and math.isfinite(value)]
    return min(known, key=metric.minimised, default=None)


def metric_values(metric: Metric, rows: Iterable[Row]) -> list[float]:
    """The values of the metric in rows, in order, including non-finite ones."""
    values = (decode_number(row.metrics.get(metric.name)) for row in rows)
    return [value for value in values if value is not None]


def finite_values(metric: Metric, rows: Iterable[Row]) -> list[float]:
    """The finite values of the metric in rows; early termination counts these as iterations."""
    return [value for value in metric_values(metric, rows) if math.isfinite(value)]


def news_of(live: LiveSummary, batch: RowBatch) -> RowBatch:
    """The rows of a batch that have not been counted yet."""
    if live.next_row is not None:
        return batch.since(live.next_row)
    is_counted = live.offset is not None and batch.offset <= live.offset  # older releases
    return batch.since(batch.end) if is_counted else batch


#: Bytes that the names of metrics may take in a lease, which every ask reads.
_NAMES_BYTES = 200


def names_after(known: tuple[str, ...], rows: Iterable[Row]) -> tuple[str, ...]:
    """The names of the metrics that were logged, with those of some more rows.

    A name that no longer fits is left out; those after it may fit.
    """
    names = dict.fromkeys(known)
    n_bytes = sum(_name_size(name) for name in known)
    for name in dict.fromkeys(name for row in rows for name in row.metrics):
        if name not in names and n_bytes + _name_size(name) <= _NAMES_BYTES:
            names[name] = None
            n_bytes += _name_size(name)
    return tuple(names)


def _name_size(name: str) -> int:
    return len(name.encode(errors="surrogatepass")) + 3


def apply_rows(live: LiveSummary, metric: Metric | None, batch: RowBatch) -> LiveSummary:
    """The live summary after a batch of rows, none of which has been counted before."""
    steps = [row.step for row in batch.rows if row.step is not None]
    live = replace(
        live,
        offset=batch.offset,
        next_row=batch.end,
        step=steps[-1] if steps else live.step,
        names=names_after(live.names, batch.rows),
    )
    values = metric_values(metric, batch.rows) if metric is not None else []
    if metric is None or not values:
        return live
    finite = [value for value in values if math.isfinite(value)]
    best = min(finite, key=metric.minimised, default=None)
    return replace(
        live,
        n_values=live.n_values + len(finite),
        last=values[-1],
        best=better(metric, live.best, best),
        last_finite=finite[-1] if finite else live.last_finite,
    )


def live_summary(metric: Metric | None, live: LiveSummary) -> dict[str, MetricValue]:
    """The summary of a run in progress: the last reported value of the sweep's metric."""
    if metric is None or live.last is None:
        return {}
    return {metric.name: encode_number(live.last)}


def is_extreme(name: str, summary: Mapping[str, MetricValue]) -> bool:
    """Whether a value of a final summary is the least or the greatest of another metric."""
    metric, _, kind = name.rpartition(".")
    return kind in ("min", "max") and metric in summary


def best_in_summary(metric: Metric, summary: Mapping[str, MetricValue]) -> float | None:
    """The best value of a metric in a run's final summary.

    Agents add the minimum and maximum of every metric to it.
    """
    extreme = "max" if metric.goal == "maximize" else "min"
    names = (metric.name, f"{metric.name}.{extreme}")
    return better(metric, *(decode_number(summary.get(name)) for name in names))


def best_value(
    metric: Metric | None,
    live: LiveSummary | None,
    summary: Mapping[str, MetricValue],
    result: MetricValue | None = None,
) -> float | None:
    """The best finite value of the metric in a run.

    Args:
        metric: The sweep's metric; without one there is no value.
        live: Live summary of the values reported while the run was in progress.
        summary: The run's final summary.
        result: Value that the program set itself. If finite, it alone counts; otherwise the best
            finite value of history and summary does.
    """
    if metric is None:
        return None
    reported = live.best if live is not None else None
    best = better(metric, reported, decode_number(summary.get(metric.name)))
    return _first_finite(decode_number(result), best)


def last_value(
    metric: Metric | None,
    live: LiveSummary | None,
    summary: Mapping[str, MetricValue],
    result: MetricValue | None = None,
) -> float | None:
    """The last finite value of the metric in a run, with the arguments of ``best_value``.

    The summary counts only if no row had a value, since it may hold the minimum or maximum.
    """
    if metric is None:
        return None
    reported = last_reported(live) if live is not None else None
    said = decode_number(summary.get(metric.name))
    return _first_finite(decode_number(result), reported, said)


def last_reported(live: LiveSummary) -> float | None:
    """The last finite value of a live summary; older releases stored only the last value."""
    return _first_finite(live.last_finite, live.last)


def _first_finite(*values: float | None) -> float | None:
    known = (value for value in values if value is not None and math.isfinite(value))
    return next(known, None)
