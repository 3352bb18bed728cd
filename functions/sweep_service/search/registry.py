"""The search methods by name; each is imported when a sweep first uses it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import InvalidConfig
from sweep_service.installation import install_hint
from sweep_service.model.language.problems import Problem
from sweep_service.model.records.records import Taken
from sweep_service.model.space.distributions import fresh
from sweep_service.search import grid, points, random_search
from sweep_service.search.offer import Offer, first_offer
from sweep_service.search.ordinals import first_entries
from sweep_service.search.points import Apart, apart, key_of
from sweep_service.search.suggestion import Evidence, Suggestion
from sweep_service.wire.model import SweepModel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from types import ModuleType

    from sweep_service.model.language.sweep_config import SweepConfig


#: Number of attempts of bayes to find a free configuration with its model.
MODEL_TRIES = 4
ADDED = {"reason": "added by hand"}
DRAWN = {"reason": "drawn at random: others have the configurations that the model wants"}
_NEEDS_NUMPY = f"needs numpy: {install_hint('local')} installs it"


def n_points(config: SweepConfig) -> int | None:
    """Number of runs that the search can offer; None if it is infinite.

    This is the number of points of a grid and, for random and bayes, of a finite space unless
    points may be repeated.
    """
    if config.method == "grid":
        return config.space.grid.n_points
    return None if config.replacement else config.space.n_points


def offer_of(config: SweepConfig, base: int, taken: Taken) -> Offer:
    """The offer of a config version that begins at index ``base``."""
    starts = enumerate(config.start)
    left = tuple(start for place, start in starts if place not in taken.starts)
    n_added = sum(place not in taken.starts for place in range(config.n_added))
    return Offer(base, left, taken.points, n_added)


def taken_of(config: SweepConfig, seed: int, configs: Collection[Mapping[str, Any]]) -> Taken:
    """The points of a config version that are taken if ``configs`` have been run before it."""
    numbers = _numbers(config, seed, configs)
    starts = (
        place
        for place, start in enumerate(config.start)
        if start in configs or not numbers.isdisjoint(_numbers(config, seed, [start]))
    )
    return Taken(tuple(starts), tuple(sorted(numbers)))


def taken_after(config: SweepConfig, seed: int, taken: Taken, n_runs: int) -> Taken | None:
    """The points taken for a next version of the same space after ``n_runs`` runs of this one.

    None if the search is not a function of the index alone.
    """
    if apart(config) is not Apart.BY_INDEX or needs_evidence(config.method):
        return None
    starts = [place for place in range(len(config.start)) if place not in taken.starts]
    first = [number for place in starts for number in _numbers(config, seed, [config.start[place]])]
    numbers: Iterable[int] = ()
    if n_points(config) is not None:
        numbers = first_entries(first, n_runs, taken.points)
    return replace(
        taken,
        starts=tuple(sorted({*taken.starts, *starts[:n_runs]})),
        points=tuple(sorted({*taken.points, *numbers})),
    )


def with_other_starts(earlier: SweepConfig, config: SweepConfig, seed: int, taken: Taken) -> Taken:
    """What is taken of ``config``, which has the space of ``earlier`` and other start configs."""
    run = [earlier.start[place] for place in taken.starts]
    starts = (
        place
        for place, start in enumerate(config.start)
        if start in run or not _numbers(config, seed, [start]).isdisjoint(taken.points)
    )
    return replace(taken, starts=tuple(starts))


def without_repeats(config: SweepConfig, taken: Taken) -> Taken:
    """The same, and of start configs that are alike all but the first."""
    first: dict[str, int] = {}
    starts = set(taken.starts)
    for place, start in enumerate(config.start):
        if place not in starts and first.setdefault(key_of(config.space, start), place) != place:
            starts.add(place)
    return replace(taken, starts=tuple(sorted(starts)))


def with_elsewhere(
    config: SweepConfig, seed: int, taken: Taken, configs: Collection[Mapping[str, Any]]
) -> Taken:
    """The taken points with those of ``configs`` added, which were run elsewhere."""
    others = taken_of(config, seed, configs)
    elsewhere = {*taken.elsewhere, *others.points} - ({*taken.points} - {*taken.elsewhere})
    return Taken(
        starts=tuple(sorted({*taken.starts, *others.starts})),
        points=tuple(sorted({*taken.points, *others.points})),
        elsewhere=tuple(sorted(elsewhere)),
    )


def configs_elsewhere(config: SweepConfig, seed: int, taken: Taken) -> list[Mapping[str, Any]]:
    """The configs run elsewhere, and the start configs run by earlier versions."""
    return [
        *(config.start[place] for place in taken.starts),
        *(_config_at(config, seed, number) for number in taken.elsewhere),
    ]


def last_index(config: SweepConfig, offer: Offer) -> int | None:
    """The index at which the offer of a version ends (exclusive); None if it is infinite."""
    most = n_points(config)
    return None if most is None else offer.base + most - len(offer.taken)


def _numbers(config: SweepConfig, seed: int, configs: Collection[Mapping[str, Any]]) -> set[int]:
    """The positions of configs in the order in which the method enumerates a finite space.

    Where points are claimed there is no such order, and the numbers of the points are used.
    """
    if not configs or n_points(config) is None:
        return set()
    if config.method == "grid":
        return set(config.space.grid.numbers_of(configs))
    if apart(config) is Apart.CLAIMED:
        return set(points.numbers_of(config.space, configs))
    return set(random_search.RandomOrder(config.space, seed).positions_of(configs))


def _config_at(config: SweepConfig, seed: int, number: int) -> Mapping[str, Any]:
    """The config of a number: the inverse of ``_numbers``."""
    if config.method == "grid":
        return config.space.grid.config_at(number)
    if apart(config) is Apart.CLAIMED and config.space.points is not None:
        return config.space.points.config_at(number)
    return random_search.RandomOrder(config.space, seed).config_at(number)


def needs_evidence(method: str) -> bool:
    """Whether suggestions depend on the results of other runs."""
    return method == "bayes"


def check_available(method: str) -> None:
    """Check that this backend can run a search method.

    Raises:
        InvalidConfig: A dependency is missing; the message says what to install.
    """
    if method == "bayes":
        _bayes()


def suggest(
    config: SweepConfig,
    index: int,
    seed: int,
    evidence: Evidence | None = None,
    offer: Offer | None = None,
    n_refused: int = 0,
) -> Suggestion:
    """The config of the run at ``index``.

    Pure: equal arguments give equal suggestions, and no argument is modified.

    Args:
        config: The sweep's config.
        index: Position of the run in the sweep, from 0; below ``n_points`` if that is finite.
        seed: The sweep's seed.
        evidence: Results of other runs, for methods that need them.
        offer: Offer of the config version; by default that of the first version.
        n_refused: Number of suggestions for this index that were already taken. Bayes uses its
            model, whose evidence should include these, for the first ``MODEL_TRIES`` suggestions
            and draws at random after that.

    Raises:
        IndexError: The search has no more than ``index`` points.
        InvalidConfig: The method is not available in this backend.
    """
    offer = offer or first_offer(config)
    if index - offer.base < offer.n_added and not n_refused:
        return _added(config, index, offer)
    if config.method == "grid":
        return grid.suggest(config, index, offer)
    if config.method == "random":
        return random_search.suggest(config, index, seed, offer, n_refused)
    if index - offer.base < len(offer.start) and not n_refused:
        return _start(config, index, offer)
    if n_refused >= MODEL_TRIES:
        drawn = random_search.draw(config.space, f"{seed}:{index}:{n_refused}")
        return Suggestion(drawn, config.space.to_unit(drawn), DRAWN)
    if not config.space.searched:  # a single config: there is nothing to model
        return Suggestion(config.space.sample(()), ())
    suggestion: Suggestion = _bayes().suggest(config, index, seed, evidence or Evidence())
    return suggestion


def explain(
    config: SweepConfig, seed: int, evidence: Evidence, pair: tuple[str, str] | None
) -> SweepModel:
    """Predictions of a model of the sweep's runs, or why there is none; for every method.

    Args:
        config: The sweep's config.
        seed: The sweep's seed.
        evidence: What the runs gave.
        pair: Names of two searched parameters over which to show it; None for none.
    """
    metric = config.metric
    if metric is None:
        return SweepModel(None, None, reason_missing="the sweep has no metric to model")
    missing = SweepModel(metric.name, metric.goal)
    if not config.space.searched:
        return replace(missing, reason_missing="no parameter has more than one value")
    try:
        from sweep_service.search.bayes import explanation
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        return replace(missing, reason_missing=f"a model {_NEEDS_NUMPY}")
    return explanation.explain(missing, config, seed, evidence, pair)


def _added(config: SweepConfig, index: int, offer: Offer) -> Suggestion:
    point = fresh(offer.start[index - offer.base])
    unit = config.space.to_unit(point) if needs_evidence(config.method) else None
    return Suggestion(point, unit, ADDED)


def _start(config: SweepConfig, index: int, offer: Offer) -> Suggestion:
    start = random_search.suggest(config, index, 0, offer)
    record = {"start": index - offer.base}
    return Suggestion(start.config, config.space.to_unit(start.config), record)


def _bayes() -> ModuleType:
    """Import the bayes method on first use, since it alone needs numpy."""
    try:
        from sweep_service.search.bayes import method
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise InvalidConfig([Problem("method", f"bayes {_NEEDS_NUMPY}")]) from None
    return method
