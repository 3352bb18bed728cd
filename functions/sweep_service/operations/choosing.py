"""Choosing: give each index a configuration that no other index has.

Grid and most random searches derive distinct configurations from the index alone. For the others,
two concurrent requests may choose the same configuration:

* In a finite space, the point is claimed for the index before the lease of the index is written. A
  claim counts as long as its index has no other configuration, as shown by the run item or by the
  unit vector of the lease, which is written once. A claim left by an interrupted request becomes
  void, and may be taken over, once its index has been given another point.
* In an infinite space, a configuration is compared with those of all other leases after the lease
  of the index has been written and before its run item is. Because every request writes before it
  reads, at least one of two conflicting requests sees the other.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from sweep_service.errors import Stale
from sweep_service.model.records.identifiers import FIRST_PRIOR_INDEX
from sweep_service.model.records.records import Lease
from sweep_service.operations.evidence import gather_evidence
from sweep_service.operations.versions import offer_of
from sweep_service.search import points, registry
from sweep_service.search.points import Apart, apart
from sweep_service.search.suggestion import Evidence, Pending, Suggestion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Run, SweepStatus
    from sweep_service.model.space.search_space import SearchSpace
    from sweep_service.operations.services import Services
    from sweep_service.search.offer import Offer

_MOST_DRAWS = 500
_MOST_COMPARISONS = 8
_NOBODY = 2**63 - 1  #: Holder of reserved points: never an index of the sweep.
_HOLE_KEY = "hole"


def choose(
    services: Services, sweep: str, counter: SweepStatus, leases: Sequence[Lease], index: int
) -> Suggestion | None:
    """Choose the configuration of an index that has none; in a finite space, claim its point.

    Returns None if the last points are claimed by requests in progress, some of which may free
    theirs. The suggestion has a unit vector if the search needs it to keep runs distinct.
    """
    chooser = _chooser(services, sweep, counter, index)
    evidence = gather_evidence(services, sweep, counter, leases, index)
    kind = apart(chooser.config)
    if kind is Apart.CLAIMED:
        return chooser.claimed(evidence)
    if kind is Apart.COMPARED:
        return chooser.unlike(_configs_out(services, sweep, counter, leases, index), evidence)
    return chooser.suggest(evidence)


def keep_apart(
    services: Services, sweep: str, counter: SweepStatus, lease: Lease, suggestion: Suggestion
) -> tuple[Lease, Suggestion] | None:
    """Replace the suggestion, and the lease that shows it, if another run in progress has the same.

    The caller holds the lease and has not written its run item. Returns None if the lease has been
    taken over, or if every choice collided with a concurrent one; the caller starts again.
    """
    config = services.load_config(sweep, counter.version_of(lease.index)).config
    if apart(config) is not Apart.COMPARED:
        return lease, suggestion
    for _ in range(_MOST_COMPARISONS):
        leases = services.store.list_leases(sweep)
        out = _configs_out(services, sweep, counter, leases, lease.index)
        if suggestion.config not in out:
            return lease, suggestion
        another = choose(services, sweep, counter, leases, lease.index)
        if another is None or another.config in out:  # no draw found a free one
            return lease, suggestion
        try:
            lease = services.store.save(sweep, lease, replace(lease, unit=another.unit))
        except Stale:
            return None
        suggestion = another
    return None


def needs_unit(config: SweepConfig) -> bool:
    """Whether leases carry the unit vectors of their runs' configurations."""
    return apart(config) is not Apart.BY_INDEX or registry.needs_evidence(config.method)


def unit_of(config: SweepConfig, run: Run) -> tuple[float, ...] | None:
    """The unit vector of a run's configuration; None if it is outside the space."""
    try:
        return config.space.to_unit(run.config)
    except ValueError:
        return None


def open_holes(services: Services, sweep: str, counter: SweepStatus, holes: Iterable[int]) -> None:
    """Give every hole a released lease, so that several agents can take holes in parallel.

    Where points are claimed, this also gives the hole a point. Any free one will do: requests that
    reconcile a sweep or finish a run do not load a search method.
    """
    for index in holes:
        config = services.load_config(sweep, counter.version_of(index)).config
        chosen = None
        if apart(config) is Apart.CLAIMED:
            leases = services.store.list_leases(sweep)
            evidence = gather_evidence(services, sweep, counter, leases, index)
            chosen = _chooser(services, sweep, counter, index).any_point(evidence)
        unit = None if chosen is None else chosen.unit
        with suppress(Stale):
            services.store.save(sweep, None, Lease.born_released(index, 0, _HOLE_KEY, unit))


