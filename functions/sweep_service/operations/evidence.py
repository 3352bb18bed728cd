"""Evidence: the ended runs and the runs in progress that a model-based method learns from.

A warm function caches the observations and only reads the tail of the log again. Entries are keyed
by time of writing and can arrive out of order, so the last minute is always read again. Correctness
does not depend on clocks: if an index that should have ended is missing, the whole log is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sweep_service.model.records.states import RunState
from sweep_service.operations.judging import Judge
from sweep_service.operations.metrics import last_reported
from sweep_service.operations.services import remember
from sweep_service.search import registry
from sweep_service.search.suggestion import Evidence, Pending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from sweep_service.model.records.records import Lease, LiveSummary, Observation, SweepStatus
    from sweep_service.model.space.search_space import SearchSpace
    from sweep_service.operations.services import Services

REREAD_SECONDS = 60.0


def gather_evidence(
    services: Services, sweep: str, counter: SweepStatus, leases: Sequence[Lease], index: int
) -> Evidence | None:
    """Observations and pending runs for a suggestion at ``index``; None if the method uses none.

    All use the metric and the unit cube of the config version of ``index``: unit vectors of earlier
    versions are translated. For configurations outside the present space only the index is kept,
    since the model cannot represent them and the search cannot suggest them.
    """
    version = counter.version_of(index)
    config = services.load_config(sweep, version).config
    if not registry.needs_evidence(config.method):
        return None
    judge = Judge(services, sweep, counter, config.metric)
    given_out = set(range(index)) - {lease.index for lease in leases}
    amended = {lease.index: lease.revision for lease in leases}
    observations = [
        entry
        for entry in judge.observations(load_observations(services, sweep, given_out))
        if entry.revision >= amended.get(entry.index, 0)  # an older one was amended away
    ]
    ended = {observation.index for observation in observations}
    translate = _Translator(services, sweep, version)
    known = [
        replace(entry, unit=unit, config_version=version)
        for entry in observations
        if entry.state is not RunState.DELETED
        if (unit := translate(entry.unit, entry.config_version)) is not None
    ]
    working = [
        lease
        for lease in leases
        if lease.unit is not None and lease.index != index and lease.index not in ended
    ]
    pending = [
        _pending(lease, judge.live_of(lease), unit)
        for lease in working
        if (unit := translate(lease.unit, counter.version_of(lease.index))) is not None
    ]
    elsewhere = ended | {lease.index for lease in working}
    elsewhere -= {entry.index for entry in known}
    elsewhere -= {run.index for run in pending}
    return Evidence(known, pending, elsewhere)


def _pending(lease: Lease, live: LiveSummary, unit: tuple[float, ...]) -> Pending:
    """A pending run; one that was given back starts again, so its reported values do not count."""
    if lease.is_released:
        return Pending(lease.index, unit)
    return Pending(lease.index, unit, live.best, last_reported(live))


def load_observations(
    services: Services, sweep: str, ended: Set[int] = frozenset()
) -> Sequence[Observation]:
    """All observations of a sweep by index, each of the latest revision of its run.

    A warm function reads the tail of the log. If clocks disagree, an entry can lie before the tail;
    so the whole log is read once for each index that should have ended and is missing.

    Args:
        services: The backend's services, with the cached observations.
        sweep: The sweep's id.
        ended: Indices whose runs should have ended: given out, and without a lease.
    """
    known = services.observations.get(sweep, {})
    newest = max((entry.written_at for entry in known.values()), default=0.0)
    merged = _read_log(services, sweep, known, newest - REREAD_SECONDS)
    missing = frozenset(ended - merged.keys())
    if known and not missing <= services.unobserved.get(sweep, frozenset()):
        merged = _read_log(services, sweep, merged, -REREAD_SECONDS)
        missing -= merged.keys()
    remember(services.observations, sweep, merged)
    remember(services.unobserved, sweep, missing)
    return [merged[index] for index in sorted(merged)]


def _read_log(
    services: Services, sweep: str, known: Mapping[int, Observation], since: float
) -> dict[int, Observation]:
    """The known observations and those logged since, as a new dict: others may hold the old one."""
    merged = dict(known)
    for entry in services.store.list_observations(sweep, since):
        stored = merged.get(entry.index)
        if stored is None or entry.revision > stored.revision:
            merged[entry.index] = entry
    return merged


@dataclass(frozen=True, slots=True)
class _Translator:
    """Turns unit vectors of other config versions into those of ``version``."""

    services: Services
    sweep: str
    version: int

    def __call__(self, unit: tuple[float, ...] | None, version: int) -> tuple[float, ...] | None:
        if unit is None or version == self.version:
            return unit
        config = self._space(version).from_unit(unit)
        try:
            return self._space(self.version).to_unit(config)
        except ValueError:
            return None

    def _space(self, version: int) -> SearchSpace:
        return self.services.load_config(self.sweep, version).config.space
