"""Target: a sweep whose metric has reached its target value hands out no more runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.operations.saving import update
from sweep_service.protocol.sweeps import finish_at_target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sweep_service.model.language.sweep_config import Metric
    from sweep_service.model.records.records import SweepStatus
    from sweep_service.operations.services import Services


def finish_on_target(
    services: Services, sweep: str, counter: SweepStatus, values: Iterable[float]
) -> None:
    """Finish the sweep if a value reaches the target of its newest config; other runs continue.

    Args:
        services: The backend's services.
        sweep: The sweep's id.
        counter: The sweep's status as the request read it.
        values: Finite metric values that arrived with the request. Older values do not count, so
            that a sweep resumed by its user continues until a new value reaches the target.

    Raises:
        Busy: Concurrent requests kept changing the sweep.
    """
    metric = services.load_config(sweep, counter.version).config.metric
    if metric is None or not any(_is_reached(metric, value) for value in values):
        return
    update(services.store, sweep, counter, finish_at_target)


def _is_reached(metric: Metric, value: float) -> bool:
    return metric.target is not None and metric.minimised(value) <= metric.minimised(metric.target)
