"""A report for others: without the names of people and machines, commands, and what programs wrote.

Pure. Names of parameters and metrics, and values of parameters, stay: without them there would be
no report. A known name of an agent or a machine is replaced within texts too, unless it is a plain
word, and so are home folders.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Json = dict[str, Any]

_OF_SWEEP = ("command_sha256", "command_changed_at", "command_changed_by", "notes")
_OF_CONFIG = ("command", "program")
_OF_RUN = ("error_tail", "log", "name", "tags", "notes", "attributes")
_KINDS = ("agent", "host")
#: Names that cannot be meant in another way where they occur in a text: no plain words.
_DISTINCT = re.compile(r"(?=.*[^a-z_]).{3,}", re.DOTALL)
_HOME = re.compile(r"/(?:home|Users)/[^/\s]+")


def redacted(document: Json) -> Json:
    """The document of a report without what identifies people and machines.

    Args:
        document: As ``report_document`` makes it.
    """
    labels = _labels(document)
    tables = {sweep: _table(table, labels) for sweep, table in document["tables"].items()}
    runs = {
        sweep: {index: _run(run, labels) for index, run in found.items()}
        for sweep, found in document["runs"].items()
    }
    glances = {
        sweep: {**glance, "best": glance["best"] and _run(glance["best"], labels)}
        for sweep, glance in document["glances"].items()
    }
    sweeps = [_sweep(sweep) for sweep in document["sweeps"]]
    kept = {**document, "sweeps": sweeps, "tables": tables, "runs": runs, "glances": glances}
    names = sorted(filter(_DISTINCT.fullmatch, labels), key=len, reverse=True)
    pattern = re.compile(
        rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, names)) or '(?!)'})(?![A-Za-z0-9])"
    )
    return dict(_relabelled(kept, pattern, labels))


def _labels(document: Json) -> dict[str, str]:
    """What replaces the name of each agent and host, such as ``host 2``."""
    labels: dict[str, str] = {}
    counts = dict.fromkeys(_KINDS, 0)
    for kind, name in _names(document):
        if name and name not in labels:
            counts[kind] += 1
            labels[name] = f"{kind} {counts[kind]}"
    return labels


def _names(document: Json) -> Iterator[tuple[str, str | None]]:
    """The names of agents and hosts that the document has fields for."""
    attempts = [a for run in _runs_in_full(document) for a in run.get("attempts") or ()]
    for table in document["tables"].values():
        fields = table["fields"]
        attempts += [a for found in fields.get("attempts", ()) for a in found or ()]
        for kind in _KINDS:
            yield from ((kind, name) for name in fields.get(kind, ()))
    for kind in _KINDS:
        yield from ((kind, attempt.get(kind)) for attempt in attempts)


def _runs_in_full(document: Json) -> Iterator[Json]:
    for found in document["runs"].values():
        yield from found.values()


def _table(table: Json, labels: Mapping[str, str]) -> Json:
    fields = {name: column for name, column in table["fields"].items() if name not in _OF_RUN}
    for kind in _KINDS:
        if kind in fields:
            fields[kind] = [labels.get(name, name) for name in fields[kind]]
    if "attempts" in fields:
        fields["attempts"] = [
            found and [_named(attempt, labels) for attempt in found] for found in fields["attempts"]
        ]
    return {**table, "sweep": _sweep(table["sweep"]), "fields": fields, "attributes": {}}


def _run(run: Json, labels: Mapping[str, str]) -> Json:
    kept = _named(_without(run, _OF_RUN), labels)
    if kept.get("attempts"):
        kept["attempts"] = [_named(attempt, labels) for attempt in kept["attempts"]]
    return kept


def _named(document: Json, labels: Mapping[str, str]) -> Json:
    """A run or an attempt with labels for its agent and its host."""
    known = {
        kind: labels.get(document[kind], document[kind]) for kind in _KINDS if kind in document
    }
    return {**document, **known}


def _sweep(sweep: Json) -> Json:
    kept = _without(sweep, _OF_SWEEP)
    if "config" in kept:
        kept["config"] = {k: v for k, v in kept["config"].items() if k not in _OF_CONFIG}
    return kept


def _without(document: Json, names: Iterable[str]) -> Json:
    return {name: None if name in names else value for name, value in document.items()}


def _relabelled(value: Any, pattern: re.Pattern[str], labels: Mapping[str, str]) -> Any:
    """A value with labels in the place of names within texts, names of keys among them."""
    if isinstance(value, dict):
        return {
            _relabelled(name, pattern, labels): _relabelled(inner, pattern, labels)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_relabelled(inner, pattern, labels) for inner in value]
    if not isinstance(value, str):
        return value
    return pattern.sub(lambda match: labels[match.group()], _HOME.sub("~", value))
