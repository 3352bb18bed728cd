"""Checks the sections beside ``parameters``: metric, early_terminate, command."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.fields import Field, ReportProblem, read_field
from sweep_service.model.language.parameters import looks_like_parameter, suggestion
from sweep_service.model.language.report import Place, Report, describe
from sweep_service.model.space.paths import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

METRIC_FIELDS = (
    Field("name", "text", "Name of the metric, as the program logs it.", is_required=True),
    Field(
        "goal",
        "text",
        "Whether smaller or larger is better.",
        default="minimize",
        choices=("minimize", "maximize"),
    ),
    Field("target", "number", "The sweep finishes when a run reaches this value."),
    Field(
        "impute",
        "text",
        "What failed, crashed and killed runs count as in bayes: the worst value of all runs,"
        " their own best or their own last value.",
        default="worst",
        choices=("latest", "best", "worst"),
    ),
    Field(
        "impute_while_running",
        "text",
        "What running runs count as in bayes: the worst value of all runs, the best or the last"
        " value that they have reported, or what the model expects of them (false).",
        default="false",
        choices=("latest", "best", "worst", "false"),
    ),
)
HYPERBAND_FIELDS = (
    Field(
        "type",
        "text",
        "The method of early termination.",
        is_required=True,
        choices=("hyperband",),
    ),
    Field("min_iter", "integer", "First band: iterations before a run is judged.", at_least=1),
    Field("max_iter", "integer", "The bands are max_iter / eta^k, k = 1..s.", at_least=1),
    Field("s", "integer", "Number of bands below max_iter.", at_least=1),
    Field("eta", "number", "Ratio of the bands; 1 in eta runs goes on.", default=3, above=1),
    Field("strict", "boolean", "Judge by the value at the band, not the best.", default=True),
)
#: Bands of early termination at which a run can be judged; with min_iter W&B has as many.
MAX_BANDS = 100
_GOALS = {
    "min": "minimize",
    "minimise": "minimize",
    "minimum": "minimize",
    "max": "maximize",
    "maximise": "maximize",
    "maximum": "maximize",
}


def read_metric(section: object, is_needed: bool, place: Place, report: Report) -> Any:
    """The normalised metric; None when there is none, or none that can be used.

    Args:
        section: What the file has under ``metric``.
        is_needed: Whether the search depends on it: then what does not fit is an error.
        place: Where the section is.
        report: Takes the problems.
    """
    if isinstance(section, str) and _looks_like_map(section):
        report.error(place, f"found {describe(section)}; needs a map, such as {{name: loss}}")
        return None
    if isinstance(section, str):
        report.warn(place, f"found {describe(section)}; read as {{name: {section}}}, minimized")
        section = {"name": str(section)}
    complain = report.error if is_needed else report.warn
    if not isinstance(section, dict) or "name" not in section:
        complain(
            place, f"found {describe(section)}; needs a map with a name, such as {{name: loss}}"
        )
        return None
    _warn_unknown(section, METRIC_FIELDS, place, report)
    metric = {
        field.name: _read_with_default(
            field, _metric_value(field, section), place, report, complain
        )
        for field in METRIC_FIELDS
        if field.name in section or field.default is not None
    }
    if metric.get("target", 0) is None:
        del metric["target"]
    return metric if metric["name"] is not None else None


def _looks_like_map(text: str) -> bool:
    """Whether a text was meant as a map: ``name: loss`` in quotes, or with a brace missing."""
    return any(mark in text for mark in ("{", "}", ": ", "name:", "goal:", "\n"))


def _metric_value(field: Field, section: dict[str, Any]) -> object:
    value = section.get(field.name, MISSING)
    if field.name == "impute_while_running" and value is False:
        return "false"
    return value


def _read_with_default(
    field: Field, value: object, place: Place, report: Report, complain: ReportProblem
) -> Any:
    """The value; the default, with a warning, for a word that is none of the choices."""
    here = (*place, field.name)
    if value is MISSING:
        return field.default
    if not field.choices:
        return read_field(field, value, here, report, complain)
    word = str(value).strip().lower()
    known = word if word in field.choices else _GOALS.get(word) if field.name == "goal" else None
    if known is None:
        report.warn(here, f"found {describe(value)}; needs {field.need}; {field.default} is taken")
    elif known != value:
        report.warn(here, f"found {describe(value)}; read as {known}")
    return known if known is not None else field.default


def read_early_terminate(section: object, has_metric: bool, place: Place, report: Report) -> Any:
    """The normalised hyperband settings; None, with a warning, when they cannot be used.

    W&B runs a sweep whose section it cannot use, without stopping any run. A float ``s`` is an
    error nevertheless, because it makes such a sweep fail there.
    """
    if isinstance(section, dict) and isinstance(section.get("s"), float):
        report.error((*place, "s"), f"found {describe(section['s'])}; needs a whole number")
        return None
    settings, complaints = _hyperband_settings(section, place, report)
    if not complaints:
        complaints = _about_form(settings)
    if not has_metric:
        complaints.append("it needs a metric to judge runs by")
    if complaints:
        report.warn(place, f"{'; '.join(complaints)}; no run will be stopped early")
        return None
    _check_bands(settings, place, report)
    return {name: value for name, value in settings.items() if value is not None}


def _hyperband_settings(
    section: object, place: Place, report: Report
) -> tuple[dict[str, Any], list[str]]:
    """Every setting, and what is wrong with those that do not fit."""
    if not isinstance(section, dict):
        return {}, [f"found {describe(section)}; needs {{type: hyperband, min_iter: 3}}"]
    _warn_unknown(section, HYPERBAND_FIELDS, place, report)
    complaints: list[str] = []

    def complain(at: Place, message: str) -> None:
        complaints.append(f"{at[-1]}: {message}")

    settings = {field.name: field.default for field in HYPERBAND_FIELDS} | {"type": "hyperband"}
    for field in HYPERBAND_FIELDS:
        if field.name in section:
            here = (*place, field.name)
            settings[field.name] = read_field(field, section[field.name], here, report, complain)
    return settings, complaints


def _about_form(settings: dict[str, Any]) -> list[str]:
    """Keeps the one form that counts: max_iter with s before min_iter."""
    if settings["max_iter"] is not None and settings["s"] is not None:
        settings["min_iter"] = None
        return []
    settings["max_iter"] = settings["s"] = None
    return [] if settings["min_iter"] is not None else ["it needs min_iter, or max_iter and s"]


def _check_bands(settings: dict[str, Any], place: Place, report: Report) -> None:
    """Refuse more bands than a report can be judged by in time."""
    if settings["max_iter"] is None:
        return
    eta, s = settings["eta"], settings["s"]
    if s > MAX_BANDS and MAX_BANDS * math.log(eta) < math.log(settings["max_iter"]):
        message = f"found {s}, which makes more than {MAX_BANDS} bands with eta = {eta}"
        report.error((*place, "s"), f"{message}; needs a larger eta, such as 3, or a smaller s")


def read_command(section: object, place: Place, report: Report) -> list[str] | None:
    """The command's elements as texts; None for the default command."""
    if isinstance(section, str) and (words := _words(section)):
        report.warn(place, f"found {describe(section)}; read as {words}")
        return words
    if not isinstance(section, list) or not section:
        report.warn(
            place,
            f"found {describe(section)}; needs a list, such as "
            "[python, '${program}', '${args}']; the default command is used",
        )
        return None
    for index, element in enumerate(section):
        if isinstance(element, (list, dict)) or element is None:
            report.warn((*place, index), f"found {describe(element)}; passed as '{element}'")
    return [str(element) for element in section]


def _words(text: str) -> list[str]:
    """The words of a command in one text; none where its quotes do not pair."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _warn_unknown(
    section: dict[str, Any], fields: Sequence[Field], place: Place, report: Report
) -> None:
    known = {field.name for field in fields}
    for key, value in section.items():
        if key not in known:
            hint = suggestion(key, known)
            if looks_like_parameter(value):
                hint = "; it looks like a parameter: indent it under parameters"
            report.warn((*place, key), f"the key '{key}' is not known here{hint}")
