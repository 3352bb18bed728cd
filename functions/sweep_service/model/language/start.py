"""Checks ``start``, a sweep-sdk key: the configs to run before the search begins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.fields import with_numbers
from sweep_service.model.language.parameters import suggestion
from sweep_service.model.language.report import Place, Report, describe
from sweep_service.model.space.distributions import Continuous, Distribution, Finite, identity
from sweep_service.model.space.paths import MISSING, look_up
from sweep_service.model.space.search_space import ZippedParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.model.space.search_space import Parameter, SearchSpace

#: A document with more values would be larger than a sweep may be.
_MOST_VALUES = 100_000


def read_start(
    section: object, space: SearchSpace, is_grid: bool, place: Place, report: Report
) -> list[dict[str, Any]]:
    """The configs to run first, each with a value for every parameter.

    A parameter that an entry omits takes its only value, the median of its distribution, or the
    first of its listed values.
    """
    if not isinstance(section, list):
        report.error(place, f"found {describe(section)}; needs a list, such as [{{lr: 0.1}}]")
        return []
    n_values = len(section) * len(space.parameters)
    if n_values > _MOST_VALUES:
        report.error(
            place,
            f"found {len(section):,} configs of {len(space.parameters):,} parameters; needs at most"
            f" {_MOST_VALUES:,} values in all: give fewer configs",
        )
        return []
    configs: list[dict[str, Any]] = []
    seen: set[str] = set()
    for index, entry in enumerate(section):
        here = (*place, index)
        config = _start_config(entry, space, is_grid, here, report)
        text = json.dumps(config, sort_keys=True)
        if text in seen:
            report.warn(here, "is the same as an earlier one; it is run once")
        else:
            seen.add(text)
            configs.append(config)
    return configs


def _start_config(
    entry: object, space: SearchSpace, is_grid: bool, place: Place, report: Report
) -> dict[str, Any]:
    if not isinstance(entry, dict):
        report.error(place, f"found {describe(entry)}; needs a map, such as {{lr: 0.1}}")
        return {}
    given: dict[str, Any] = with_numbers(entry, place, report)
    _report_unknown_names(given, _tree(space.parameters), place, report)
    values: list[Any] = [MISSING] * len(space.parameters)
    for number in space.order:
        parameter = space.parameters[number]
        if space.active(values)[number]:
            values[number] = _start_value(parameter, given, is_grid, place, report)
        elif parameter.read(given) is not MISSING:
            report.warn(
                (*place, *parameter.path), "is inactive with these values of others; it is left out"
            )
    config = space.config(values)
    violated = None if report.has_errors else space.violated(config)
    if violated is not None:
        report.error(place, f"does not meet the constraint '{violated.text}'")
    return config


def _tree(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The names of the parameters, nested as they are; empty maps represent parameters."""
    tree: dict[str, Any] = {}
    for path in (path for parameter in parameters for path in parameter.paths):
        node = tree
        for name in path:
            node = node.setdefault(name, {})
    return tree


def _report_unknown_names(
    entry: dict[str, Any], names: dict[str, Any], place: Place, report: Report
) -> None:
    for name, value in entry.items():
        here = (*place, name)
        if name not in names:
            report.error(here, f"'{name}' is no parameter of this sweep{suggestion(name, names)}")
        elif names[name] and not isinstance(value, dict):
            report.error(here, f"found {describe(value)}; needs a map of nested parameters")
        elif names[name]:
            _report_unknown_names(value, names[name], here, report)


def _start_value(
    parameter: Parameter, entry: dict[str, Any], is_grid: bool, place: Place, report: Report
) -> Any:
    distribution = (parameter.distribution.grid if is_grid else None) or parameter.distribution
    value = parameter.read(entry)
    here = (*place, *parameter.path)
    if value is MISSING and isinstance(parameter, ZippedParameters):
        value = _matching_row(parameter, entry)
    if value is not MISSING:
        if not distribution.contains(value):
            report.error(here, f"found {describe(value)}, which the parameter cannot take")
            return MISSING
        return _as_drawn(distribution, value)
    default = (
        distribution.from_unit(0.5)
        if distribution.kind != "categorical"
        else distribution.value_at(0)
    )
    if distribution.n_values != 1:
        report.warn(place, f"gives no {parameter.name}; {default!r} is taken")
    return default


def _matching_row(parameter: ZippedParameters, entry: dict[str, Any]) -> Any:
    """The first row of zipped values that has those of the members that are given.

    Without such a row, the given values, which are not a row.
    """
    given = {member: look_up(entry, member) for member in parameter.members}
    given = {member: value for member, value in given.items() if value is not MISSING}
    if not given:
        return MISSING
    distribution = parameter.distribution
    rows = (distribution.value_at(i) for i in range(distribution.n_values or 0))
    return next(
        (
            row
            for row in rows
            if all(
                identity(parameter.part(row, member)) == identity(value)
                for member, value in given.items()
            )
        ),
        list(given.values()),
    )


def _as_drawn(distribution: Distribution, value: Any) -> Any:
    """The value in the type that the distribution draws, such as 3 for 3.0 among integers."""
    if isinstance(distribution, Finite):
        index = distribution.index_of(value)
        return value if index is None else distribution.value_at(index)
    return float(value) if isinstance(distribution, Continuous) else value
