"""Import: results from elsewhere become observations and, in a finite space, points done."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter as Tally
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.errors import Busy, NotPossible, Stale
from sweep_service.model.records.records import Base, Observation, Taken
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.model.space.distributions import identity
from sweep_service.operations.choosing import choose_all
from sweep_service.operations.evidence import load_observations
from sweep_service.operations.reconcile import reconcile
from sweep_service.operations.sweeps import get_sweep
from sweep_service.operations.update import add_version
from sweep_service.operations.versions import work_out_taken
from sweep_service.search import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.operations.services import Services
    from sweep_service.operations.sweeps import SweepView

#: Lowest index for observations of imported results, above those of prior runs.
FIRST_IMPORTED_INDEX = 10**15
_N_INDICES = 2**62
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Result:
    """A configuration that was run elsewhere.

    Attributes:
        config: Values of the sweep's parameters.
        value: Value of the sweep's metric: NaN if the run diverged, None if unknown.
    """

    config: Mapping[str, Any]
    value: float | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A result that could not be used; ``place`` is its position, counted from 0."""

    place: int
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """Outcome of an import.

    Attributes:
        n_observed: Number of new observations.
        n_done: Number of points that newly count as done.
        n_known: Number of results that were known already.
        left_out: Results that could not be used, with reasons.
    """

    n_observed: int
    n_done: int
    n_known: int
    left_out: Sequence[LeftOut]


def import_results(
    services: Services, sweep: str, results: Sequence[Result], *, is_dry_run: bool
) -> Imported:
    """Import results into a sweep. Importing the same results again changes nothing.

    Raises:
        NotFound: No such sweep.
        NotPossible: The sweep is canceled, or its method cannot use results.
        Busy: Runs are handed out faster than the remaining points can be computed.
    """
    for _ in range(_TRIES):
        view = get_sweep(services, sweep)
        _check_use(view)
        if not is_dry_run:
            choose_all(services, sweep, view.counter)
        news = _news(services, sweep, view, results)
        if is_dry_run:
            return news.imported
        for observation in news.observations:
            services.store.append(sweep, observation.index, observation)
        if news.taken is None:
            return news.imported
        try:
            add_version(services.store, view, view.loaded.config, view.counter.run_cap, news.taken)
        except Stale:
            continue
        reconcile(services, sweep)
        return news.imported
    raise Busy(f"runs of sweep {sweep} are handed out too fast for an import: pause it meanwhile")


def _check_use(view: SweepView) -> None:
    if view.counter.state is SweepState.CANCELED:
        raise NotPossible(f"cannot import into sweep {view.sweep}: it is canceled")
    config = view.loaded.config
    if not registry.needs_evidence(config.method) and registry.n_points(config) is None:
        raise NotPossible(
            f"sweep {view.sweep} is a random search with infinitely many points: results add"
            " nothing; they are of use to bayes and to finite spaces"
        )


@dataclass(frozen=True, slots=True)
class _News:
    """Results that were not known before.

    Attributes:
        taken: All taken points including the imported ones; None if unchanged.
    """

    observations: Sequence[Observation]
    taken: Taken | None
    imported: Imported


def _news(services: Services, sweep: str, view: SweepView, results: Sequence[Result]) -> _News:
    config, counter = view.loaded.config, view.counter
    usable, left_out = _usable(config, results)
    observations: list[Observation] = []
    if registry.needs_evidence(config.method):
        known = {entry.index for entry in load_observations(services, sweep)}
        now, version = services.clock(), counter.version
        every = _observations(config, usable, version, now)
        observations = [entry for entry in every if entry.index not in known]
    taken, n_done = None, 0
    if registry.n_points(config) is not None:
        bases = (*counter.bases, Base(counter.version + 1, counter.next_index))
        before = work_out_taken(services, sweep, config, bases, counter.seed)
        configs = [result.config for result in usable]
        after = registry.with_elsewhere(config, counter.seed, before, configs)
        n_done = len(after.points) - len(before.points)
        taken = after if n_done else None
    n_new = len(observations) if registry.needs_evidence(config.method) else n_done
    imported = Imported(len(observations), n_done, len(usable) - n_new, left_out)
    return _News(observations, taken, imported)


def _usable(config: SweepConfig, results: Sequence[Result]) -> tuple[list[Result], list[LeftOut]]:
    """Usable results, with constant parameters filled in, and those outside the space."""
    usable: list[Result] = []
    left_out: list[LeftOut] = []
    for place, result in enumerate(results):
        full = config.space.completed(result.config)
        try:
            config.space.check_contains(full, is_grid=config.method == "grid")
        except ValueError as error:
            left_out.append(LeftOut(place, str(error)))
            continue
        if registry.needs_evidence(config.method) and result.value is None:
            left_out.append(LeftOut(place, "it has no value of the sweep's metric"))
        else:
            usable.append(Result(full, result.value))
    return usable, left_out


def _observations(
    config: SweepConfig, results: Sequence[Result], version: int, now: float
) -> Iterator[Observation]:
    """One observation per result, under an index derived from the result alone."""
    n_seen: Tally[str] = Tally()
    for result in results:
        name = _name(config, result)
        n_seen[name] += 1
        digest = hashlib.sha256(f"{n_seen[name]}:{name}".encode()).digest()
        yield Observation(
            index=FIRST_IMPORTED_INDEX + int.from_bytes(digest[:8], "big") % _N_INDICES,
            config_version=version,
            unit=config.space.to_unit(result.config),
            value=math.nan if result.value is None else result.value,
            state=RunState.FINISHED,
            is_stopped_early=False,
            written_at=now,
        )


def _name(config: SweepConfig, result: Result) -> str:
    """Identity of a result: its searched values and its metric value."""
    values = (parameter.read(result.config) for parameter in config.space.searched)
    return json.dumps([*map(identity, values), repr(result.value)])
