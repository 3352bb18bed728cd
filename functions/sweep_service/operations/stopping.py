"""Early stopping: decided on every report from one stored value per run and band."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sweep_service.errors import LeaseLost
from sweep_service.model.records.entries import BandValue
from sweep_service.model.records.records import EarlyStop
from sweep_service.operations.metrics import finite_values
from sweep_service.operations.saving import update
from sweep_service.protocol.leases import stop_early
from sweep_service.search import hyperband

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Lease, RowBatch
    from sweep_service.operations.judging import Judge
    from sweep_service.storage.store import Store


def put_bands(store: Store, sweep: str, config: SweepConfig, lease: Lease, batch: RowBatch) -> None:
    """Store the run's value at every band that the newest rows have crossed.

    Repeating the newest batch writes the same values again; an older batch writes nothing.

    Args:
        store: The store.
        sweep: The sweep's id.
        config: The sweep's config.
        lease: The run's lease, which has counted the rows up to and including the batch.
        batch: The rows that have arrived.
    """
    if config.early_terminate is None or config.metric is None:
        return
    if lease.live.next_row != batch.end:
        return
    values = finite_values(config.metric, batch.rows)
    n_before = lease.live.n_values - len(values)
    for crossing in hyperband.crossings(config.early_terminate, n_before, values):
        store.append(sweep, lease.index, BandValue(crossing.band, batch.attempt, crossing.value))


def is_stopped_early(judge: Judge, config: SweepConfig, lease: Lease) -> bool:
    """Whether to stop a run because of its value at the last band it has crossed.

    The decision is final, whatever other runs report later: its reason is stored in the lease.
    """
    if lease.early_stop is not None:
        return True
    stop = _early_stop(judge, config, lease)
    if stop is not None:
        attempt = lease.attempt
        with suppress(LeaseLost):
            update(
                judge.services.store,
                judge.sweep,
                lease,
                lambda stored: stop_early(stored, attempt, stop),
            )
    return stop is not None


def _early_stop(judge: Judge, config: SweepConfig, lease: Lease) -> EarlyStop | None:
    settings, metric, live = config.early_terminate, config.metric, lease.live
    if settings is None or metric is None or live.best is None:
        return None
    band = hyperband.last_band(settings, live.n_values)
    if band is None:
        return None
    at_band = judge.band(judge.services.store.list_band(judge.sweep, band))
    decision = hyperband.stop_decision(settings, metric, at_band, lease.index, band, live.best)
    if not decision.is_stop:
        return None
    return EarlyStop(decision.band, decision.value, decision.threshold)
