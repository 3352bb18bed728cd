"""Checks the ``parameters`` section, writes it out in full, and builds the search space from it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.conditions import read_when
from sweep_service.model.language.distribution_specs import DISTRIBUTIONS, DistributionSpec
from sweep_service.model.language.fields import Field, read_field, text_to_number, with_numbers
from sweep_service.model.language.report import Place, Report, describe, excerpt
from sweep_service.model.language.spaces import OTHERWISE, WHEN, Entry
from sweep_service.model.space.distributions import Categorical, Distribution, Quantized, identity
from sweep_service.model.space.paths import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_USUAL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SUM_TOLERANCE = 1e-5
_GRID_DISTRIBUTIONS = ", ".join(spec.name for spec in DISTRIBUTIONS.values() if spec.is_grid)
_ALL_KEYS = {key for spec in DISTRIBUTIONS.values() for key in spec.keys} | {
    "distribution",
    "parameters",
    WHEN,
    OTHERWISE,
}
_OTHER_NAMES = {
    "choice": "categorical",
    "int": "int_uniform",
    "randint": "int_uniform",
    "float": "uniform",
    "loguniform": "log_uniform_values",
    "log-uniform": "log_uniform_values",
    "quniform": "q_uniform",
    "lognormal": "log_normal",
    "gaussian": "normal",
}


@dataclass(frozen=True)
class ParsedParameters:
    """The ``parameters`` section after checking.

    Attributes:
        section: The normalised section, with every distribution named and every default filled in.
        entries: The parameters without errors, in the author's order.
        paths: The paths of all parameters, those with errors included.
        conditions: The place of each ``when``, the name of its parameter and what it says.
    """

    section: dict[str, Any]
    entries: Sequence[Entry] = ()
    paths: Sequence[tuple[str, ...]] = ()
    conditions: Sequence[tuple[Place, str, dict[str, Any]]] = ()


#: The result for a config that has no parameters.
NO_PARAMETERS = ParsedParameters({})


def read_parameters(
    section: object, method: str | None, place: Place, report: Report
) -> ParsedParameters:
    """Check the section and build each of its distributions, once.

    What conditions say of other parameters is checked in ``structure``.

    Args:
        section: What the file has, plain JSON.
        method: The search method, if it is valid. A grid accepts fewer distributions.
        place: Where the section is.
        report: Receives the problems.
    """
    reader = _Reader(method, report)
    normalised = reader.section(section, place, (), {})
    return ParsedParameters(normalised or {}, reader.found, reader.paths, reader.conditions)


def looks_like_parameter(value: object) -> bool:
    """Whether a map has the keys of a parameter, which suggests a wrong indentation."""
    return isinstance(value, dict) and not {"distribution", "values", "value", "min"}.isdisjoint(
        value
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the nearest known word, or nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


class _Reader:
    """One pass over the ``parameters`` section.

    Attributes:
        found: The parameters without errors, in the author's order.
        paths: The paths of all parameters.
        conditions: As of ``ParsedParameters``.
    """

    def __init__(self, method: str | None, report: Report) -> None:
        self._method = method
        self._report = report
        self.found: list[Entry] = []
        self.paths: list[tuple[str, ...]] = []
        self.conditions: list[tuple[Place, str, dict[str, Any]]] = []

    def section(
        self, section: object, place: Place, path: tuple[str, ...], when: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The normalised section.

        Args:
            section: What the file has.
            place: Where it is.
            path: The names of the parameters that enclose it.
            when: The conditions of these.
        """
        if not isinstance(section, dict) or not section:
            self._report.error(
                place,
                f"found {describe(section)}; needs a map with at least one parameter, "
                "such as lr: {min: 0.001, max: 0.1}",
            )
            return None
        for name in section:
            if not _USUAL_NAME.fullmatch(name):
                self._report.warn(
                    (*place, name),
                    f"the name '{excerpt(name)}' is unusual; letters, digits, _ . - are safe",
                )
        return {
            name: self._entry(entry, (*place, name), (*path, name), when)
            for name, entry in section.items()
        }

    def _entry(
        self, entry: object, place: Place, path: tuple[str, ...], enclosing: dict[str, Any]
    ) -> Any:
        if not isinstance(entry, dict):
            self.paths.append(path)
            self._report.error(place, f"found {describe(entry)}; {_advice_for_bare(entry)}")
            return None
        own = {key: value for key, value in entry.items() if key not in (WHEN, OTHERWISE)}
        extra: dict[str, Any] = {}
        if WHEN in entry:
            extra[WHEN] = read_when(entry[WHEN], (*place, WHEN), self._report)
            self.conditions.append(((*place, WHEN), ".".join(path), extra[WHEN]))
        when = {**enclosing, **extra.get(WHEN, {})}
        if "parameters" in entry:
            return self._nested(entry, place, path, when) | extra
        self.paths.append(path)
        if OTHERWISE in entry:
            here = (*place, OTHERWISE)
            extra[OTHERWISE] = with_numbers(entry[OTHERWISE], here, self._report)
            if not when:
                self._report.error(here, "has no effect without 'when'")
        return self._distribution(own, place, path, when, extra)

    def _nested(
        self, entry: dict[str, Any], place: Place, path: tuple[str, ...], when: dict[str, Any]
    ) -> dict[str, Any]:
        for key in entry:
            if key not in ("parameters", WHEN):
                self._report.error(
                    (*place, key),
                    "a nested parameter has the keys 'parameters' and 'when' alone; "
                    f"move '{key}' into it, or out",
                )
        here = (*place, "parameters")
        return {"parameters": self.section(entry["parameters"], here, path, when)}

    def _distribution(
        self,
        entry: dict[str, Any],
        place: Place,
        path: tuple[str, ...],
        when: dict[str, Any],
        extra: dict[str, Any],
    ) -> Any:
        """The normalised entry of a parameter, whose own keys are ``entry``."""
        spec = _spec_of(entry, place, self._report)
        if spec is None or not _has_right_keys(entry, spec, place, self._report):
            return None
        fields = {field.name: _read(field, entry, place, self._report) for field in spec.fields}
        is_read = all(
            fields[field.name] is not None or field.kind == "any" for field in spec.fields
        )
        if is_read and _is_coherent(fields, place, self._report):
            distribution = _build(fields, spec, self._method, place, self._report)
            if distribution is not None:
                otherwise = extra.get(OTHERWISE, MISSING)
                values = fields.get("values")
                self.found.append(Entry(path, distribution, values, when, otherwise))
        return {"distribution": spec.name, **fields, **extra}


