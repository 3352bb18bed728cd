"""Records what a program's wandb sends in the run's metrics file, like ``run.log()``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.values import encode_number
from sweep_sdk._program.attributes import as_attribute
from sweep_sdk._world import clock, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_sdk._metrics.values import MetricValue
    from sweep_sdk._metrics.writer import MetricsFile
    from sweep_service.wandb.streams import Bucket, Row, Stream

#: Characters that have a meaning in the pattern of a metric's name.
_PATTERN = frozenset("*?[")


@dataclass
class Source:
    """A run of the program's wandb; a program may have several.

    Attributes:
        bucket: The newest description of the run by its client.
        n_rows: Number of rows received, including empty ones.
        last: The last value of each metric.
        summary: The numbers of the newest summary, if any.
        texts: The texts of the newest summary.
        next_step: The step after the largest so far.
        shift: Offset that is added to steps.
        noted: The attributes that have been recorded.
    """

    bucket: Bucket | None = None
    n_rows: int = 0
    is_complete: bool = False
    has_metric: bool = False
    last: dict[str, float] = field(default_factory=dict)
    summary: Mapping[str, float] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    next_step: int = 0
    shift: int = 0
    noted: dict[str, Any] = field(default_factory=dict)


class Recording:
    """Records what one program sends. Thread-safe.

    One wandb run counts: the first one, or the one that logs the sweep's metric. A run that begins
    after its end continues it. Rows of concurrent runs, such as those of other ranks and worker
    processes, are left out.
    """

    def __init__(
        self,
        file: MetricsFile,
        *,
        run: str,
        config: Mapping[str, Any],
        metric: str | None,
        notice: Callable[[str], None],
    ) -> None:
        """Set up.

        Args:
            file: The metrics file of the attempt.
            run: The id of the run.
            config: The sweep's values.
            metric: Name of the sweep's metric.
            notice: Called with messages about values that cannot be recorded.
        """
        self._file = file
        self._run = run
        self._config = config
        self._metric = metric
        self._notice = notice
        self._sources: dict[str, Source] = {}
        self._counted: Source | None = None
        self._is_preempting = False
        self._lock = threads.RLock()

    def begin(self, bucket: Bucket) -> int:
        """Begin or update a run; returns the number of its rows received so far."""
        with self._lock:
            source = self._source(bucket.name)
            source.bucket = bucket
            if source is self._counted:
                self._note(source)
            return source.n_rows

    def find(self, name: str) -> Source | None:
        """The run with this name, if it has begun."""
        return self._sources.get(name)

    def add(self, name: str, stream: Stream) -> None:
        """Record what a client has sent; rows received before are recognised by their numbers."""
        with self._lock:
            source = self._source(name)
            rows = stream.rows_from(source.n_rows)
            source.n_rows = max(source.n_rows, stream.offset + len(stream.rows))
            if stream.summary is not None:
                source.summary, source.texts = stream.summary, stream.texts
            self._prefer(source, rows)
            if source is self._counted:
                self._write(source, rows, stream)
            elif any(row.metrics for row in rows):
                self._notice(
                    "the program has several wandb runs at once: one counts, and what the others"
                    " log is left out"
                )
            source.is_complete = source.is_complete or stream.is_complete

    def close(self) -> str | None:
        """Close the file; returns a message if rows could not be written."""
        with self._lock:
            return self._file.close()

    def _source(self, name: str) -> Source:
        """The run with this name, which counts from now on if no other run does."""
        known = self._sources.get(name)
        source = known or self._sources.setdefault(name, Source())
        counted = self._counted
        is_begun = known is None or known.is_complete
        if counted is None or (is_begun and counted.is_complete):
            if counted is not None:  # the program had finished a run and continues
                self._append(line_format.encode_finish(None))
                if source is not counted:
                    source.shift = counted.next_step
                    counted.last.clear()
            source.is_complete = False
            self._counted = source
        return source

    def _prefer(self, source: Source, rows: tuple[Row, ...]) -> None:
        """Let a run count that logs the sweep's metric, if the one that counts does not."""
        if self._metric is None or not any(self._metric in row.metrics for row in rows):
            return
        source.has_metric = True
        if self._counted is not None and not self._counted.has_metric:
            self._counted = source
            self._note(source)

    def _write(self, source: Source, rows: tuple[Row, ...], stream: Stream) -> None:
        lines = [self._row(source, row) for row in rows if row.metrics]
        if stream.is_preempting and not self._is_preempting:
            self._is_preempting = True
            lines.append(line_format.encode_preempting())
        if stream.is_complete:
            lines += _summary(source)
            lines.append(line_format.encode_finish(stream.exit_code or 0))
        self._append(b"".join(lines))
        if stream.left_out:
            self._notice("images, tables, texts and the like are not kept; numbers are")

    def _row(self, source: Source, row: Row) -> bytes:
        source.last.update(row.metrics)
        at = clock.time() if row.at is None else row.at
        metrics = _encoded(row.metrics)
        if row.step is None:
            return line_format.encode_row(None, at, metrics)
        step = row.step + source.shift
        source.next_step = max(source.next_step, step + 1)
        return line_format.encode_wide_row(step, at, metrics)

    def _note(self, source: Source) -> None:
        """Record new values of the program's configuration and attributes."""
        bucket = source.bucket
        if bucket is None:
            return
        config = {
            name: as_attribute(value)
            for name, value in (bucket.config or {}).items()
            if name not in self._config or self._config[name] != value
        }
        name = bucket.display_name if bucket.display_name != self._run else None
        found = {
            "name": name,
            "tags": list(bucket.tags),
            "group": bucket.group,
            "notes": bucket.notes,
            "job_type": bucket.job_type,
        }
        facts: dict[str, Any] = {key: as_attribute(value) for key, value in found.items() if value}
        facts |= {f"config.{key}": value for key, value in config.items()}
        news = {key: value for key, value in facts.items() if source.noted.get(key) != value}
        source.noted |= news
        described = {key: value for key, value in news.items() if not key.startswith("config.")}
        values = {
            key.removeprefix("config."): value
            for key, value in news.items()
            if key.startswith("config.")
        }
        if values:
            described["config"] = values
        if described:
            self._append(line_format.encode_describe(described))

    def _append(self, lines: bytes) -> None:
        trouble = self._file.append(lines) if lines else None
        if trouble is not None:
            self._notice(trouble)


def _summary(source: Source) -> list[bytes]:
    """Lines for the values in a run's summary that are not in its last row.

    The last values come from the rows. A metric without a value in the summary, as requested with
    ``define_metric(name, summary="none")``, is hidden.
    """
    if source.summary is None:
        return []
    own = {
        name: value
        for name, value in source.summary.items()
        if not _is_same(value, source.last.get(name))
    }
    lines = [line_format.encode_summary(_encoded(own))] if own else []
    if source.texts:
        texts = {name: as_attribute(text) for name, text in source.texts.items()}
        lines.append(line_format.encode_describe({"summary": texts}))
    for name in source.last:
        is_there = any(key == name or key.startswith(f"{name}.") for key in source.summary)
        if not is_there and _PATTERN.isdisjoint(name):
            lines.append(line_format.encode_define(name, "none"))
    return lines


def _is_same(value: float, other: float | None) -> bool:
    if other is None:
        return False
    return value == other or (math.isnan(value) and math.isnan(other))


def _encoded(metrics: Mapping[str, float]) -> dict[str, MetricValue]:
    return {
        name: encode_number(value) if isinstance(value, float) else value
        for name, value in metrics.items()
    }
