"""From the normalised document of a sweep to its search space: conditions, zips, constraints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.distribution_specs import DISTRIBUTIONS
from sweep_service.model.space.conditions import Between, Condition, OneOf
from sweep_service.model.space.distributions.categories import Categorical
from sweep_service.model.space.expressions import Expression
from sweep_service.model.space.paths import MISSING
from sweep_service.model.space.search_space import Parameter, SearchSpace, ZippedParameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_service.model.space.distributions import Distribution

    Path = tuple[str, ...]

#: The keys that any parameter takes in addition to those of its distribution.
WHEN, OTHERWISE = "when", "otherwise"


@dataclass(frozen=True)
class Entry:
    """A parameter as the document has it.

    Attributes:
        values: The listed values in the author's order, repeated ones included; None if they are
            not listed.
        when: The normalised conditions, those of the enclosing groups included.
        otherwise: The value where the parameter is inactive; ``MISSING`` for none.
    """

    path: Path
    distribution: Distribution
    values: Sequence[Any] | None = None
    when: Mapping[str, Any] = field(default_factory=dict)
    otherwise: Any = MISSING

    @property
    def name(self) -> str:
        """The names of the path, joined by dots."""
        return ".".join(self.path)

    @property
    def has_otherwise(self) -> bool:
        """Whether the parameter has a value where it is inactive."""
        return self.otherwise is not MISSING


def space_of(document: Mapping[str, Any]) -> SearchSpace:
    """The search space of a normalised document, which is not checked again."""
    entries = list(_entries(document["parameters"], (), {}))
    return build_space(entries, document.get("zip", ()), document.get("constraints", ()))


def build_space(
    entries: Sequence[Entry], zips: Sequence[Sequence[str]], constraints: Sequence[str]
) -> SearchSpace:
    """The space of checked parts.

    Args:
        entries: The parameters.
        zips: The names of parameters whose values walk together.
        constraints: Texts of expressions.
    """
    paths = {entry.name: entry.path for entry in entries}
    by_name = {entry.name: entry for entry in entries}
    zipped = {name for names in zips for name in names}
    parameters = [
        Parameter(entry.path, entry.distribution, _conditions(entry.when, paths), entry.otherwise)
        for entry in entries
        if entry.name not in zipped
    ]
    for names in zips:
        members = sorted((by_name[name] for name in names), key=lambda entry: entry.path)
        rows = zip(*(entry.values or () for entry in members), strict=True)
        parameters.append(
            ZippedParameters(
                members[0].path,
                Categorical.of([list(row) for row in rows]),
                _conditions(members[0].when, paths),
                members=tuple(entry.path for entry in members),
            )
        )
    return SearchSpace.of(parameters, [Expression.parse(text) for text in constraints])


def test_of(accepted: Any) -> OneOf | Between:
    """The test of a normalised condition: a list of values, or a map of bounds."""
    if isinstance(accepted, dict):
        return Between(accepted.get("min"), accepted.get("max"))
    return OneOf(tuple(accepted))


def _conditions(when: Mapping[str, Any], paths: Mapping[str, Path]) -> tuple[Condition, ...]:
    return tuple(Condition(paths[name], test_of(accepted)) for name, accepted in when.items())


def _entries(
    section: Mapping[str, Any], prefix: Path, enclosing: Mapping[str, Any]
) -> Iterator[Entry]:
    for name, entry in section.items():
        path, when = (*prefix, name), {**enclosing, **entry.get(WHEN, {})}
        if "parameters" in entry:
            yield from _entries(entry["parameters"], path, when)
        else:
            distribution = DISTRIBUTIONS[entry["distribution"]].build(entry)
            otherwise = entry.get(OTHERWISE, MISSING)
            yield Entry(path, distribution, entry.get("values"), when, otherwise)
