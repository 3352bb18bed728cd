"""Importance: the share of the variation in results that each parameter explains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sweep_service.errors import NotPossible
from sweep_service.operations.judging import judge_of
from sweep_service.operations.paging import every_run
from sweep_service.search.importance import MOST_RUNS, Importance, importance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sweep_service.operations.judging import Judge
    from sweep_service.operations.services import Services

_MOST_READ = 2 * MOST_RUNS


def importance_of(services: Services, sweep: str) -> tuple[int, list[Importance]]:
    """The number of runs used, and the parameters by descending importance.

    Raises:
        NotFound: No such sweep.
        NotPossible: The sweep has no metric.
    """
    counter = services.store.get_status(sweep)
    config = services.load_config(sweep, counter.version).config
    if config.metric is None:
        raise NotPossible(f"sweep {sweep} has no metric to measure importance by")
    judge = judge_of(services, sweep, counter)
    runs = list(_values(judge, max(0, counter.next_index - _MOST_READ)))[-MOST_RUNS:]
    return len(runs), importance(config.space, runs)


def _values(judge: Judge, since: int) -> Iterator[tuple[Mapping[str, Any], float]]:
    """The configurations of ended runs, each with its value of the metric."""
    for run in every_run(judge.services.store, judge.sweep, since):
        value = judge.worth(run).best if run.outcome is not None else None
        if value is not None and math.isfinite(value) and not run.is_deleted:
            yield run.config, value
