"""Config versions: what a version of a sweep's config has still to offer, given earlier ones.

Index i belongs to the last version whose base is not above i. What earlier versions handed out
is worked out from their configs and indices alone where runs are functions of the index, as those
of grid and most random searches are; elsewhere it is read from run items and leases.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sweep_service.operations.services import remember
from sweep_service.search import registry
from sweep_service.search.points import Apart, apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_service.model.records import Base
    from sweep_service.model.sweep_config import SweepConfig
    from sweep_service.operations.services import Services
    from sweep_service.search.offer import Offer

_RUNS_A_READ = 500


def offer_of(
    services: Services, sweep: str, bases: Sequence[Base], seed: int, version: int
) -> Offer:
    """What a version has to offer, from the cache where possible."""
    position = next(n for n, base in enumerate(bases) if base.version == version)
    known = services.offers.get((sweep, version))
    if known is None:
        config = services.load_config(sweep, version).config
        known = work_out_offer(services, sweep, config, bases[: position + 1], seed)
        remember(services.offers, (sweep, version), known)
    return known


def work_out_offer(
    services: Services, sweep: str, config: SweepConfig, bases: Sequence[Base], seed: int
) -> Offer:
    """What ``config`` has to offer from the last of ``bases`` on."""
    is_endless = registry.n_points(config) is None
    if is_endless and not config.start:  # there is nothing to leave out
        return registry.offer_of(config, bases[-1].base, seed, ())
    handed_out = list(_handed_out(services, sweep, bases, seed))
    return registry.offer_of(config, bases[-1].base, seed, handed_out)


def _handed_out(
    services: Services, sweep: str, bases: Sequence[Base], seed: int
) -> Iterator[Mapping[str, Any]]:
    for this, following in pairwise(bases):
        version = services.load_config(sweep, this.version).config
        if registry.needs_evidence(version.method) or apart(version) is not Apart.BY_INDEX:
            # a lease goes only when its run item is there
            yield from _leased_configs(services, sweep, version, this.base, following.base)
            yield from _stored_configs(services, sweep, this.base, following.base)
            continue
        offer = offer_of(services, sweep, bases, seed, this.version)
        for index in range(this.base, following.base):
            yield registry.suggest(version, index, seed, offer=offer).config


def _stored_configs(
    services: Services, sweep: str, since: int, end: int
) -> Iterator[Mapping[str, Any]]:
    while since < end and (runs := services.store.list_runs(sweep, since, _RUNS_A_READ)):
        yield from (run.config for run in runs if run.index < end)
        since = runs[-1].index + 1


def _leased_configs(
    services: Services, sweep: str, config: SweepConfig, since: int, end: int
) -> Iterator[Mapping[str, Any]]:
    """Those that were chosen, whether or not their run items are written yet."""
    for lease in services.store.list_leases(sweep):
        if since <= lease.index < end and lease.unit is not None:
            yield config.space.from_unit(lease.unit)
