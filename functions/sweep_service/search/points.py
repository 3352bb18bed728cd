"""Points: the configs of a finite space by number, and how a search keeps runs distinct."""

from __future__ import annotations

import hashlib
import json
from enum import Enum
from typing import TYPE_CHECKING, Any

from sweep_service.model.space.distributions import QuantizedEndless, identity
from sweep_service.model.space.paths import MISSING
from sweep_service.search.permutation import Permutation
from sweep_service.search.random_search import has_random_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.space.search_space import Parameter, SearchSpace

_LONGEST_NAME = 64


class Apart(Enum):
    """How a search keeps the configs of its runs distinct."""

    BY_INDEX = "by index"  #: Each index has a config of its own, or repeats are allowed.
    CLAIMED = "claimed"  #: An index claims its point of a finite space.
    COMPARED = "compared"  #: Configs of runs in progress are compared, in an infinite space.


def key_of(space: SearchSpace, config: Mapping[str, Any]) -> str:
    """A text that is the same for configs with the same values, and for no others."""
    values = (parameter.read(config) for parameter in space.searched)
    return json.dumps([None if value is MISSING else identity(value) for value in values])


def apart(config: SweepConfig) -> Apart:
    """How the search of a sweep keeps the configs of its runs distinct."""
    if config.method == "grid" or config.replacement:
        return Apart.BY_INDEX
    if config.space.n_points is not None:
        is_by_index = config.method == "random" and has_random_order(config.space)
        return Apart.BY_INDEX if is_by_index else Apart.CLAIMED
    always_active = (p for p in config.space.searched if not p.when)
    if config.method == "random" and any(map(_is_real, always_active)):
        return Apart.BY_INDEX  # two draws of a real number are practically never equal
    return Apart.COMPARED


def numbers_of(space: SearchSpace, configs: Iterable[Mapping[str, Any]]) -> list[int]:
    """The numbers of those configs that are points of the space; none if it is endless."""
    return [] if space.points is None else space.points.numbers_of(configs)


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