def choose_all(services: Services, sweep: str, counter: SweepStatus) -> None:
    """Where points are claimed, give a point to every index that was given out without one.

    Afterwards the set of taken points is known. An index has no point if its request is in progress
    or has died; a request in progress finds the lease and starts again.
    """
    claimed = {
        index
        for this, end in zip(counter.bases, _ends(counter), strict=True)
        if apart(services.load_config(sweep, this.version).config) is Apart.CLAIMED
        for index in range(this.base, end)
    }
    if claimed:
        claimed -= {lease.index for lease in services.store.list_leases(sweep)}
        claimed -= {head.index for head in services.store.list_run_heads(sweep)}
        open_holes(services, sweep, counter, sorted(claimed))


def _ends(counter: SweepStatus) -> list[int]:
    """The index at which each config version ends (exclusive)."""
    return [*(base.base for base in counter.bases[1:]), counter.next_index]


def _chooser(services: Services, sweep: str, counter: SweepStatus, index: int) -> _Chooser:
    version = counter.version_of(index)
    config = services.load_config(sweep, version).config
    offer = offer_of(services, sweep, counter.bases, counter.seed, version)
    return _Chooser(services, sweep, version, config, offer, counter.seed, index)


def _configs_out(
    services: Services, sweep: str, counter: SweepStatus, leases: Iterable[Lease], index: int
) -> Sequence[Mapping[str, Any]]:
    """The configurations of all leased runs except that of ``index``."""
    out = []
    for lease in leases:
        version = counter.version_of(lease.index)
        space = services.load_config(sweep, version).config.space
        if lease.index != index and lease.unit and len(lease.unit) == len(space.searched):
            out.append(space.from_unit(lease.unit))
    return out


