"""Entries that runs append; see also ``records``."""

from __future__ import annotations

from dataclasses import dataclass

from sweep_service.model.records.records import AttemptRecord, Observation, RowBatch


@dataclass(frozen=True, slots=True)
class BandValue:
    """The metric value of an attempt when it reached a band."""

    band: int
    attempt: int
    value: float


@dataclass(frozen=True, slots=True)
class ErrorTail:
    """The last lines of standard error of a failed attempt."""

    attempt: int
    text: str


Entry = Observation | BandValue | RowBatch | AttemptRecord | ErrorTail