def _advice_for_bare(entry: object) -> str:
    if isinstance(entry, list):
        return "needs a map, such as {values: [...]}"
    if entry is None:
        return "needs a map, such as {values: [1, 2, 3]} or {min: 0.001, max: 0.1}"
    return "needs a map; a fixed value is written {value: ...}"


def _spec_of(entry: dict[str, Any], place: Place, report: Report) -> DistributionSpec | None:
    if "distribution" not in entry:
        return _inferred_spec(entry, place, report)
    name = entry["distribution"]
    if name == "categorical" and "probabilities" in entry:
        return DISTRIBUTIONS["categorical_w_probabilities"]
    if isinstance(name, str) and name in DISTRIBUTIONS:
        return DISTRIBUTIONS[name]
    needs = f"needs one of {', '.join(DISTRIBUTIONS)}{_nearest_distribution(name)}"
    report.error((*place, "distribution"), f"found {describe(name)}; {needs}")
    return None


def _nearest_distribution(name: object) -> str:
    if not isinstance(name, str):
        return ""
    other = _OTHER_NAMES.get(name.lower())
    return f"; did you mean '{other}'?" if other else suggestion(name.lower(), DISTRIBUTIONS)


def _inferred_spec(entry: dict[str, Any], place: Place, report: Report) -> DistributionSpec | None:
    """The distribution that the keys imply where no distribution is named."""
    if "values" in entry:
        return DISTRIBUTIONS[
            "categorical_w_probabilities" if "probabilities" in entry else "categorical"
        ]
    if "value" in entry:
        return DISTRIBUTIONS["constant"]
    if "min" in entry or "max" in entry:
        bounds = [_number(entry.get(key)) for key in ("min", "max")]
        return DISTRIBUTIONS["int_uniform" if all(type(b) is int for b in bounds) else "uniform"]
    needs = "needs value, values, min and max, or a distribution"
    if not {"mu", "sigma", "a", "b", "q"}.isdisjoint(entry):
        needs = "needs the name of its distribution, such as distribution: normal"
    hints = "".join(suggestion(key, _ALL_KEYS) for key in entry if key not in _ALL_KEYS)
    report.error(place, f"found {describe(entry)}; {needs}{hints}")
    return None


def _number(value: object) -> object:
    """A bound, converted to a number if it is text that spells one."""
    return text_to_number(value.strip()) if isinstance(value, str) else value