@dataclass(frozen=True, slots=True)
class _Chooser:
    """An index without a configuration, and the offer of its config version."""

    services: Services
    sweep: str
    version: int
    config: SweepConfig
    offer: Offer
    seed: int
    index: int

    def suggest(self, evidence: Evidence | None, n_refused: int = 0) -> Suggestion:
        """Ask the search for a suggestion, with its unit vector where runs are kept apart by it."""
        suggestion = registry.suggest(
            self.config, self.index, self.seed, evidence, self.offer, n_refused
        )
        if suggestion.unit is not None or apart(self.config) is Apart.BY_INDEX:
            return suggestion
        return replace(suggestion, unit=self.config.space.to_unit(suggestion.config))

    def unlike(self, out: Collection[Mapping[str, Any]], evidence: Evidence | None) -> Suggestion:
        """A suggestion that differs from all runs in progress; the first one if none is found."""
        first = self.suggest(evidence)
        if first.config not in out:
            return first
        others = (self.suggest(evidence, n) for n in range(registry.MODEL_TRIES, _MOST_DRAWS))
        return next((other for other in others if other.config not in out), first)

    def claimed(self, evidence: Evidence | None) -> Suggestion | None:
        """A suggestion whose point has been claimed for the index."""
        reserved = self._reserved()
        for n_refused in range(registry.MODEL_TRIES):
            suggestion = self.suggest(evidence, n_refused)
            number = self._number_of(suggestion)
            holder = _NOBODY if number in reserved else self._claim(number)
            if holder == self.index:
                return suggestion
            evidence = _with_pending(evidence, holder, suggestion)
        return self._any_free(reserved, evidence) or self._void_or_again(reserved, suggestion)

    def any_point(self, evidence: Evidence | None) -> Suggestion | None:
        """A point claimed for the index without a model: its start config, or any free point."""
        reserved = self._reserved()
        if self.index - self.offer.base < len(self.offer.start):
            start = self.suggest(None)
            if self._claim(self._number_of(start)) == self.index:
                return start
        return self._any_free(reserved, evidence) or self._void_or_again(reserved, None)

    def _any_free(self, reserved: Collection[int], evidence: Evidence | None) -> Suggestion | None:
        """Claim any point that no index has, after the suggested ones turned out to be taken."""
        space, claims = self.config.space, self._claims()
        known = {*reserved, *points.numbers_of(space, _tried(space, evidence))}
        for number, suggestion in self._others():
            is_free = claims.get(points.name_of(number), self.index) == self.index
            if is_free and number not in known and self._claim(number) == self.index:
                return suggestion
        return None

    def _void_or_again(
        self, reserved: Collection[int], wanted: Suggestion | None
    ) -> Suggestion | None:
        """Claim a point whose claim is void; else None if a claim is in doubt, else ``wanted``."""
        is_in_doubt = False
        claims = self._claims()
        for number, suggestion in self._all():
            holder = claims.get(points.name_of(number))
            if holder is None or number in reserved:
                continue
            held = self._point_of(holder)
            if held not in (None, number) and self._claim(number) == self.index:
                return suggestion
            is_in_doubt |= held is None
        return None if is_in_doubt else wanted

    def _reserved(self) -> set[int]:
        """Points taken before this config version, and the start points of its other indices."""
        place = self.index - self.offer.base
        later_starts = self.offer.start[:place] + self.offer.start[place + 1 :]
        return {*self.offer.taken, *points.numbers_of(self.config.space, later_starts)}

    def _others(self) -> Iterator[tuple[int, Suggestion]]:
        """Points drawn from their distributions, then all points."""
        drawn = (self.suggest(None, n) for n in range(registry.MODEL_TRIES, _MOST_DRAWS))
        return chain(((self._number_of(one), one) for one in drawn), self._all())

    def _all(self) -> Iterator[tuple[int, Suggestion]]:
        """All points, in a random order that depends on the index."""
        space = self.config.space
        if space.points is None:
            return
        key = f"{self.seed}:{self.index}:claims"
        for number in points.in_random_order(space.points.n_points, key):
            config = space.points.config_at(number)
            yield number, Suggestion(config, space.to_unit(config), registry.DRAWN)

    def _number_of(self, suggestion: Suggestion) -> int:
        number = _number_in(self.config.space, suggestion.config)
        if number is None:
            raise ValueError(f"{suggestion.config} is outside the space of its search")
        return number

    def _claims(self) -> Mapping[str, int]:
        return self.services.store.list_points(self.sweep, self.version)

    def _claim(self, number: int) -> int:
        """Claim a point for the index, and return the index that holds it afterwards."""
        store, name = self.services.store, points.name_of(number)
        holder = store.claim_point(self.sweep, self.version, name, self.index)
        if holder == self.index or self._point_of(holder) in (None, number):
            return holder
        return store.claim_point(self.sweep, self.version, name, self.index, holder)

    def _point_of(self, index: int) -> int | None:
        """The point of an index: -1 if it is outside the space, None if there is none yet."""
        space = self.config.space
        run = self.services.store.get_run(self.sweep, index)
        if run is not None:
            number = _number_in(space, run.config)
            return -1 if number is None else number
        lease = self.services.store.get_lease(self.sweep, index)
        if lease is None or lease.unit is None:
            return None
        return _number_in(space, space.from_unit(lease.unit))


def _number_in(space: SearchSpace, config: Mapping[str, Any]) -> int | None:
    """The number of a config among the points of a space; None if it is none of them."""
    return None if space.points is None else space.points.number_of(config)


def _with_pending(
    evidence: Evidence | None, holder: int, suggestion: Suggestion
) -> Evidence | None:
    """The evidence with a configuration added as pending, because another index holds it."""
    if evidence is None or suggestion.unit is None:
        return evidence
    return replace(evidence, pending=[*evidence.pending, Pending(holder, suggestion.unit)])


def _tried(space: SearchSpace, evidence: Evidence | None) -> Iterator[Mapping[str, Any]]:
    """The configurations of this sweep's own runs in the evidence."""
    if evidence is None:
        return
    own = (entry for entry in evidence.observations if entry.index < FIRST_PRIOR_INDEX)
    for unit in chain((entry.unit for entry in own), (run.unit for run in evidence.pending)):
        yield space.from_unit(unit)
