"""Decodes what wandb's clients send about a run: streams of rows, and ``UpsertBucket``. Pure.

The agent's endpoint and the backend share this module. Unknown fields are ignored, and a line of a
stream that cannot be decoded counts as an empty row, so that the other rows keep their numbers.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Json = dict[str, Any]

_HISTORY, _SUMMARY = "wandb-history.jsonl", "wandb-summary.json"
_OUTPUT = "output.log"
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MAX_DEPTH = 32
_MAX_INTEGER = 2**63
_MAX_STEP = 2**53


class Malformed(ValueError):
    """A body is malformed; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Row:
    """The values logged at one step.

    Attributes:
        step: The step, if the client sent it.
        at: Time in seconds since the epoch, if the client sent it.
        metrics: Numbers by dotted name, possibly NaN or infinite; empty if there are only media or
            texts.
    """

    step: int | None = None
    at: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stream:
    """The content of one request to ``file_stream``.

    Attributes:
        offset: Number of the first row in the run's history, from 0.
        rows: One row for each line of the history, including empty ones.
        summary: The numbers of the run's whole summary by dotted name, if it was sent.
        texts: The texts of that summary by dotted name.
        left_out: Kinds of values in the rows other than numbers: kinds of media, ``list``,
            ``text``.
        is_complete: Whether the run has ended and nothing more follows.
        exit_code: Exit code of the program, at the end.
        is_preempting: Whether the program expects to be interrupted.
    """

    offset: int = 0
    rows: tuple[Row, ...] = ()
    summary: Mapping[str, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    is_complete: bool = False
    exit_code: int | None = None
    is_preempting: bool = False

    def rows_from(self, n_held: int) -> tuple[Row, ...]:
        """The rows after the first ``n_held``, which a repeated request contains again."""
        return self.rows[max(n_held - self.offset, 0) :]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A run as described by a client in ``UpsertBucket``; omitted values are None.

    Attributes:
        name: The run's id, chosen by the client.
        config: The run's whole configuration, without the client's own entries.
        summary: As in ``Stream``.
    """

    name: str
    project: str | None = None
    entity: str | None = None
    display_name: str | None = None
    sweep: str | None = None
    host: str | None = None
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    summary: Mapping[str, float] | None = None


def decode_stream(body: bytes) -> Stream:
    """Decode the body of a ``file_stream`` request.

    Raises:
        Malformed: It is not a JSON object, or its parts have wrong types.
    """
    document = decode_object(body)
    files = _map(document, "files")
    history, summaries = _map(files, _HISTORY), _map(files, _SUMMARY)
    left_out: set[str] = set()
    rows = tuple(_row(line, left_out) for line in _lines(history))
    summary = next((_object(line) for line in reversed(_lines(summaries))), None)
    numbers, texts = (None, {}) if summary is None else _values(summary, set())
    return Stream(
        offset=max(_whole(history.get("offset")) or 0, 0),
        rows=rows,
        summary=numbers,
        texts=texts,
        left_out=frozenset(left_out),
        is_complete=document.get("complete") is True,
        exit_code=_whole(document.get("exitcode")),
        is_preempting=document.get("preempting") is True,
    )


def decode_output(body: bytes) -> str:
    """The program's output in a ``file_stream`` request, without the time of each line.

    Raises:
        Malformed: As ``decode_stream``.
    """
    lines = _lines(_map(_map(decode_object(body), "files"), _OUTPUT))
    text = "\n".join(line.partition(" ")[2] for line in lines if isinstance(line, str))
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def decode_bucket(variables: Mapping[str, Any]) -> Bucket:
    """Decode the variables of an ``UpsertBucket`` operation.

    Raises:
        Malformed: They name no run.
    """
    name = _text(variables.get("name"))
    if name is None:
        raise Malformed("the run has no name")
    tags = variables.get("tags")
    summary = variables.get("summaryMetrics")
    return Bucket(
        name=name,
        project=_text(variables.get("project")),
        entity=_text(variables.get("entity")),
        display_name=_text(variables.get("displayName")),
        sweep=_text(variables.get("sweep")),
        host=_text(variables.get("host")),
        group=_text(variables.get("groupName")),
        job_type=_text(variables.get("jobType")),
        notes=_text(variables.get("notes")),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        config=decode_config(variables.get("config")),
        summary=_values(_object(summary), set())[0] if isinstance(summary, str) else None,
    )


def decode_config(text: object) -> dict[str, Any] | None:
    """Decode and unwrap a configuration that a client wrote as JSON; None if there is none.

    Each value is wrapped, as ``{"lr": {"value": 0.1, "desc": null}}``.
    """
    if not isinstance(text, str):
        return None
    return {
        key: item["value"] if isinstance(item, dict) and "value" in item else item
        for key, item in _object(text).items()
        if key not in ("_wandb", "wandb_version")
    }


def encode_config(config: Mapping[str, Any]) -> str:
    """Encode a configuration for clients, as JSON with wrapped values."""
    return json.dumps({key: {"value": value} for key, value in config.items()})


def decode_object(body: bytes) -> dict[str, Any]:
    """Decode a body that is a JSON object; an empty body is an empty object.

    Raises:
        Malformed: It is not a JSON object.
    """
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(document, dict):
        raise Malformed("the body is not a JSON object")
    return document


def _map(document: Mapping[str, Any], key: str) -> Json:
    found = document.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Malformed(f"'{key}' is not a JSON object")
    return found


def _lines(file: Mapping[str, Any]) -> list[Any]:
    content = file.get("content")
    return content if isinstance(content, list) else []


def _object(line: object) -> Json:
    """The JSON object in a text, possibly with bare NaN and Infinity; otherwise an empty one."""
    try:
        found = json.loads(line) if isinstance(line, str) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _row(line: object, left_out: set[str]) -> Row:
    document = _object(line)
    at = _number(document.get("_timestamp"))
    is_time = at is not None and math.isfinite(at)
    metrics, _ = _values(document, left_out)
    return Row(_whole(document.get("_step")), at if is_time else None, metrics)


def _values(
    document: Mapping[str, Any], left_out: set[str]
) -> tuple[dict[str, float], dict[str, str]]:
    """The numbers and texts of a map by dotted name; other kinds are added to ``left_out``."""
    numbers: dict[str, float] = {}
    texts: dict[str, str] = {}
    for name, value in _leaves(document, "", _MAX_DEPTH):
        number = _number(value)
        if number is not None:
            numbers[name] = number
        elif isinstance(value, str):
            texts[name] = value
            left_out.add("text")
        elif value is not None:
            kind = value.get("_type") if isinstance(value, dict) else "list"
            left_out.add(kind if isinstance(kind, str) else "map")
    return numbers, texts


def _leaves(document: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The values of nested maps by dotted name; media, which are maps too, count as values.

    Names that begin with an underscore belong to the client.
    """
    for key, value in document.items():
        if not prefix and key.startswith("_"):
            continue
        if isinstance(value, dict) and "_type" not in value and depth:
            yield from _leaves(value, f"{prefix}{key}.", depth - 1)
        else:
            yield prefix + key, value


def _number(value: object) -> float | None:
    """A number, or the number in a text for a non-finite one; None for other values."""
    if isinstance(value, int):  # booleans are numbers too
        return value if abs(value) < _MAX_INTEGER else _as_float(value)
    if isinstance(value, str):
        return _NON_FINITE.get(value)
    return value if isinstance(value, float) else None


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_STEP:
        return value
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
