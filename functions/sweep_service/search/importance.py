"""Importance: how much of the variation of a metric each parameter explains on its own.

The runs are grouped by the value of a parameter, or by quarters of its range if it has many values.
The share is the fraction of the variance of the values' ranks that the groups explain, corrected
for what as many groups explain by chance (epsilon squared). For a parameter without effect it is 0
on average, however few runs there are. Groups with fewer than three runs are ignored, so a
parameter that was the same in nearly all runs has no share.

Shares overlap if good values of several parameters were tried together, as bayes does.

A share is *clear* when it is larger than the largest of all parameters' shares in 95 of 100 random
rearrangements of the values. Ranks are used instead of values so that a diverged
run does not dominate.

References:
    Kelley (1935), An unbiased correlation ratio measure, PNAS 21(9).
    Westfall and Young (1993), Resampling-based multiple testing, section 2.3: the largest of all
        statistics under rearrangement.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from sweep_service.model.space.distributions import identity
from sweep_service.search.ranks import ranks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.space.search_space import Parameter, SearchSpace

#: Minimum number of runs.
FEWEST_RUNS = 8
#: Maximum number of runs; more cost time and add little.
MOST_RUNS = 400
_FEWEST_IN_A_GROUP = 3
_MOST_GROUPS = 6
_N_QUARTERS = 4
_N_REARRANGEMENTS = 99
_LEVEL = 0.05

#: Positions of the runs in each group.
Groups = list[list[int]]


@dataclass(frozen=True, slots=True)
class Importance:
    """The importance of one parameter.

    Attributes:
        parameter: Dotted path of the parameter.
        share: Share of the metric's variation, in [0, 1]; None if too few runs differ in it.
        is_clear: Whether the share is significant at the 95% level.
    """

    parameter: str
    share: float | None
    is_clear: bool


def importance(
    space: SearchSpace, runs: Sequence[tuple[Mapping[str, Any], float]]
) -> list[Importance]:
    """The searched parameters by descending importance.

    Args:
        space: The search space.
        runs: Configuration and finite metric value of each run, oldest first; of more than
            ``MOST_RUNS`` only the newest are used.
    """
    runs = runs[-MOST_RUNS:]
    ranked = ranks([value for _, value in runs])
    configs = [config for config, _ in runs]
    judged = {
        parameter.name: groups
        for parameter in space.searched
        if len(runs) >= FEWEST_RUNS and len(groups := _groups(parameter, configs)) > 1
    }
    shares = {name: _share(groups, ranked) for name, groups in judged.items()}
    largest = sorted(_largest_by_chance(list(judged.values()), ranked))
    found = [
        Importance(
            parameter.name,
            max(0.0, shares[parameter.name]) if parameter.name in shares else None,
            parameter.name in shares and _chance(shares[parameter.name], largest) <= _LEVEL,
        )
        for parameter in space.searched
    ]
    return sorted(found, key=lambda entry: -1.0 if entry.share is None else entry.share)[::-1]


def _groups(parameter: Parameter, configs: Sequence[Mapping[str, Any]]) -> Groups:
    """Group the runs by value or range of values, leaving out groups that are too small."""
    values = {number: parameter.read(config) for number, config in enumerate(configs)}
    values = {n: value for n, value in values.items() if parameter.distribution.contains(value)}
    by_value: defaultdict[Any, list[int]] = defaultdict(list)
    for number, value in values.items():
        by_value[identity(value)].append(number)
    groups = list(by_value.values())
    if len(groups) > _MOST_GROUPS and parameter.distribution.kind != "categorical":
        groups = _quarters({n: parameter.distribution.to_unit(v) for n, v in values.items()})
    large = [group for group in groups if len(group) >= _FEWEST_IN_A_GROUP]
    return large if sum(map(len, large)) >= FEWEST_RUNS else []


def _quarters(units: Mapping[int, float]) -> Groups:
    """Four groups of equal size, except that runs with equal values stay together."""
    ordered = sorted(units.values())
    edges = [ordered[len(ordered) * quarter // _N_QUARTERS] for quarter in range(1, _N_QUARTERS)]
    groups: Groups = [[] for _ in range(_N_QUARTERS)]
    for number, unit in units.items():
        groups[bisect_right(edges, unit)].append(number)
    return groups


def _share(groups: Groups, ranks: Sequence[float]) -> float:
    """Epsilon squared: 1 - (variance within groups) / (variance of all), both unbiased."""
    numbers = [number for group in groups for number in group]
    n, k = len(numbers), len(groups)
    total = sum(ranks[number] for number in numbers)
    squares = sum(ranks[number] ** 2 for number in numbers)
    between = sum(sum(ranks[number] for number in group) ** 2 / len(group) for group in groups)
    all_of_it = squares - total**2 / n
    if all_of_it <= 0 or n <= k:
        return 0.0
    return 1.0 - (squares - between) / (n - k) * (n - 1) / all_of_it


def _largest_by_chance(judged: Sequence[Groups], ranks: Sequence[float]) -> list[float]:
    """The largest share of any parameter in each random rearrangement of the values."""
    if not judged:
        return []
    random, rearranged = Random(0), list(ranks)  # noqa: S311  the same for the same runs
    largest = []
    for _ in range(_N_REARRANGEMENTS):
        random.shuffle(rearranged)
        largest.append(max(_share(groups, rearranged) for groups in judged))
    return largest


def _chance(share: float, largest: Sequence[float]) -> float:
    """The fraction of rearrangements that reach this share; ``largest`` is ascending."""
    n_smaller = len([entry for entry in largest if entry < share])
    return (1 + len(largest) - n_smaller) / (1 + len(largest))
