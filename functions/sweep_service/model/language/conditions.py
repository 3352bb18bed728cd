"""Reads ``when``, a sweep-sdk key: what other parameters must be for a parameter to be active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.model.language.fields import with_numbers
from sweep_service.model.language.report import Place, Report, describe
from sweep_service.model.space.distributions.base import is_number

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_when(section: object, place: Place, report: Report) -> dict[str, Any]:
    """Normalised conditions by the name of the parameter: a list of values, or a map of bounds."""
    if not isinstance(section, dict) or not section:
        report.error(
            place,
            f"found {describe(section)}; needs a map of a parameter's name to its value, a list of"
            " values, or a range, such as {optimizer: sgd} or {layers: {min: 3}}",
        )
        return {}
    read = {}
    for name, found in section.items():
        accepted = with_numbers(found, (*place, name), report)
        if isinstance(accepted, dict) and not _are_bounds(accepted):
            report.error(
                (*place, name),
                f"found {describe(accepted)}; a range has min, max or both, and min is not above"
                " max",
            )
        elif accepted == []:
            report.error((*place, name), "found an empty list; needs at least one value")
        else:
            is_normal = isinstance(accepted, (dict, list))
            read[name] = accepted if is_normal else [accepted]
    return read


def _are_bounds(found: Mapping[str, Any]) -> bool:
    return (
        bool(found)
        and found.keys() <= {"min", "max"}
        and all(map(is_number, found.values()))
        and (len(found) < 2 or found["min"] <= found["max"])
    )
