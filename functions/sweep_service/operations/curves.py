"""Curves: one metric of many runs over their steps, in columns."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sweep_service.errors import InvalidRequest
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.numbers import decode_number
from sweep_service.operations.rows import read_all
from sweep_service.operations.thinning import Thinner
from sweep_service.wire.curves import Curve, Curves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_service.operations.services import Services

#: Maximum number of rows to read in one request; the remaining runs are left for the next one.
_MOST_ROWS = 500_000


class _Point(NamedTuple):
    attempt: int
    step: int
    at: float | None
    value: float


def curves_of(
    services: Services,
    sweep: str,
    metric: str | None,
    indices: Sequence[int],
    n_points: int,
    after: int | None = None,
) -> Curves:
    """The curves of some runs.

    From its first step on, a later attempt replaces what earlier attempts logged, since a run
    either restarts or resumes from a checkpoint. Rows logged without a step are numbered from 0.

    Args:
        services: The backend's services.
        sweep: The sweep's id.
        metric: Name of the metric; None for the sweep's own metric.
        indices: Indices of the runs.
        n_points: Approximate number of points per curve; see ``thinning``.
        after: Only return points of later steps than this.

    Raises:
        NotFound: No such sweep.
        InvalidRequest: No metric is named, and the sweep has none.
    """
    counter = services.store.get_status(sweep)
    own = services.load_config(sweep, counter.version).config.metric
    name = metric or (None if own is None else own.name)
    if name is None:
        raise InvalidRequest("query 'metric': needs the name of a metric; the sweep has none")
    silent = {} if after is None else _without_news(services, sweep, after)
    curves: list[Curve] = []
    n_read = 0
    for index in indices:
        if n_read >= _MOST_ROWS:
            break
        if index in silent:
            curves.append(silent[index])
            continue
        thinner = Thinner[_Point](n_points, _value_of)
        last: _Point | None = None
        for point in _points(services, sweep, index, name):
            n_read += 1
            if last is not None and last.attempt != point.attempt:
                thinner.drop(partial(_is_from, point.step))
            if after is None or point.step > after:
                thinner.add(point)
            last = point
        curves.append(_curve(sweep, index, thinner, last))
    return Curves(name, tuple(curves), tuple(indices[len(curves) :]))


def _without_news(services: Services, sweep: str, after: int) -> dict[int, Curve]:
    """The empty curves of running runs whose last step is not later: their rows are not read."""
    return {
        lease.index: Curve(
            index=lease.index,
            run_id=run_id(sweep, lease.index),
            attempt=lease.attempt,
            step=(),
            at=(),
            value=(),
            last_step=lease.live.step,
            is_thinned=False,
        )
        for lease in services.store.list_leases(sweep)
        if not lease.is_released and lease.live.step is not None and lease.live.step <= after
    }


def _points(services: Services, sweep: str, index: int, metric: str) -> Iterator[_Point]:
    attempt, n_points = 0, 0
    for batch in read_all(services, sweep, index):
        n_points = n_points if batch.attempt == attempt else 0
        attempt = batch.attempt
        for row in batch.rows:
            value = decode_number(row.metrics.get(metric))
            if value is not None:
                yield _Point(attempt, n_points if row.step is None else row.step, row.at, value)
                n_points += 1


def _value_of(point: _Point) -> Mapping[str, float]:
    return {"": point.value}


def _is_from(step: int, point: _Point) -> bool:
    return point.step >= step


def _curve(sweep: str, index: int, thinner: Thinner[_Point], last: _Point | None) -> Curve:
    kept = thinner.finish()
    return Curve(
        index=index,
        run_id=run_id(sweep, index),
        attempt=None if last is None else last.attempt,
        step=tuple(point.step for point in kept),
        at=tuple(point.at for point in kept),
        value=tuple(point.value for point in kept),
        last_step=None if last is None else last.step,
        is_thinned=thinner.is_thinned,
    )
