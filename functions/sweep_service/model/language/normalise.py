"""Turns what an author wrote into the normalised document and reports what is wrong or unusual.

The document is plain JSON in which every distribution is named, every default of a section is
filled in, and numbers are numbers. Normalising it again does not change it.
"""

from __future__ import annotations

import json
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.command import (
    DEFAULT_COMMAND,
    NO_PARAMETERS_ADVICE,
    WITHHELD_ADVICE,
    asks_for_token,
    macro_warnings,
    passes_parameters,
    prints_values,
)
from sweep_service.model.language.fields import Field, read_field
from sweep_service.model.language.keys import (
    KEPT_KEYS,
    KNOWN_KEYS,
    METHODS,
    OWN_KEYS,
    SCALAR_FIELDS,
)
from sweep_service.model.language.parameters import (
    NO_PARAMETERS,
    ParsedParameters,
    looks_like_parameter,
    read_parameters,
    suggestion,
)
from sweep_service.model.language.plain import to_plain
from sweep_service.model.language.printed import read_metrics_from
from sweep_service.model.language.report import Report, describe, excerpt
from sweep_service.model.language.sections import read_command, read_early_terminate, read_metric
from sweep_service.model.language.start import read_start
from sweep_service.model.language.structure import read_space
from sweep_service.model.space.distributions.categories import Categorical, Constant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.space.distributions import Distribution
    from sweep_service.model.space.search_space import SearchSpace

#: The memory of a suggestion grows with the square of the parameters.
_MOST_SEARCHED = 1_000


def normalise(found: object, report: Report) -> tuple[dict[str, Any], SearchSpace]:
    """The normalised document of a sweep config, and the search space that it describes.

    Args:
        found: The config as read; any object.
        report: Receives the warnings; may already hold some from reading the file.

    Raises:
        InvalidConfig: The sweep cannot run. Names every reason.
    """
    section = to_plain(found, report)
    if not isinstance(section, dict) or not section:
        report.raise_errors()
        found_words = f"found {describe(section)}" if section else "is empty"
        report.error((), f"{found_words}; a sweep is a map with the keys method and parameters")
        report.raise_errors()
    given = _usable(section, report)
    method = _read_method(given, report)
    document: dict[str, Any] = {"method": method}
    parameters = _read_parameters(given, method, report)
    document["parameters"] = parameters.section
    document |= _read_sections(given, method, report)
    for field in SCALAR_FIELDS:
        if field.name in given:
            _read_scalar(field, given[field.name], document, report)
    document |= _read_other_keys(given, report)
    _warn_of_replacement(document, report)
    space, structure = read_space(
        parameters, given.get("zip"), given.get("constraints"), method, report
    )
    document |= structure
    report.raise_errors()
    _warn_of_shared_names(space, report)
    if "command" in document or "program" in document:  # others run in agents that call a function
        _warn_of_arguments(document.get("command") or DEFAULT_COMMAND, space, report)
    if "start" in given:
        document["start"] = read_start(given["start"], space, method == "grid", ("start",), report)
    report.raise_errors()
    return dict(json.loads(json.dumps(document))), space


def _warn_of_replacement(document: Mapping[str, Any], report: Report) -> None:
    if document["method"] == "grid" and document.get("replacement"):
        report.warn(("replacement",), "a grid has each of its points once; this has no effect")


def _warn_of_shared_names(space: SearchSpace, report: Report) -> None:
    """Warn if a dotted name and a nested parameter are displayed in the same way."""
    counts = Counter(parameter.name for parameter in space.parameters)
    for parameter in space.parameters:
        if counts[parameter.name] > 1 and len(parameter.path) == 1:
            message = f"'{parameter.name}' is also what a nested parameter is shown as"
            report.warn(("parameters", parameter.name), f"{message}; the two stay apart")


def _warn_of_arguments(command: Sequence[str], space: SearchSpace, report: Report) -> None:
    """Warn of values that do not reach the program, or in a form that few programs understand."""
    if not passes_parameters(command):
        report.warn(("command",), NO_PARAMETERS_ADVICE)
    macro = prints_values(command)
    odd = {p.name: found for p in space.parameters if (found := _odd_values(p.distribution))}
    if macro is not None and odd:
        examples = ", ".join(f"{name}={values[0]}" for name, values in odd.items())
        report.warn(
            ("parameters", next(iter(odd))),
            f"{macro} passes nulls and lists as Python prints them: {excerpt(examples)}; in the"
            " command, ${args_argparse} leaves the option of a null out and makes words of a list",
        )


def _odd_values(distribution: Distribution) -> list[Any]:
    """The nulls and lists among the listed values of a parameter."""
    if isinstance(distribution, Constant):
        values: Sequence[Any] = (distribution.value,)
    else:
        values = distribution.values if isinstance(distribution, Categorical) else ()
    return [value for value in values if value is None or isinstance(value, list)]


