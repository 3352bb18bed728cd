"""Points: the configs of a finite space by number, and how a search keeps runs distinct.

The digits of a point's number are the indices of its values, in a mixed radix system whose radices
are the numbers of values. Parameters are sorted by path, and the last one varies fastest.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from sweep_service.model.space.distributions import QuantizedEndless
from sweep_service.model.space.search_space import Parameter, SearchSpace, look_up
from sweep_service.search.ordinals import from_digits, to_digits
from sweep_service.search.permutation import Permutation
from sweep_service.search.random_search import has_random_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.space.distributions import Finite

_LONGEST_NAME = 64


class Apart(Enum):
    """How a search keeps the configs of its runs distinct."""

    BY_INDEX = "by index"  #: Each index has a config of its own, or repeats are allowed.
    CLAIMED = "claimed"  #: An index claims its point of a finite space.
    COMPARED = "compared"  #: Configs of runs in progress are compared, in an infinite space.


def apart(config: SweepConfig) -> Apart:
    """How the search of a sweep keeps the configs of its runs distinct."""
    if config.method == "grid" or config.replacement:
        return Apart.BY_INDEX
    if config.space.n_points is not None:
        is_by_index = config.method == "random" and has_random_order(config.space)
        return Apart.BY_INDEX if is_by_index else Apart.CLAIMED
    if config.method == "random" and any(map(_is_real, config.space.searched)):
        return Apart.BY_INDEX  # two draws of a real number are practically never equal
    return Apart.COMPARED


def number_of(
    distributions: Sequence[Finite], space: SearchSpace, config: Mapping[str, Any]
) -> int | None:
    """The number of a config, ignoring other keys; None if it is not a point of the space.

    Args:
        distributions: Distribution of each parameter of the space, in order.
        space: The search space.
        config: A run config.
    """
    digits = []
    for parameter, distribution in zip(space.parameters, distributions, strict=True):
        digit = distribution.index_of(look_up(config, parameter.path))
        if digit is None:
            return None
        digits.append(digit)
    return from_digits(digits, [distribution.n_values for distribution in distributions])


def config_of(distributions: Sequence[Finite], space: SearchSpace, number: int) -> dict[str, Any]:
    """The config of a number: the inverse of ``number_of``."""
    digits = to_digits(number, [distribution.n_values for distribution in distributions])
    return space.config(
        distribution.value_at(digit)
        for distribution, digit in zip(distributions, digits, strict=True)
    )


def number_in(space: SearchSpace, config: Mapping[str, Any]) -> int | None:
    """The number of a config in a finite space; None if it is not a point of the space."""
    return number_of(finite_distributions(space), space, config)


def numbers_of(space: SearchSpace, configs: Iterable[Mapping[str, Any]]) -> list[int]:
    """The numbers of those configs that are points of a finite space, in the configs' order."""
    distributions = finite_distributions(space)
    numbers = (number_of(distributions, space, config) for config in configs)
    return [number for number in numbers if number is not None]


def finite_distributions(space: SearchSpace) -> Sequence[Finite]:
    """The distributions of a finite space's parameters, in order."""
    return [cast("Finite", parameter.distribution) for parameter in space.parameters]


def name_of(number: int) -> str:
    """The key of a point in the store, of bounded length for a space of any size."""
    name = f"{number:x}"
    return name if len(name) <= _LONGEST_NAME else hashlib.sha256(name.encode()).hexdigest()


def in_random_order(n_points: int, key: str) -> Iterator[int]:
    """The numbers of all points of a space, in an order that depends on the key alone."""
    return map(Permutation(n_points, key), range(n_points))


def _is_real(parameter: Parameter) -> bool:
    distribution = parameter.distribution
    return distribution.n_values is None and not isinstance(distribution, QuantizedEndless)