def _has_right_keys(
    entry: dict[str, Any], spec: DistributionSpec, place: Place, report: Report
) -> bool:
    keys = ("distribution", *spec.keys)
    unknown = [key for key in entry if key not in keys]
    missing = [field for field in spec.fields if field.is_required and field.name not in entry]
    for key in unknown:
        report.error((*place, key), _about_unknown_key(key, entry[key], spec))
    for field in missing:
        report.error(place, f"{spec.name} lacks '{field.name}'; needs {field.need}")
    return not unknown and not missing


def _about_unknown_key(key: str, value: object, spec: DistributionSpec) -> str:
    takes = f"{spec.name} takes {' and '.join(spec.keys)}"
    if looks_like_parameter(value):
        return f"looks like a parameter of its own; indent '{key}' one level less"
    owners = [other.name for other in DISTRIBUTIONS.values() if key in other.keys]
    if owners:
        return f"'{key}' does not belong to {spec.name}, but to {', '.join(owners)}; {takes}"
    return f"the key '{key}' is not known in a parameter; {takes}{suggestion(key, _ALL_KEYS)}"


def _read(field: Field, entry: dict[str, Any], place: Place, report: Report) -> Any:
    if field.name not in entry:
        return field.default
    here = (*place, field.name)
    value = entry[field.name]
    if field.kind == "any":
        return with_numbers(value, here, report)
    if field.kind == "list":
        value = with_numbers(value, here, report)
    return read_field(field, value, here, report, report.error)


def _is_coherent(fields: dict[str, Any], place: Place, report: Report) -> bool:
    """Whether the fields are consistent with each other; reports the first that is not."""
    if "min" in fields and fields["min"] >= fields["max"]:
        report.error(
            (*place, "min"),
            f"found min {fields['min']} and max {fields['max']}; min must be smaller than max",
        )
        return False
    if "probabilities" in fields:
        message = _about_probabilities(fields["values"], fields["probabilities"])
        if message is not None:
            report.error((*place, "probabilities"), message)
            return False
    return True


def _about_probabilities(values: list[Any], probabilities: list[float]) -> str | None:
    if len(values) != len(probabilities):
        return f"found {len(probabilities)} for {len(values)} values; needs one for each"
    if not all(math.isfinite(p) and p >= 0 for p in probabilities):
        return "found one that is negative or not finite; needs numbers from 0 to 1"
    total = sum(probabilities)
    if abs(total - 1.0) > _SUM_TOLERANCE:
        return f"found a sum of {total:g}; they must sum to 1"
    return None


def _build(
    fields: dict[str, Any],
    spec: DistributionSpec,
    method: str | None,
    place: Place,
    report: Report,
) -> Distribution | None:
    """The distribution of checked fields; None after an error that only building it can reveal."""
    try:
        distribution = spec.build(fields)
    except ValueError as error:
        report.error(place, str(error))
        return None
    if method == "grid" and not spec.is_grid:
        report.error(
            place,
            f"found {spec.name}; a grid takes {_GRID_DISTRIBUTIONS}: list the values, "
            "or use method random or bayes",
        )
    for message in _oddities(fields, spec, distribution):
        report.warn(place, message)
    return distribution


def _oddities(
    fields: dict[str, Any], spec: DistributionSpec, distribution: Distribution
) -> list[str]:
    oddities = []
    if spec.instead is not None:
        oddities.append(
            f"{spec.name} takes natural-log exponents: values lie between "
            f"{_end(distribution, 0.0)} and {_end(distribution, 1.0)}; "
            f"{spec.instead} takes the limits themselves"
        )
    if isinstance(distribution, Quantized) and math.isinf(distribution.bounds[0]):
        oddities.append(f"no multiple of q = {fields['q']} lies between the bounds")
    if isinstance(distribution, Categorical):
        oddities.extend(_repetitions(fields, distribution))
    return oddities


def _end(distribution: Distribution, unit: float) -> str:
    return f"{distribution.from_unit(unit):.6g}"


def _repetitions(fields: dict[str, Any], distribution: Categorical) -> list[str]:
    n_distinct = len({identity(value) for value in fields["values"]})
    n_listed = len(fields["values"])
    messages = []
    if n_distinct < n_listed:
        messages.append(f"{n_listed} values are listed, of which {n_distinct} differ")
    if distribution.n_values < n_distinct:
        messages.append("values with probability 0 are never drawn")
    return messages
