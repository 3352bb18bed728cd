"""Config versions: the points that a version can still offer after earlier versions.

Index i belongs to the last version whose base is not above i. What earlier versions handed out is
computed from their configs and indices alone if the search is a function of the index, as grid and
most random searches are; otherwise it is read from run items and leases.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sweep_service.model.records.records import Taken
from sweep_service.model.space.distributions import fresh
from sweep_service.operations.paging import every_run
from sweep_service.operations.services import remember
from sweep_service.search import registry
from sweep_service.search.points import Apart, apart

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Base, Lease, SweepStatus
    from sweep_service.operations.services import Services
    from sweep_service.search.offer import Offer

#: Keys that are equal in two versions that have the same points in the same order.
_OF_THE_SPACE = ("method", "parameters", "zip", "constraints", "start", "replacement")


def offer_of(
    services: Services, sweep: str, bases: Sequence[Base], seed: int, version: int
) -> Offer:
    """The offer of a version, from the cache where possible."""
    known = services.offers.get((sweep, version))
    if known is None:
        base = next(base.base for base in bases if base.version == version)
        config = services.load_config(sweep, version).config
        known = registry.offer_of(config, base, taken_before(services, sweep, bases, seed, version))
        remember(services.offers, (sweep, version), known)
    return known


def queued_points(
    services: Services, sweep: str, counter: SweepStatus
) -> tuple[Mapping[str, Any], ...]:
    """The points that people have added and that have not been handed out, in their order."""
    offer = offer_of(services, sweep, counter.bases, counter.seed, counter.version)
    return offer.start[counter.next_index - offer.base : offer.n_added]


def config_of_lease(config: SweepConfig, offer: Offer, lease: Lease) -> Mapping[str, Any]:
    """The configuration that a lease with a unit vector was opened for.

    Start configs and added points have values that their unit vectors may represent with a rounding
    error; they are handed out as they were given.
    """
    place, unit = lease.index - offer.base, lease.unit or ()
    if 0 <= place < len(offer.start) and config.space.to_unit(offer.start[place]) == unit:
        return dict(fresh(offer.start[place]))
    return config.space.from_unit(unit)


def taken_before(
    services: Services, sweep: str, bases: Sequence[Base], seed: int, version: int
) -> Taken:
    """The points taken before a version, as stored with it or else computed."""
    loaded = services.load_config(sweep, version)
    if loaded.meta.taken is not None:
        return loaded.meta.taken
    position = next(n for n, base in enumerate(bases) if base.version == version)
    return work_out_taken(services, sweep, loaded.config, bases[: position + 1], seed)


def work_out_taken(
    services: Services,
    sweep: str,
    config: SweepConfig,
    bases: Sequence[Base],
    seed: int,
    elsewhere: Collection[Mapping[str, Any]] = (),
) -> Taken:
    """Compute the points of ``config`` taken before its version, the last of ``bases``, begins.

    Args:
        services: The backend's services.
        sweep: The sweep's id.
        config: Config of the version.
        bases: Bases of all versions up to this one.
        seed: The sweep's seed.
        elsewhere: Configs that were run outside the sweep and count as done.
    """
    is_endless = registry.n_points(config) is None
    if is_endless and not config.start:  # an infinite space has no points to leave out
        return Taken()
    taken = _taken_of_same_space(services, sweep, config, bases, seed)
    if taken is None:
        taken = _taken_in_all(services, sweep, config, bases, seed)
    if elsewhere:
        taken = registry.with_elsewhere(config, seed, taken, elsewhere)
    return registry.without_repeats(config, taken) if config.n_added else taken


def _taken_of_same_space(
    services: Services, sweep: str, config: SweepConfig, bases: Sequence[Base], seed: int
) -> Taken | None:
    """The taken points if the previous version has the same space, without drawing them again."""
    if len(bases) < 2:
        return None
    before, begins = bases[-2], bases[-1].base
    earlier = services.load_config(sweep, before.version).config
    if any(earlier.document.get(key) != config.document.get(key) for key in _OF_THE_SPACE):
        return None
    taken = taken_before(services, sweep, bases[:-1], seed, before.version)
    after = registry.taken_after(earlier, seed, taken, begins - before.base)
    if after is None or earlier.start == config.start:
        return after
    return registry.with_other_starts(earlier, config, seed, after)


def _taken_in_all(
    services: Services, sweep: str, config: SweepConfig, bases: Sequence[Base], seed: int
) -> Taken:
    """The points of a space taken by all earlier versions."""
    elsewhere = [
        run
        for this in bases[:-1]
        for run in registry.configs_elsewhere(
            services.load_config(sweep, this.version).config,
            seed,
            taken_before(services, sweep, bases, seed, this.version),
        )
    ]
    handed_out = list(_handed_out(services, sweep, bases, seed))
    return registry.with_elsewhere(
        config, seed, registry.taken_of(config, seed, handed_out), elsewhere
    )


def _handed_out(
    services: Services, sweep: str, bases: Sequence[Base], seed: int
) -> Iterator[Mapping[str, Any]]:
    for this, following in pairwise(bases):
        version = services.load_config(sweep, this.version).config
        if registry.needs_evidence(version.method) or apart(version) is not Apart.BY_INDEX:
            # Leases first: a lease is only deleted once its run item exists.
            offer = offer_of(services, sweep, bases, seed, this.version)
            yield from _leased_configs(services, sweep, version, offer, following.base)
            yield from _stored_configs(services, sweep, this.base, following.base)
            continue
        offer = offer_of(services, sweep, bases, seed, this.version)
        for index in range(this.base, following.base):
            yield registry.suggest(version, index, seed, offer=offer).config


def _stored_configs(
    services: Services, sweep: str, since: int, end: int
) -> Iterator[Mapping[str, Any]]:
    if since >= end:
        return
    for run in every_run(services.store, sweep, since):
        if run.index < end:
            yield run.config
        if run.index >= end - 1:
            return


def _leased_configs(
    services: Services, sweep: str, config: SweepConfig, offer: Offer, end: int
) -> Iterator[Mapping[str, Any]]:
    """Configs in leases, whether or not their run items have been written."""
    for lease in services.store.list_leases(sweep):
        if offer.base <= lease.index < end and lease.unit is not None:
            yield config_of_lease(config, offer, lease)
