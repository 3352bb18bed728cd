"""Bands: an audit of a sweep's early termination, or of its hypothetical effect."""

from __future__ import annotations

import math
from collections import Counter as Tally
from typing import TYPE_CHECKING

from sweep_service.errors import NotPossible
from sweep_service.operations.judging import judge_of
from sweep_service.operations.metrics import finite_values
from sweep_service.operations.model import final_value
from sweep_service.operations.paging import every_run
from sweep_service.operations.rows import read_all
from sweep_service.search import hyperband
from sweep_service.search.audit import audit_band
from sweep_service.wire.bands import Bands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import Hyperband, Metric
    from sweep_service.model.records.records import Run
    from sweep_service.operations.judging import Judge
    from sweep_service.operations.services import Services

_MOST_RUNS = 1_000  #: Only the newest runs are audited.
_MOST_BANDS = 30
#: Number of runs whose rows are read: for their lengths, or for band values that are not stored.
_N_MEASURED, _N_SAMPLED = 20, 100
_MOST_ROWS = 500_000
_EXAMPLES = (0.1, 0.3, 0.9)
_ETA = 3.0


def bands_of(services: Services, sweep: str) -> Bands:
    """Compare the values of runs at each band with their final values.

    Raises:
        NotFound: No such sweep.
        NotPossible: The sweep has no metric.
    """
    counter = services.store.get_status(sweep)
    config = services.load_config(sweep, counter.version).config
    if config.metric is None:
        raise NotPossible(f"sweep {sweep} has no metric to judge runs by")
    judge = judge_of(services, sweep, counter)
    first = max(0, counter.next_index - _MOST_RUNS)
    runs = [run for run in every_run(services.store, sweep, first) if run.outcome is not None]
    final = dict(_finals(judge, runs))
    if config.early_terminate is None:
        return _examples(judge, config.metric, final)
    return _audit(judge, config.metric, config.early_terminate, runs, final)


def _finals(judge: Judge, runs: Sequence[Run]) -> Iterator[tuple[int, float]]:
    """Index and value of each run that has finished without being stopped early."""
    for run in runs:
        value = final_value(judge, run)
        if value is not None:
            yield run.index, value


def _audit(
    judge: Judge,
    metric: Metric,
    settings: Hyperband,
    runs: Sequence[Run],
    final: Mapping[int, float],
) -> Bands:
    reasons = (run.outcome.early_stop for run in runs if run.outcome is not None)
    stops = Tally(stop.band for stop in reasons if stop is not None)
    lengths = [len(values) for values in _values(judge, metric, final, _N_MEASURED).values()]
    length = sum(lengths) / len(lengths) if lengths else 0.0
    bands = []
    for step in hyperband.next_bands(settings, 0)[:_MOST_BANDS]:
        at_band = judge.band(judge.services.store.list_band(judge.sweep, step))
        if not at_band:
            break
        bands.append(audit_band(metric, settings.eta, step, at_band, final, stops[step]))
    return Bands(
        tuple(bands),
        steps_run=round(length * len(final)) + sum(step * n for step, n in stops.items()),
        steps_saved=round(sum(max(0.0, length - step) * n for step, n in stops.items())),
        is_hypothetical=False,
    )


def _examples(judge: Judge, metric: Metric, final: Mapping[int, float]) -> Bands:
    """Hypothetical bands, computed from the rows of a sample of runs."""
    values = _values(judge, metric, final, _N_SAMPLED)
    longest = max((len(of_run) for of_run in values.values()), default=0)
    bands = []
    for step in sorted({max(1, round(share * longest)) for share in _EXAMPLES}):
        at_band = {
            index: of_run[step - 1] for index, of_run in values.items() if len(of_run) >= step
        }
        if at_band:
            bands.append(audit_band(metric, _ETA, step, at_band, final, None))
    n_rows = sum(map(len, values.values()))
    return Bands(tuple(bands), round(n_rows / len(values) * len(final)) if values else 0)


def _values(
    judge: Judge, metric: Metric, indices: Mapping[int, float], count: int
) -> dict[int, list[float]]:
    """The finite values logged by the last attempts of an evenly chosen sample of runs."""
    every = max(1, math.ceil(len(indices) / count))
    found: dict[int, list[float]] = {}
    for index in sorted(indices)[::every]:
        attempt = 0
        values: list[float] = []
        for batch in read_all(judge.services, judge.sweep, index):
            values = values if batch.attempt == attempt else []
            attempt = batch.attempt
            values += finite_values(metric, batch.rows)
        found[index] = values
        if sum(map(len, found.values())) > _MOST_ROWS:
            break
    return found
