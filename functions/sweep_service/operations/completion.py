"""Completion: the remaining writes for an ended run, made by any request that finds it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sweep_service.errors import Stale
from sweep_service.model.records.records import Observation
from sweep_service.operations.choosing import unit_of
from sweep_service.operations.saving import MAX_TRIES
from sweep_service.protocol.leases import is_left_over
from sweep_service.search import registry

if TYPE_CHECKING:
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Lease, Run
    from sweep_service.operations.services import Services
    from sweep_service.storage.store import Store


def complete(services: Services, sweep: str, lease: Lease, run: Run) -> None:
    """Complete an ended run: write its observation, then drop its lease.

    The observation is derived from the run item, never from a request or a lease.
    """
    config = services.load_config(sweep, run.config_version).config
    if registry.needs_evidence(config.method):
        observation = _observe(config, run, services.clock())
        if observation is not None:
            services.store.append(sweep, run.index, observation)
    drop(services.store, sweep, lease)


def drop(store: Store, sweep: str, lease: Lease) -> None:
    """Delete the lease of an ended run, unless it is newer or represents an amendment."""
    attempt, revision = lease.attempt, lease.revision
    for _ in range(MAX_TRIES):
        try:
            store.delete(sweep, lease)
        except Stale as conflict:  # its holder has reported since
            lease = conflict.stored
            if is_left_over(lease, attempt, revision):
                continue
        return


def _observe(config: SweepConfig, run: Run, now: float) -> Observation | None:
    """The observation of a run; None if its configuration is outside the space."""
    unit = unit_of(config, run)
    if run.outcome is None or unit is None:
        return None
    return Observation(
        index=run.index,
        config_version=run.config_version,
        unit=unit,
        value=math.nan if run.outcome.best is None else run.outcome.best,
        state=run.outcome.state,
        is_stopped_early=run.outcome.is_stopped_early,
        written_at=now,
        last=run.outcome.last if run.outcome.state.is_imputed else None,
        revision=run.revision,
    )
