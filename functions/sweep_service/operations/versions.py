"""Config versions: what a version of a sweep's config has still to offer, given earlier ones.

Index i belongs to the last version whose base is not above i. What earlier versions handed out
is worked out from their configs and indices alone where runs are functions of the index, as those
of grid and most random searches are; elsewhere it is read from run items and leases.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sweep_service.model.records.records import Taken
from sweep_service.operations.paging import every_run
from sweep_service.operations.services import remember
from sweep_service.search import registry
from sweep_service.search.points import Apart, apart

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Base
    from sweep_service.operations.services import Services
    from sweep_service.search.offer import Offer

#: What two versions have in common whose points are the same, in the same order.
_OF_THE_SPACE = ("method", "parameters", "zip", "constraints", "start", "replacement")


def offer_of(
    services: Services, sweep: str, bases: Sequence[Base], seed: int, version: int
) -> Offer:
    """What a version has to offer, from the cache where possible."""
    known = services.offers.get((sweep, version))
    if known is None:
        base = next(base.base for base in bases if base.version == version)
        config = services.load_config(sweep, version).config
        known = registry.offer_of(config, base, taken_before(services, sweep, bases, seed, version))
        remember(services.offers, (sweep, version), known)
    return known


def taken_before(
    services: Services, sweep: str, bases: Sequence[Base], seed: int, version: int
) -> Taken:
    """What was taken before a version: as stored with it, else worked out."""
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
    """What is taken of ``config`` before the last of ``bases``, where its version begins.

    Args:
        services: Of the backend.
        sweep: Its id.
        config: Of the version.
        bases: Of all versions up to this one.
        seed: Of the sweep.
        elsewhere: Configs that were run outside of the sweep and count as done.
    """
    is_endless = registry.n_points(config) is None
    if is_endless and not config.start:  # there is nothing to leave out
        return Taken()
    taken = _taken_of_same_space(services, sweep, config, bases, seed)
    if taken is None:
        taken = _taken_in_all(services, sweep, config, bases, seed)
    return registry.with_elsewhere(config, seed, taken, elsewhere) if elsewhere else taken


def _taken_of_same_space(
    services: Services, sweep: str, config: SweepConfig, bases: Sequence[Base], seed: int
) -> Taken | None:
    """What is taken where the version before has the same space: nothing is drawn again."""
    if len(bases) < 2:
        return None
    before, begins = bases[-2], bases[-1].base
    earlier = services.load_config(sweep, before.version).config
    if any(earlier.document.get(key) != config.document.get(key) for key in _OF_THE_SPACE):
        return None
    taken = taken_before(services, sweep, bases[:-1], seed, before.version)
    return registry.taken_after(config, seed, taken, begins - before.base)


def _taken_in_all(
    services: Services, sweep: str, config: SweepConfig, bases: Sequence[Base], seed: int
) -> Taken:
    """What is taken of a space after all earlier versions."""
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
    if since >= end:
        return
    for run in every_run(services.store, sweep, since):
        if run.index < end:
            yield run.config
        if run.index >= end - 1:
            return


def _leased_configs(
    services: Services, sweep: str, config: SweepConfig, since: int, end: int
) -> Iterator[Mapping[str, Any]]:
    """Those that were chosen, whether or not their run items are written yet."""
    for lease in services.store.list_leases(sweep):
        if since <= lease.index < end and lease.unit is not None:
            yield config.space.from_unit(lease.unit)