def _usable(section: dict[str, Any], report: Report) -> dict[str, Any]:
    """The keys in use: without empty ones, and without sweep-sdk keys that hold a parameter."""
    usable = {}
    for key, value in section.items():
        if value is None and key not in ("method", "parameters"):
            report.warn((key,), "is empty and is ignored")
        elif key in OWN_KEYS and looks_like_parameter(value):
            report.warn((key,), "looks like a parameter: indent it under parameters; ignored here")
        elif value is not None:
            usable[key] = value
    return usable


def _read_method(section: dict[str, Any], report: Report) -> str | None:
    method = section.get("method")
    if method in METHODS:
        return str(method)
    needs = f"needs one of {', '.join(METHODS)}"
    if method is None:
        report.error(("method",), f"is missing; {needs}{_misspelt('method', section)}")
    elif method == "custom":
        report.error(("method",), f"custom schedulers do not run here; {needs}")
    else:
        hint = suggestion(method.lower(), set(METHODS)) if isinstance(method, str) else ""
        report.error(("method",), f"found {describe(method)}; {needs}{hint}")
    return None


def _read_parameters(
    section: dict[str, Any], method: str | None, report: Report
) -> ParsedParameters:
    if "parameters" not in section:
        needs = "needs at least one, such as lr: {min: 0.001, max: 0.1}"
        hint = _misspelt("parameters", section)
        report.error(("parameters",), f"is missing; {needs}{hint}")
        return NO_PARAMETERS
    parameters = read_parameters(section["parameters"], method, ("parameters",), report)
    n_searched = _n_searched(parameters.section)
    if method == "bayes" and n_searched > _MOST_SEARCHED:
        report.error(
            ("parameters",),
            f"{n_searched:,} of them are searched; bayes takes at most {_MOST_SEARCHED:,}: use"
            " random, or fix some with value",
        )
    if method == "bayes" and parameters.section and n_searched == 0:
        report.error(("parameters",), "all have one value; bayes needs at least one to search")
    return parameters


def _misspelt(key: str, section: dict[str, Any]) -> str:
    """A hint that names a similar unknown key, or nothing."""
    near = get_close_matches(key, [other for other in section if other not in KNOWN_KEYS], n=1)
    return f"; is '{near[0]}' a misspelling of it?" if near else ""


def _n_searched(parameters: Mapping[str, Any]) -> int:
    """How many parameters are not constant; those with errors count."""
    n_searched = 0
    for entry in parameters.values():
        if entry is None:
            n_searched += 1
        elif "parameters" in entry:
            n_searched += _n_searched(entry["parameters"] or {})
        else:
            n_searched += entry["distribution"] != "constant"
    return n_searched


def _read_sections(section: dict[str, Any], method: str | None, report: Report) -> dict[str, Any]:
    """The sections other than ``parameters``, without those that cannot be used."""
    read: dict[str, Any] = {}
    if "metric" in section:
        read["metric"] = read_metric(section["metric"], method == "bayes", ("metric",), report)
    elif method == "bayes":
        needs = "bayes needs it, such as metric: {name: loss}"
        report.error(("metric",), f"is missing; {needs}{_misspelt('metric', section)}")
    if "early_terminate" in section:
        has_metric = read.get("metric") is not None
        read["early_terminate"] = read_early_terminate(
            section["early_terminate"], has_metric, ("early_terminate",), report
        )
    if "metrics_from" in section:
        read["metrics_from"] = read_metrics_from(
            section["metrics_from"], read.get("metric"), ("metrics_from",), report
        )
    if "command" in section:
        read["command"] = read_command(section["command"], ("command",), report)
    for position, element in enumerate(read.get("command") or ()):
        if asks_for_token([element]):
            report.error(("command", position), f"found '{excerpt(element)}'; {WITHHELD_ADVICE}")
    for position, message in macro_warnings(read.get("command") or ()):
        report.warn(("command", position), message)
    return {key: value for key, value in read.items() if value is not None}


def _read_scalar(field: Field, value: object, document: dict[str, Any], report: Report) -> None:
    complain = report.warn if field.kind in ("text", "mode") else report.error
    read = read_field(field, value, (field.name,), report, complain)
    if read is not None:
        document[field.name] = read


def _read_other_keys(section: dict[str, Any], report: Report) -> dict[str, Any]:
    """The keys without effect, which are kept; each gets a warning."""
    others = {
        key: value for key, value in section.items() if key in KEPT_KEYS or key not in KNOWN_KEYS
    }
    for key, value in others.items():
        if key in KEPT_KEYS:
            message = f"is kept but does nothing: {KEPT_KEYS[key]}"
        elif looks_like_parameter(value):
            message = f"'{key}' looks like a parameter: indent it under parameters"
        else:
            message = f"the key '{key}' is not known{suggestion(key, KNOWN_KEYS)}"
        report.warn((key,), message)
    return others
