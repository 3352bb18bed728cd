"""The table of writes and conditions of the hand-out protocol, in plain dicts, for one sweep.

It says what every store must do, as directly as it can be said; the stateful test holds stores
against it.
"""

from __future__ import annotations

from dataclasses import replace

from sweep_service.errors import (
    Exhausted,
    LeaseHeld,
    LeaseLost,
    NotPossible,
    NotRunning,
    RunEnded,
    RunExists,
    Stale,
)
from sweep_service.model.records.records import (
    Base,
    Counter,
    EarlyStop,
    Lease,
    LiveSummary,
    Observation,
    Outcome,
    Run,
    SweepMeta,
)
from sweep_service.model.records.states import SweepState

RUNNING, FINISHED = SweepState.RUNNING, SweepState.FINISHED


class ModelStore:
    """What a store holds of one sweep; the methods are those of ``Store`` without the sweep."""

    def __init__(self, meta: SweepMeta, counter: Counter) -> None:
        self.counter = counter
        self.documents = {meta.version: meta.document}
        self.points: dict[tuple[int, str], int] = {}
        self.leases: dict[int, Lease] = {}
        self.runs: dict[int, Run] = {}
        self.bands: dict[tuple[int, int], tuple[int, float]] = {}
        self.observations: dict[tuple[float, int], Observation] = {}

    # Counter

    def claim_index(self) -> tuple[int, Counter]:
        require(self.counter.state is RUNNING, NotRunning)
        limit = self.counter.limit
        require(limit is None or self.counter.next_index < limit, Exhausted)
        self.counter = replace(self.counter, next_index=self.counter.next_index + 1)
        return self.counter.next_index - 1, self.counter

    def finish_sweep(self, seen: Counter) -> Counter:
        stands = self.counter
        if stands.state is FINISHED:
            return stands
        require(stands.state is RUNNING, Stale)
        require(stands.next_index == seen.next_index, Stale)
        require(stands.change == seen.change, Stale)
        return self._change(state=FINISHED)

    def set_state(
        self, state: SweepState, allowed_from: list[SweepState], seen: Counter
    ) -> Counter:
        stands = self.counter
        if (stands.state, stands.change) == (state, seen.change + 1):
            return stands
        require(stands.state in allowed_from, Stale)
        require(stands.change == seen.change, Stale)
        return self._change(state=state)

    def set_limit(self, run_cap: int | None, limit: int | None, seen: Counter) -> Counter:
        stands = self.counter
        if (stands.run_cap, stands.limit, stands.change) == (run_cap, limit, seen.change + 1):
            return stands
        require(stands.change == seen.change, Stale)
        require(limit is None or stands.next_index <= limit, Stale)
        return self._change(state=self._state_under(limit), run_cap=run_cap, limit=limit)

    def add_version(self, meta: SweepMeta, limit: int | None, seen: Counter) -> Counter:
        stands = self.counter
        base = Base(seen.version + 1, seen.next_index)
        if stands.bases[-1] == base and self.documents[base.version] == meta.document:
            return stands
        require(stands.version == seen.version, Stale)
        require(stands.next_index == seen.next_index, Stale)
        require(stands.change == seen.change, Stale)
        self.documents[base.version] = meta.document
        bases = (*stands.bases, base)
        return self._change(state=self._state_under(limit), limit=limit, bases=bases)

    def _state_under(self, limit: int | None) -> SweepState:
        old, given_out = self.counter.limit, self.counter.next_index
        was_exhausted = old is not None and given_out >= old
        has_more = limit is None or given_out < limit
        is_resumed = self.counter.state is FINISHED and was_exhausted and has_more
        return RUNNING if is_resumed else self.counter.state

    def _change(self, **changes: object) -> Counter:
        self.counter = replace(self.counter, change=self.counter.change + 1, **changes)
        return self.counter

    # Points

    def claim_point(self, version: int, point: str, index: int, over: int | None = None) -> int:
        holder = self.points.setdefault((version, point), index)
        if holder == over:
            self.points[version, point] = index
        return self.points[version, point]

    # Leases

    def open_lease(self, lease: Lease) -> None:
        stands = self.leases.setdefault(lease.index, lease)
        require((stands.key, stands.attempt) == (lease.key, lease.attempt), LeaseHeld)

    def suspect_lease(self, seen: Lease, now: float) -> None:
        stands = self.leases.get(seen.index)
        if (
            stands is not None
            and stands.attempt == seen.attempt
            and stands.lease_end == seen.lease_end
            and (stands.suspect_at is None or stands.suspect_at > now)
        ):
            self.leases[seen.index] = replace(stands, suspect_at=now)

    def take_lease(self, seen: Lease, lease: Lease) -> None:
        stands = self.leases.get(lease.index)
        require(stands is not None, LeaseHeld)
        assert stands is not None
        if (stands.key, stands.attempt) == (lease.key, lease.attempt):
            return
        require(stands.attempt == seen.attempt, LeaseHeld)
        require(stands.suspect_at == seen.suspect_at, LeaseHeld)
        require(stands.revision == seen.revision, LeaseHeld)
        self.leases[lease.index] = Lease(
            index=lease.index,
            attempt=lease.attempt,
            key=lease.key,
            agent=lease.agent,
            host=lease.host,
            slot=lease.slot,
            lease_end=lease.lease_end,
            losses=lease.losses,
            released_attempt=stands.released_attempt,
            failures=stands.failures,
            unit=stands.unit if stands.unit is not None else lease.unit,
            revision=stands.revision,
            amendment=stands.amendment,
        )

    def extend_lease(
        self, index: int, attempt: int, lease_end: float, live: LiveSummary | None
    ) -> Lease:
        stands = self.leases.get(index)
        require(stands is not None, LeaseLost)
        assert stands is not None
        require(stands.attempt == attempt, LeaseLost)
        require(stands.released_attempt < attempt, LeaseLost)
        counted = stands.live.next_row
        if live is not None and counted is not None and live.next_row <= counted:
            return stands
        extended = replace(stands, lease_end=max(stands.lease_end, lease_end), suspect_at=None)
        self.leases[index] = extended if live is None else replace(extended, live=live)
        return self.leases[index]

    def preempt_lease(self, index: int, attempt: int, lease_end: float) -> Lease:
        stands = self.leases.get(index)
        require(stands is not None, LeaseLost)
        assert stands is not None
        require(stands.attempt == attempt, LeaseLost)
        require(stands.released_attempt < attempt, LeaseLost)
        self.leases[index] = replace(
            stands, lease_end=lease_end, suspect_at=None, is_preempting=True
        )
        return self.leases[index]

    def release_lease(self, index: int, attempt: int, failures: int) -> None:
        stands = self.leases.get(index)
        require(stands is not None, LeaseLost)
        assert stands is not None
        if stands.released_attempt >= attempt:
            return
        require(stands.attempt == attempt, LeaseLost)
        self.leases[index] = replace(
            stands, lease_end=0, released_attempt=attempt, failures=failures, suspect_at=None
        )

    def stop_run(self, index: int) -> None:
        stands = self.leases.get(index)
        require(stands is not None, NotPossible)
        assert stands is not None
        require(stands.released_attempt < stands.attempt, NotPossible)
        self.leases[index] = replace(stands, is_stop_requested=True)

    def mark_stopped(self, index: int, attempt: int, stop: EarlyStop) -> None:
        stands = self.leases.get(index)
        if stands is None or stands.attempt != attempt or stands.early_stop is not None:
            return
        if stands.released_attempt < attempt:
            self.leases[index] = replace(stands, early_stop=stop)

    def drop_lease(self, index: int, attempt: int, revision: int) -> None:
        stands = self.leases.get(index)
        if stands is not None and stands.attempt <= attempt and stands.revision == revision:
            del self.leases[index]

    # Runs and what they leave behind

    def create_run(self, run: Run) -> None:
        stands = self.runs.setdefault(run.index, run)
        require((stands.key, stands.attempt) == (run.key, run.attempt), RunExists)

    def advance_attempt(self, index: int, attempt: int, lease: Lease, started_at: float) -> None:
        stands = self.runs.get(index)
        require(stands is not None, LeaseLost)
        assert stands is not None
        require(stands.outcome is None, RunEnded)
        if (stands.attempt, stands.key) == (attempt, lease.key):
            return
        require(stands.attempt < attempt, LeaseLost)
        require(stands.revision == lease.revision, LeaseLost)
        self.runs[index] = replace(
            stands,
            attempt=attempt,
            key=lease.key,
            agent=lease.agent,
            host=lease.host,
            started_at=started_at,
        )

    def end_run(self, index: int, attempt: int, revision: int, outcome: Outcome) -> Run:
        stands = self.runs.get(index)
        require(stands is not None, LeaseLost)
        assert stands is not None
        require(stands.attempt == attempt, LeaseLost)
        require(stands.revision == revision, LeaseLost)
        if stands.outcome is None:
            self.runs[index] = replace(stands, outcome=outcome, attributes={})
        return self.runs[index]

    def amend_run(self, index: int, attempt: int, revision: int, outcome: Outcome | None) -> None:
        stands = self.runs.get(index)
        if stands is None or stands.outcome is None:
            return
        if (stands.attempt, stands.revision) == (attempt, revision):
            self.runs[index] = replace(stands, outcome=outcome, revision=revision + 1)

    def note_run(self, index: int, attempt: int, attributes: dict[str, object]) -> None:
        stands = self.runs.get(index)
        if stands is not None and stands.attempt == attempt and stands.outcome is None:
            self.runs[index] = replace(stands, attributes=attributes)

    def put_band(self, band: int, index: int, attempt: int, value: float) -> None:
        if attempt >= self.bands.get((band, index), (0, 0.0))[0]:
            self.bands[band, index] = (attempt, value)

    def drop_band(self, band: int, index: int, attempt: int) -> None:
        if attempt >= self.bands.get((band, index), (attempt + 1, 0.0))[0]:
            del self.bands[band, index]

    def put_observation(self, observation: Observation) -> None:
        place = (observation.written_at, observation.index)
        stands = self.observations.get(place)
        if stands is None or stands.revision <= observation.revision:
            self.observations[place] = observation


def require(condition: bool, error: type[Exception]) -> None:
    if not condition:
        raise error
