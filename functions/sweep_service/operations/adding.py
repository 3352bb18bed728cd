"""Adding points: users queue configurations to be handed out next, each once.

The points are put before the ``start`` configs of a new version of the same config, which begins
with the next index. So an index alone determines its point, and the version is only saved if no
index has been given out since the taken points were computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.errors import Busy, NotPossible, Stale
from sweep_service.model.language.report import Report
from sweep_service.model.language.start import read_start
from sweep_service.model.records.records import Base
from sweep_service.model.records.states import SweepState
from sweep_service.operations.choosing import choose_all
from sweep_service.operations.sweeps import get_sweep, smaller
from sweep_service.operations.update import add_version
from sweep_service.operations.versions import queued_points, work_out_taken
from sweep_service.search import registry
from sweep_service.search.points import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.language.problems import Problem
    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.operations.services import Services
    from sweep_service.search.offer import Offer

_TRIES = 8
#: Limited because every ask reads and writes the status of the sweep, which lists the versions.
_MOST_VERSIONS = 200


@dataclass(frozen=True, slots=True)
class AddedPoint:
    """The result for a point to add.

    Attributes:
        index: Index with which it will be handed out unless more points are added before it; None
            if it was handed out before, counts as done, or already waits.
    """

    config: Mapping[str, Any]
    index: int | None


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding points; ``warnings`` name the values that were filled in."""

    points: Sequence[AddedPoint]
    sweep_state: SweepState
    warnings: Sequence[Problem] = ()

    @property
    def n_added(self) -> int:
        """Number of points that wait and did not wait before."""
        return sum(point.index is not None for point in self.points)


def add_points(services: Services, sweep: str, configs: Sequence[Any], *, is_front: bool) -> Added:
    """Queue points to be handed out next; those handed out before or waiting change nothing.

    Args:
        services: The backend's services.
        sweep: The sweep's id.
        configs: Values of the parameters; those with a single value may be left out.
        is_front: Whether to put them before points that were added earlier and still wait.

    Raises:
        NotFound: No such sweep.
        InvalidConfig: A config is outside the space; the error names every problem.
        NotPossible: The sweep is canceled, or its run cap leaves too few runs.
        Busy: Runs are handed out faster than the remaining points can be computed.
    """
    for _ in range(_TRIES):
        view = get_sweep(services, sweep)
        seen, config = view.counter, view.loaded.config
        if seen.state is SweepState.CANCELED:
            raise NotPossible(f"cannot add points to sweep {sweep}: it is canceled")
        report = Report()
        new = read_start(configs, config.space, config.method == "grid", ("configs",), report)
        report.raise_errors()
        waiting = queued_points(services, sweep, seen)
        known = {key_of(config.space, point) for point in waiting}
        extended = config.with_added((*new, *waiting) if is_front else (*waiting, *new))
        choose_all(services, sweep, seen)
        bases = (*seen.bases, Base(seen.version + 1, seen.next_index))
        taken = work_out_taken(services, sweep, extended, bases, seen.seed)
        offer = registry.offer_of(extended, seen.next_index, taken)
        added = Added(_placed(config, new, known, offer), seen.state, report.warnings)
        if not added.n_added:
            return added
        _check_room(extended, offer, seen.run_cap, len(seen.bases))
        try:
            add_version(services.store, view, extended, seen.run_cap, taken)
        except Stale:
            continue
        return added
    raise Busy(f"runs of sweep {sweep} are handed out too fast to add points: pause it meanwhile")


def _placed(
    config: SweepConfig, new: Sequence[Mapping[str, Any]], known: set[str], offer: Offer
) -> list[AddedPoint]:
    """The index with which each point will be handed out."""
    places = {key_of(config.space, p): n for n, p in enumerate(offer.start[: offer.n_added])}
    placed = []
    for point in new:
        key = key_of(config.space, point)
        is_new = key in places and key not in known
        placed.append(AddedPoint(point, offer.base + places[key] if is_new else None))
    return placed


def _check_room(config: SweepConfig, offer: Offer, run_cap: int | None, n_versions: int) -> None:
    """Check that all waiting points will be handed out.

    Raises:
        NotPossible: There is not enough room.
    """
    limit = smaller(registry.last_index(config, offer), run_cap)
    n_left = None if limit is None else max(0, limit - offer.base)
    if n_left is not None and n_left < offer.n_added:
        raise NotPossible(
            f"run_cap: found {run_cap}; {offer.base} runs have been handed out, so there is room"
            f" for {n_left} of {offer.n_added} points: raise it first"
        )
    if n_versions >= _MOST_VERSIONS:
        raise NotPossible(
            f"points have been added, or the config changed, {n_versions} times; register a new"
            " sweep, and add many points with one request"
        )
