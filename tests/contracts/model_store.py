"""A model of a store in plain dicts, with which the stateful test compares stores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sweep_service.errors import Exhausted, NotRunning, Stale
from sweep_service.model.records.entries import BandValue
from sweep_service.model.records.records import Lease, Observation, Run, SweepStatus
from sweep_service.model.records.states import SweepState


class ModelStore:
    """The methods are those of ``Store`` without the sweep."""

    def __init__(self, counter: SweepStatus) -> None:
        self.records: dict[tuple[type, int], Any] = {(SweepStatus, 0): counter}
        self.points: dict[tuple[int, str], int] = {}
        self.bands: dict[tuple[int, int], BandValue] = {}
        self.observations: dict[tuple[float, int], Observation] = {}

    @property
    def counter(self) -> SweepStatus:
        counter: SweepStatus = self.records[SweepStatus, 0]
        return counter

    def all_of(self, kind: type) -> list[Any]:
        """The records of a type, by index."""
        return [self.records[place] for place in self.records_of(kind)]

    def records_of(self, kind: type) -> list[tuple[type, int]]:
        return sorted((p for p in self.records if p[0] is kind), key=lambda place: place[1])

    def save(self, seen: Any, record: Any) -> Any:
        place = (type(record), getattr(record, "index", 0))
        stored = self.records.get(place)
        saved = replace(record, change=0 if seen is None else seen.change + 1)
        if stored is not None and is_as_seen(stored, saved) and stored == saved:
            return stored
        if stored is None or seen is None:
            require(stored is None and seen is None, stored)
        else:
            require(is_as_seen(stored, seen), stored)
        self.records[place] = saved
        return saved

    def delete(self, seen: Lease) -> None:
        stored = self.records.get((Lease, seen.index))
        if stored is not None:
            require(is_as_seen(stored, seen), stored)
            del self.records[Lease, seen.index]

    def claim_index(self) -> tuple[int, SweepStatus]:
        counter = self.counter
        if counter.state is not SweepState.RUNNING:
            raise NotRunning
        if counter.is_exhausted:
            raise Exhausted
        index, change = counter.next_index, counter.change
        self.records[SweepStatus, 0] = replace(counter, next_index=index + 1, change=change + 1)
        return index, self.counter

    def claim_point(self, version: int, point: str, index: int, over: int | None = None) -> int:
        holder = self.points.setdefault((version, point), index)
        if holder == over:
            self.points[version, point] = index
        return self.points[version, point]

    def append(self, index: int, entry: BandValue | Observation) -> None:
        if isinstance(entry, BandValue):
            stored = self.bands.get((entry.band, index))
            if stored is None or stored.attempt <= entry.attempt:
                self.bands[entry.band, index] = entry
            return
        place = (entry.written_at, index)
        earlier = self.observations.get(place)
        if earlier is None or earlier.revision <= entry.revision:
            self.observations[place] = entry

    def drop_band(self, band: int, index: int, attempt: int) -> None:
        stored = self.bands.get((band, index))
        if stored is not None and stored.attempt <= attempt:
            del self.bands[band, index]


def is_as_seen(stored: Any, seen: Any) -> bool:
    """Whether a record is the one that was seen: leases are deleted and opened again."""
    names = ("change", "attempt", "revision") if isinstance(seen, Lease) else ("change",)
    return all(getattr(stored, name) == getattr(seen, name) for name in names)


def require(condition: bool, stored: Any) -> None:
    if not condition:
        raise Stale("", stored)


def run_heads(runs: list[Run]) -> list[tuple[int, Any, Any]]:
    """Index, state and best value of runs."""
    return [
        (run.index, run.outcome and run.outcome.state, run.outcome and run.outcome.best)
        for run in runs
    ]
