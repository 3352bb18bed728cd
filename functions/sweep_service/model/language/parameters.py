"""Checks the ``parameters`` section and writes it out in full: every distribution named."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.fields import Field, PlainNumber, read_field, text_to_number
from sweep_service.model.language.forms import FORMS, Form
from sweep_service.model.language.report import Place, Report, describe, excerpt
from sweep_service.model.space.distributions import Categorical, Distribution, Quantized, identity

if TYPE_CHECKING:
    from collections.abc import Iterable

_USUAL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SUM_TOLERANCE = 1e-5
_GRID_FORMS = ", ".join(name for name, form in FORMS.items() if form.is_grid)
_ALL_KEYS = {key for form in FORMS.values() for key in form.keys} | {"distribution", "parameters"}
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


def read_parameters(
    section: object, method: str | None, place: Place, report: Report
) -> dict[str, Any] | None:
    """The normalised section, every parameter with its distribution and all its fields.

    Args:
        section: What the file has, plain JSON.
        method: The search method, when it is a known one: grids take fewer distributions.
        place: Where the section is.
        report: Takes the problems.

    Returns:
        None after errors.
    """
    if not isinstance(section, dict) or not section:
        report.error(
            place,
            f"found {describe(section)}; needs a map with at least one parameter, "
            "such as lr: {min: 0.001, max: 0.1}",
        )
        return None
    parameters = {}
    for name, entry in section.items():
        here = (*place, name)
        if not _USUAL_NAME.fullmatch(name):
            report.warn(
                here, f"the name '{excerpt(name)}' is unusual; letters, digits, _ . - are safe"
            )
        parameters[name] = _read_parameter(entry, method, here, report)
    return parameters


def looks_like_parameter(value: object) -> bool:
    """Whether a map has the keys of a parameter: one that slipped to the wrong indentation."""
    return isinstance(value, dict) and not {"distribution", "values", "value", "min"}.isdisjoint(
        value
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the nearest known word, or nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _read_parameter(entry: object, method: str | None, place: Place, report: Report) -> Any:
    if not isinstance(entry, dict):
        report.error(place, f"found {describe(entry)}; {_mend_of_bare(entry)}")
        return None
    if "parameters" in entry:
        return _read_nested(entry, method, place, report)
    form = _form_of(entry, place, report)
    if form is None or not _has_right_keys(entry, form, place, report):
        return None
    fields = {
        field.name: _read(field, entry, place, report)
        for field in form.fields
        if field.name in entry or not field.is_required
    }
    is_read = all(fields[field.name] is not None or field.kind == "any" for field in form.fields)
    if is_read and _is_coherent(fields, place, report):
        _check_law(fields, form, method, place, report)
    return {"distribution": form.name, **fields}


def _mend_of_bare(entry: object) -> str:
    if isinstance(entry, list):
        return "needs a map, such as {values: [...]}"
    if entry is None:
        return "needs a map, such as {values: [1, 2, 3]} or {min: 0.001, max: 0.1}"
    return "needs a map; a fixed value is written {value: ...}"


def _read_nested(
    entry: dict[str, Any], method: str | None, place: Place, report: Report
) -> dict[str, Any]:
    for key in entry:
        if key != "parameters":
            report.error(
                (*place, key),
                f"a nested parameter has the key 'parameters' alone; move '{key}' into it, or out",
            )
    section = read_parameters(entry["parameters"], method, (*place, "parameters"), report)
    return {"parameters": section}


def _form_of(entry: dict[str, Any], place: Place, report: Report) -> Form | None:
    if "distribution" not in entry:
        return _inferred_form(entry, place, report)
    name = entry["distribution"]
    if name == "categorical" and "probabilities" in entry:
        return FORMS["categorical_w_probabilities"]
    if isinstance(name, str) and name in FORMS:
        return FORMS[name]
    report.error(
        (*place, "distribution"),
        f"found {describe(name)}; needs one of {', '.join(FORMS)}{_nearest_form(name)}",
    )
    return None


def _nearest_form(name: object) -> str:
    if not isinstance(name, str):
        return ""
    other = _OTHER_NAMES.get(name.lower())
    return f"; did you mean '{other}'?" if other else suggestion(name.lower(), FORMS)


def _inferred_form(entry: dict[str, Any], place: Place, report: Report) -> Form | None:
    """The form that the keys imply where no distribution is named."""
    if "values" in entry:
        return FORMS["categorical_w_probabilities" if "probabilities" in entry else "categorical"]
    if "value" in entry:
        return FORMS["constant"]
    if "min" in entry or "max" in entry:
        bounds = [_number(entry.get(key)) for key in ("min", "max")]
        return FORMS["int_uniform" if all(type(b) is int for b in bounds) else "uniform"]
    needs = "needs value, values, min and max, or a distribution"
    if not {"mu", "sigma", "a", "b", "q"}.isdisjoint(entry):
        needs = "needs the name of its distribution, such as distribution: normal"
    hints = "".join(suggestion(key, _ALL_KEYS) for key in entry if key not in _ALL_KEYS)
    report.error(place, f"found {describe(entry)}; {needs}{hints}")
    return None


def _number(value: object) -> object:
    """A bound as a number where its text spells one."""
    return text_to_number(value.strip()) if isinstance(value, str) else value


def _has_right_keys(entry: dict[str, Any], form: Form, place: Place, report: Report) -> bool:
    keys = ("distribution", *form.keys)
    unknown = [key for key in entry if key not in keys]
    missing = [field for field in form.fields if field.is_required and field.name not in entry]
    for key in unknown:
        report.error((*place, key), _about_unknown_key(key, entry[key], form))
    for field in missing:
        report.error(place, f"{form.name} lacks '{field.name}'; needs {field.need}")
    return not unknown and not missing


def _about_unknown_key(key: str, value: object, form: Form) -> str:
    takes = f"{form.name} takes {' and '.join(form.keys)}"
    if looks_like_parameter(value):
        return f"looks like a parameter of its own; indent '{key}' one level less"
    owners = [other.name for other in FORMS.values() if key in other.keys]
    if owners:
        return f"'{key}' does not belong to {form.name}, but to {', '.join(owners)}; {takes}"
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


def with_numbers(value: Any, place: Place, report: Report) -> Any:
    """A value in which unquoted texts such as ``1e-4`` are the numbers they spell."""
    texts: list[str] = []
    converted = _with_numbers(value, texts)
    if texts:
        numbers = ", ".join(repr(text_to_number(text)) for text in texts)
        report.warn(place, f"YAML reads {', '.join(texts)} as text; read as {numbers}")
    return converted


def _with_numbers(value: Any, texts: list[str]) -> Any:
    if isinstance(value, PlainNumber):
        texts.append(value)
        return text_to_number(value)
    if isinstance(value, list):
        return [_with_numbers(item, texts) for item in value]
    if isinstance(value, dict):
        return {key: _with_numbers(item, texts) for key, item in value.items()}
    return value


def _is_coherent(fields: dict[str, Any], place: Place, report: Report) -> bool:
    """Whether the fields fit each other; tells what does not."""
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


def _check_law(
    fields: dict[str, Any], form: Form, method: str | None, place: Place, report: Report
) -> None:
    """Builds the distribution, to tell what only its law can say."""
    try:
        distribution = form.build(fields)
    except ValueError as error:
        report.error(place, str(error))
        return
    if method == "grid" and not form.is_grid:
        report.error(
            place,
            f"found {form.name}; a grid takes {_GRID_FORMS}: list the values, "
            "or use method random or bayes",
        )
    for message in _oddities(fields, form, distribution):
        report.warn(place, message)


def _oddities(fields: dict[str, Any], form: Form, distribution: Distribution) -> list[str]:
    oddities = []
    if form.instead is not None:
        oddities.append(
            f"{form.name} takes natural-log exponents: values lie between "
            f"{_end(distribution, 0.0)} and {_end(distribution, 1.0)}; "
            f"{form.instead} takes the limits themselves"
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
    told = []
    if n_distinct < n_listed:
        told.append(f"{n_listed} values are listed, of which {n_distinct} differ")
    if distribution.n_values < n_distinct:
        told.append("values with probability 0 are never drawn")
    return told
