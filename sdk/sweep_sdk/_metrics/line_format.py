r"""The metrics file: one JSON object per line, from a training program in any language.

``{"loss": 0.3, "step": 4}``
    A row. ``step``, an integer, is the row's step (by default counted from 0); every other key is
    a metric, and nested objects are flattened to dotted names.
``{"step": 4, "at": 1700000000.5, "metrics": {"loss": 0.3}}``
    The same with the time of the row (seconds since the epoch); what ``run.log()`` writes.
    A line has this form if ``metrics`` is an object and there are no keys except these three.
``{"event": "summary", "metrics": {"accuracy": 0.9}}``
    Values for the run's summary; they replace the last logged ones.
``{"event": "describe", "name": "baseline", "config": {"epochs": 5}, "summary": {"path": "a.pt"}}``
    Attributes of the run: name, tags, group, notes, job type, values of the program's own
    configuration, short texts for the summary. Later lines add to earlier ones.
``{"event": "define", "metric": "accuracy", "summary": "mean"}``
    Statistics of a metric for the summary, in addition to its last value, minimum and maximum.
``{"event": "finish", "exit_code": 0}``
    The program reports its end; a code other than 0 means failure, and null withdraws an
    earlier line of this kind.
``{"event": "preempting"}``
    The program is about to be interrupted: an end by error gives the run back.

Standard library only, because training programs load this.
"""

from __future__ import annotations

import json
import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep_sdk._metrics.values import clean_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._metrics.values import MetricValue

#: Maximum size of a row in the backend.
MAX_ROW_BYTES = 256_000
#: Maximum length of a line that the agent reads.
MAX_LINE_BYTES = 8_000_000
_STRUCTURED = frozenset(("step", "at", "metrics"))
_MAX_STEP = 2**53
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class BadLine(ValueError):
    """A line cannot be parsed; the message says why."""


@dataclass(frozen=True)
class RowLine:
    """Metrics that were logged together; ``step`` is None if it is to be counted."""

    step: int | None
    at: float | None
    metrics: dict[str, MetricValue]
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True)
class SummaryLine:
    """Values for the run's summary."""

    metrics: dict[str, MetricValue]
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True)
class DescribeLine:
    """Attributes of the run that the program sets."""

    facts: dict[str, Any]


@dataclass(frozen=True)
class DefineLine:
    """Statistics for the summary of the metrics that match ``metric``, a glob pattern."""

    metric: str
    summary: str


@dataclass(frozen=True)
class FinishLine:
    """The program reports its end; a code of None withdraws an earlier report."""

    exit_code: int | None = 0


@dataclass(frozen=True)
class PreemptingLine:
    """The program expects to be interrupted."""


Line = RowLine | SummaryLine | DescribeLine | DefineLine | FinishLine | PreemptingLine


@dataclass
class _Refusals:
    texts: list[str] = field(default_factory=list)

    def __call__(self, name: str, reason: str) -> None:
        self.texts.append(f"metric '{name}' is left out: {reason}")


def encode_row(step: int | None, at: float, metrics: Mapping[str, MetricValue]) -> bytes:
    """The line of a row whose metrics are clean."""
    return (_encode({"step": step, "at": at, "metrics": metrics}) + "\n").encode()


def encode_wide_row(step: int, at: float, metrics: Mapping[str, MetricValue]) -> bytes:
    """Encode a row as several lines with the same step, each short enough to be read."""
    line = encode_row(step, at, metrics)
    if len(line) <= MAX_LINE_BYTES or len(metrics) < 2:
        return line
    items, middle = list(metrics.items()), len(metrics) // 2
    first, second = dict(items[:middle]), dict(items[middle:])
    return encode_wide_row(step, at, first) + encode_wide_row(step, at, second)


def encode_summary(metrics: Mapping[str, MetricValue]) -> bytes:
    """The line that sets summary values."""
    return (_encode({"event": "summary", "metrics": metrics}) + "\n").encode()


def encode_describe(facts: Mapping[str, Any]) -> bytes:
    """The line that notes facts, which are plain JSON."""
    return (_encode({"event": "describe", **facts}) + "\n").encode()


def encode_define(metric: str, summary: str) -> bytes:
    """The line that sets the statistics of a metric in the summary."""
    return (_encode({"event": "define", "metric": metric, "summary": summary}) + "\n").encode()


def encode_finish(exit_code: int | None) -> bytes:
    """The line that reports the end of the program; None withdraws an earlier one."""
    return (_encode({"event": "finish", "exit_code": exit_code}) + "\n").encode()


def encode_preempting() -> bytes:
    """The line that says that the program expects to be interrupted."""
    return b'{"event":"preempting"}\n'


def decode_line(line: bytes) -> Line | None:
    """Parse a line; None if it is blank.

    Raises:
        BadLine: The line cannot be parsed.
    """
    if not line.strip():
        return None
    document = _parse(line)
    if isinstance(document.get("event"), str):
        return _decode_event(document)
    if isinstance(document.get("metrics"), dict) and document.keys() <= _STRUCTURED:
        return _decode_row(document.get("step"), document.get("at"), document["metrics"])
    metrics = {name: value for name, value in document.items() if name != "step"}
    return _decode_row(document.get("step"), None, metrics)


def whole_step(step: object) -> int | None:
    """A step as an integer; None if it is not one or is out of range.

    Whole floats count, and the integers of other libraries.
    """
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    if isinstance(step, bool):
        return None
    try:
        number = operator.index(step)  # type: ignore[arg-type]  # raises for what is no integer
    except Exception:  # noqa: BLE001  foreign classes raise what they like
        return None
    return number if abs(number) < _MAX_STEP else None


def _parse(line: bytes) -> dict[str, Any]:
    """The object in a line, which another language may have written."""
    try:
        document = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        from sweep_sdk._metrics.lenient_json import parse_leniently  # few programs need it

        try:
            document = parse_leniently(line)
        except ValueError as error:
            raise BadLine(str(error)) from None
    if not isinstance(document, dict):
        raise BadLine("JSON, but not an object of metrics")
    return document


def _decode_event(document: Mapping[str, Any]) -> Line:
    event = document["event"]
    if event == "preempting":
        return PreemptingLine()
    if event == "finish":
        code = document.get("exit_code", 0)
        return FinishLine(code if code is None or isinstance(code, int) else 1)
    if event == "summary" and isinstance(document.get("metrics"), dict):
        refusals = _Refusals()
        metrics = clean_metrics(document["metrics"], refusals)
        return SummaryLine(metrics, tuple(refusals.texts))
    if event == "describe":
        return DescribeLine({name: value for name, value in document.items() if name != "event"})
    if event == "define" and isinstance(document.get("metric"), str):
        return DefineLine(document["metric"], str(document.get("summary")))
    raise BadLine(f"event {event[:40]!r} is not known")


def _decode_row(step: object, at: object, metrics: Mapping[str, Any]) -> RowLine:
    refusals = _Refusals()
    clean = clean_metrics(metrics, refusals)
    number = whole_step(step)
    if step is not None and number is None:
        refusals.texts.append(f"step {str(step)[:40]!r} is no whole number; it is counted instead")
    time = float(at) if isinstance(at, (int, float)) and abs(at) < _MAX_STEP else None
    return RowLine(number, time, clean, tuple(refusals.texts))
