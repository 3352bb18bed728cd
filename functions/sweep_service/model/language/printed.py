"""Checks ``metrics_from``, a sweep-sdk key: metrics that programs print or write elsewhere."""

from __future__ import annotations

import re
import warnings
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.followed import KINDS, path_problem
from sweep_service.model.language.parameters import suggestion
from sweep_service.model.language.report import Place, Report, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STREAMS = ("stdout", "stderr")
#: The pattern of this name gives the step of the rows, not a metric.
STEP = "step"
MOST_PATTERNS = 100
LONGEST_PATTERN = 1000
PATTERN_NEED = "a regular expression with a group around the number"
PATTERN_EXAMPLE = "loss: ([0-9.eE+-]+)"
_SECTION_EXAMPLE = f"{{stdout: {{loss: '{PATTERN_EXAMPLE}'}}}}"
_BACKSPACE = (
    "holds a backspace, which YAML makes of \\b between double quotes; for the edge of a word write"
    " the pattern between single quotes"
)


def read_metrics_from(
    section: object, metric: Mapping[str, Any] | None, place: Place, report: Report
) -> dict[str, Any] | None:
    """The patterns by stream and by the name of the metric, and paths; None after a problem.

    Args:
        section: What the file has under ``metrics_from``.
        metric: The sweep's normalised metric, if it has one.
        place: Where the section is.
        report: Receives the problems.
    """
    if not isinstance(section, dict) or not section:
        report.error(place, f"found {describe(section)}; needs a map, such as {_SECTION_EXAMPLE}")
        return None
    read: dict[str, dict[str, str]] = {}
    paths: dict[str, str] = {}
    for stream, patterns in section.items():
        here = (*place, stream)
        if stream in KINDS:
            if problem := path_problem(patterns):
                report.error(here, f"found {describe(patterns)}; {problem}")
            else:
                paths[stream] = str(patterns)
        elif stream not in STREAMS:
            hint = suggestion(stream, (*STREAMS, *KINDS))
            needs = f"needs {', '.join(STREAMS)}, {' or '.join(KINDS)}, such as {_SECTION_EXAMPLE}"
            report.error(here, f"'{stream}' is no source of metrics; {needs}{hint}")
        elif not isinstance(patterns, dict) or not patterns:
            needs = f"needs a pattern for each metric, such as {{loss: '{PATTERN_EXAMPLE}'}}"
            report.error(here, f"found {describe(patterns)}; {needs}")
        else:
            read[stream] = _read_patterns(patterns, here, report)
    names = {name for patterns in read.values() for name in patterns}
    if sum(map(len, read.values())) > MOST_PATTERNS:
        report.error(place, f"has more than {MOST_PATTERNS} patterns; each is tried on every line")
    if not paths:
        _warn_of_metric(metric, names, place, report)
    return {**read, **paths}


def pattern_problem(pattern: str) -> str | None:
    """Why no number can be taken by a pattern; None where one can."""
    if len(pattern) > LONGEST_PATTERN:
        return f"it is longer than {LONGEST_PATTERN:,} characters"
    try:
        n_groups = compiled(pattern).groups
    except (re.error, OverflowError, RecursionError) as error:
        return f"it is no regular expression: {error}"
    return None if n_groups else "it has no group"


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern.

    Raises:
        re.error: It is none. (Some that are none raise OverflowError or RecursionError.)
    """
    with warnings.catch_warnings():  # such as "possible nested set"
        warnings.simplefilter("ignore")
        return re.compile(pattern)


def _read_patterns(patterns: dict[str, Any], place: Place, report: Report) -> dict[str, str]:
    read = {}
    for name, pattern in patterns.items():
        here = (*place, name)
        if not isinstance(pattern, str):
            report.error(
                here, f"found {describe(pattern)}; needs {PATTERN_NEED}: '{PATTERN_EXAMPLE}'"
            )
        elif problem := pattern_problem(pattern):
            needs = f"needs {PATTERN_NEED}, such as '{PATTERN_EXAMPLE}'"
            report.error(here, f"found {describe(pattern)}; {problem}; {needs}")
        else:
            read[name] = str(pattern)
            if "\b" in pattern:
                report.warn(here, _BACKSPACE)
    return read


def _warn_of_metric(
    metric: Mapping[str, Any] | None, names: Iterable[str], place: Place, report: Report
) -> None:
    """Warn if none of the patterns is for the metric of the sweep."""
    names = sorted(set(names) - {STEP})
    if metric is None or metric["name"] in names:
        return
    near = get_close_matches(metric["name"], names, n=1)
    hint = f"; is '{near[0]}' a misspelling of it?" if near else ""
    report.warn(place, f"has no pattern for the sweep's metric, {metric['name']}{hint}")
