"""Model: predictions of a model fitted to a sweep's runs, for charts; for every search method."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from sweep_service.errors import InvalidRequest
from sweep_service.model.records.records import Observation
from sweep_service.model.records.states import RunState
from sweep_service.operations.choosing import unit_of
from sweep_service.operations.evidence import gather_evidence
from sweep_service.operations.judging import judge_of
from sweep_service.operations.paging import every_run
from sweep_service.search import registry
from sweep_service.search.forecasts import coverage
from sweep_service.search.suggestion import Evidence, Pending
from sweep_service.wire.model import RunForecast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Run
    from sweep_service.operations.judging import Judge
    from sweep_service.operations.services import Services
    from sweep_service.wire.model import SweepModel

#: Maximum number of runs, the newest; more would not improve the charts.
_MOST_RUNS = 1_000


def model_of(services: Services, sweep: str, x: str | None, y: str | None) -> SweepModel:
    """Predictions of the model; given two parameters, also over their plane. Stores nothing.

    Raises:
        NotFound: No such sweep.
        InvalidRequest: Only one parameter is named, or one that is not searched.
    """
    counter = services.store.get_status(sweep)
    config = services.load_config(sweep, counter.version).config
    pair = _pair(config, x, y)
    judge = judge_of(services, sweep, counter)
    runs = list(every_run(services.store, sweep, max(0, counter.next_index - _MOST_RUNS)))
    if registry.needs_evidence(config.method):
        leases = services.store.list_leases(sweep)
        evidence = gather_evidence(services, sweep, counter, leases, counter.next_index)
    else:
        evidence = _evidence(judge, config, runs)
    model = registry.explain(config, counter.seed, evidence or Evidence(), pair)
    forecasts = tuple(_forecasts(judge, runs))
    return replace(model, forecasts=forecasts, coverage=coverage(forecasts))


def _pair(config: SweepConfig, x: str | None, y: str | None) -> tuple[str, str] | None:
    if x is None and y is None:
        return None
    names = [parameter.name for parameter in config.space.searched]
    zipped = {leaf.name for p in config.space.searched for leaf in p.leaves} - set(names)
    if x in zipped or y in zipped:  # they vary with others, which a plane cannot show
        return None
    for key, name in (("x", x), ("y", y)):
        if name not in names:
            found = "nothing" if name is None else f"'{name[:60]}'"
            raise InvalidRequest(
                f"query '{key}': found {found}; needs the name of a parameter with several values,"
                f" such as {', '.join(names[:5]) or 'none of this sweep'}"
            )
    return (x, y) if x is not None and y is not None and x != y else None


def _evidence(judge: Judge, config: SweepConfig, runs: Sequence[Run]) -> Evidence:
    """The evidence in the runs of a sweep whose own method does not use any."""
    observations, pending = [], []
    for run in runs:
        unit = None if run.is_deleted else unit_of(config, run)
        if unit is None:
            continue
        if run.outcome is None:
            pending.append(Pending(run.index, unit))
        else:
            value = judge.worth(run).best
            observations.append(
                Observation(
                    index=run.index,
                    config_version=run.config_version,
                    unit=unit,
                    value=math.nan if value is None else value,
                    state=run.outcome.state,
                    is_stopped_early=run.outcome.is_stopped_early,
                    written_at=run.outcome.ended_at,
                )
            )
    return Evidence(observations, pending)


def _forecasts(judge: Judge, runs: Sequence[Run]) -> Iterator[RunForecast]:
    """The forecasts stored with runs that were suggested for the sweep's present metric."""
    for run in runs:
        mean, std = run.suggestion.get("mean"), run.suggestion.get("std")
        if mean is None or std is None or run.is_deleted or not judge.is_by(run.config_version):
            continue
        reason = str(run.suggestion.get("reason", ""))
        yield RunForecast(run.index, mean, std, final_value(judge, run), reason)


def final_value(judge: Judge, run: Run) -> float | None:
    """The finite value of a run that has finished without being stopped early, or None."""
    outcome = run.outcome
    if outcome is None or outcome.state is not RunState.FINISHED or outcome.is_stopped_early:
        return None
    value = judge.worth(run).best
    return value if value is not None and math.isfinite(value) else None
