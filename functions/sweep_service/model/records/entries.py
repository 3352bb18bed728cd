"""What runs leave behind, entry by entry; see also ``records``."""

from __future__ import annotations

from dataclasses import dataclass

from sweep_service.model.records.records import AttemptRecord, Observation, RowBatch


@dataclass(frozen=True, slots=True)
class BandValue:
    """The value of the metric that an attempt of a run had when it reached a band."""

    band: int
    attempt: int
    value: float


@dataclass(frozen=True, slots=True)
class ErrorTail:
    """The last lines of standard error of an attempt that failed."""

    attempt: int
    text: str


Entry = Observation | BandValue | RowBatch | AttemptRecord | ErrorTail
