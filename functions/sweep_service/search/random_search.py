"""Random search: reproducible from seed and index, and without replacement in a finite space.

In an infinite space, runs are drawn independently. The quantiles of run i come from a generator
seeded with ``seed`` and i.

A finite space is enumerated in random order, so that every config occurs once. The parameters are
divided into two groups: those whose values are equally likely, with n_even combinations in total,
and the weighted ones (with probabilities, repeated values, or rounding to multiples of q), with
n_weighted combinations. Run i belongs to round i // n_even. Each round visits every even
combination once, in the order of a keyed permutation. Each even combination has its own random
order of the weighted combinations and is paired with the next of them in each round. That order
is drawn by weight without replacement, by sorting exponential variables:

    key_j = E_j / w_j,  E_j ~ Exp(1),  in increasing order    (Efraimidis and Spirakis 2006,
    algorithm A-ES, with key = -log(u^(1/w)))

Therefore configs of the first round follow the distribution exactly, and in practice few sweeps
need a second round. A draw costs O(n_weighted). With more than ``LARGEST_RACE`` weighted
combinations, these are drawn independently instead: the distribution is kept, but after the first
round a config may repeat, and the caller draws again if a config is taken (see ``points``).

References:
    Efraimidis and Spirakis (2006), Weighted random sampling with a reservoir, Information
        Processing Letters 97(5).
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any, cast

from sweep_service.errors import NotPossible
from sweep_service.model.space.distributions import fresh
from sweep_service.model.space.distributions.base import bin_of
from sweep_service.model.space.enumeration import from_digits, to_digits
from sweep_service.search.offer import first_offer
from sweep_service.search.ordinals import with_first
from sweep_service.search.permutation import Permutation
from sweep_service.search.suggestion import Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.space.distributions import Finite
    from sweep_service.model.space.search_space import Parameter, SearchSpace
    from sweep_service.search.offer import Offer

LARGEST_RACE = 2**15
#: Maximum number of draws of one config in a space with constraints.
_MOST_DRAWS = 20_000


def suggest(
    config: SweepConfig, index: int, seed: int, offer: Offer | None = None, n_refused: int = 0
) -> Suggestion:
    """The config of the run at ``index``: the start configs first, then random ones.

    In a finite space with a random order, configs that earlier config versions handed out are
    left out. In other spaces, each value of ``n_refused`` draws another config.

    Raises:
        IndexError: The space has a random order, and no config is left for ``index``.
    """
    offer = offer or first_offer(config)
    space, place = config.space, index - offer.base
    if place < len(offer.start) and not n_refused:
        return Suggestion(fresh(offer.start[place]))
    key = f"{seed}:{index}:{n_refused}" if n_refused else f"{seed}:{index}"
    if space.n_points is None or config.replacement or not space.is_plain:
        return Suggestion(draw(space, key))
    order = RandomOrder(space, seed)
    if not has_random_order(space):
        return Suggestion(order.draw(index, key))
    position = with_first(order.positions_of(offer.start), place, offer.taken)
    if position >= space.n_points:
        raise IndexError(f"the space has {space.n_points} points, and none is left for {index}")
    return Suggestion(order.config_at(position))


def has_random_order(space: SearchSpace) -> bool:
    """Whether a finite space is plain, with few enough weighted combinations to be ordered."""
    if not space.is_plain:
        return False
    radices = [_distribution(p).n_values for p in space.searched if not _distribution(p).is_uniform]
    return math.prod(radices) <= LARGEST_RACE


def draw(space: SearchSpace, key: str) -> dict[str, Any]:
    """Draw each parameter independently from its distribution, until the constraints are met.

    If hardly any config of a finite space meets them, one of its points is drawn instead.

    Raises:
        NotPossible: No config was found that meets the constraints.
    """
    random = _uniforms(key)
    for _ in range(_MOST_DRAWS):
        config = space.sample([random() for _ in space.searched])
        if space.violated(config) is None:
            return config
    if not space.n_points or space.points is None:
        constraints = ", ".join(constraint.text for constraint in space.constraints)
        raise NotPossible(f"no config was found that meets the constraints: {constraints}")
    return space.points.config_at(bin_of(random(), space.n_points))


def _uniforms(key: str) -> Callable[[], float]:
    """A generator of uniform numbers in [0, 1), seeded by the key alone."""
    return Random(key).random  # noqa: S311  # reproducible by design, no secret depends on it


class RandomOrder:
    """All configs of a finite space in the random order of a seed."""

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._even = [p for p in space.searched if _distribution(p).is_uniform]
        self._weighted = [p for p in space.searched if not _distribution(p).is_uniform]
        self._even_radices = [_distribution(p).n_values for p in self._even]
        self._weighted_radices = [_distribution(p).n_values for p in self._weighted]
        self._n_even = math.prod(self._even_radices)
        self._permutation = Permutation(self._n_even, f"{seed}:order")

    def config_at(self, position: int) -> dict[str, Any]:
        """The config at a position in [0, n_points) of a space that has a random order."""
        round_number, slot = divmod(position, self._n_even)
        even = self._permutation(slot)
        weighted = self._race(even)[round_number] if self._weighted else 0
        return self._config(even, to_digits(weighted, self._weighted_radices))

    def draw(self, position: int, key: str) -> dict[str, Any]:
        """The config at a position, its weighted group drawn independently by ``key``."""
        random = _uniforms(key)
        weighted = [_index_of(p, _distribution(p).sample(random())) for p in self._weighted]
        return self._config(self._permutation(position % self._n_even), weighted)

    def _config(self, even: int, weighted: list[int]) -> dict[str, Any]:
        digits = to_digits(even, self._even_radices) + weighted
        paths = [p.path for p in self._even + self._weighted]
        indices = dict(zip(paths, digits, strict=True))
        return self._space.config(
            [p.distribution.value_at(indices.get(p.path, 0)) for p in self._space.parameters]
        )

    def positions_of(self, configs: Iterable[Mapping[str, Any]]) -> list[int]:
        """Positions of the configs that are in the space."""
        return [self._position_of(config) for config in configs if self._space.contains(config)]

    def _position_of(self, config: Mapping[str, Any]) -> int:
        even = from_digits(_digits(self._even, config), self._even_radices)
        weighted = from_digits(_digits(self._weighted, config), self._weighted_radices)
        round_number = self._place_in_race(even, weighted) if self._weighted else 0
        return round_number * self._n_even + self._permutation.position_of(even)

    def _race(self, even: int) -> list[int]:
        """The order in which an even combination meets the weighted ones."""
        keys = self._race_keys(even)
        return sorted(range(len(keys)), key=keys.__getitem__)

    def _place_in_race(self, even: int, weighted: int) -> int:
        """The position of a weighted combination in the ``_race`` of an even one."""
        keys = self._race_keys(even)
        own = keys[weighted]
        return sum(key < own for key in keys) + keys[:weighted].count(own)

    def _race_keys(self, even: int) -> list[float]:
        random = _uniforms(f"{self._seed}:race:{even}")
        return [_race_key(random(), weight) for weight in self._weights]

    @cached_property
    def _weights(self) -> list[float]:
        """The weight of each combination of the weighted parameters."""
        return list(
            map(math.prod, product(*(_distribution(p).probabilities() for p in self._weighted)))
        )


def _race_key(u: float, weight: float) -> float:
    """An exponential variable of rate ``weight``; weights too small for floats come last."""
    return -math.log(1.0 - u) / weight if weight > 0 else math.inf


def _distribution(parameter: Parameter) -> Finite:
    return cast("Finite", parameter.distribution)


def _index_of(parameter: Parameter, value: Any) -> int:
    index = _distribution(parameter).index_of(value)
    return index if index is not None else 0


def _digits(parameters: Sequence[Parameter], config: Mapping[str, Any]) -> list[int]:
    return [_index_of(p, p.read(config)) for p in parameters]
