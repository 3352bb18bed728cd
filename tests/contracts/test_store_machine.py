"""Contract: any sequence of writes, stale and repeated ones too, does what the model does."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from model_store import ModelStore
from store_kinds import StoreKind
from store_samples import a_counter, a_lease, a_live, a_meta, a_run, an_observation, an_outcome

from sweep_service.errors import ServiceError
from sweep_service.model.records.records import (
    Amendment,
    EarlyStop,
    Lease,
    LiveSummary,
    Outcome,
    Run,
    RunHead,
)
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.store import Store

# Few values, so that what is asked for often stands already, or did a moment ago.
indices = st.integers(0, 1)
attempts = st.integers(0, 2)
keys = st.sampled_from(["a", "b"])
times = st.sampled_from([1000.0, 1500.5, 2000.0])
limits = st.none() | st.integers(0, 4)
units = st.sampled_from([None, (0.25,), (0.75, 0.5)])
lives = st.builds(a_live, st.integers(0, 2), n_values=st.integers(0, 9))
revisions = st.sampled_from([0, 0, 1])
amendments = st.none() | st.sampled_from(Amendment)
stops = st.builds(EarlyStop, st.integers(1, 2), st.just(0.5), st.just(0.25))
leases = st.builds(
    a_lease,
    indices,
    attempt=attempts,
    key=keys,
    agent=keys,
    lease_end=times,
    unit=units,
    revision=revisions,
    amendment=amendments,
)
runs = st.builds(a_run, indices, attempt=attempts, key=keys, agent=keys, revision=revisions)
outcomes = st.builds(
    an_outcome,
    state=st.sampled_from([RunState.FINISHED, RunState.FAILED]),
    exit_code=st.integers(0, 3),
    best=st.sampled_from([None, 0.5]),
    early_stop=st.none() | stops,
)


class StoreMachine(RuleBasedStateMachine):
    """Drives a store and the model side by side, on a sweep of its own."""

    def __init__(self, store: Store, sweep: str) -> None:
        super().__init__()
        self.store, self.sweep = store, sweep
        meta, counter = a_meta(sweep=sweep, create_key=sweep), a_counter(limit=3)
        store.create_sweep(meta, counter)
        self.model = ModelStore(meta, counter)
        self.seen: list[Any] = []

    def both(self, method: str, *values: Any) -> None:
        """Call the method on both; they must answer alike."""
        assert told(getattr(self.store, method), self.sweep, *values) == told(
            getattr(self.model, method), *values
        )

    def see(self, record: Any) -> None:
        if record not in self.seen[-1:]:
            self.seen.append(record)

    def a_seen(self, data: st.DataObject) -> Any:
        """Something that was read before, more often than not lately."""
        return data.draw(st.sampled_from(self.seen[-4:][::-1]), label="seen")


class CounterMachine(StoreMachine):
    """Config versions and the counter."""

    @rule()
    def claim_index(self) -> None:
        self.both("claim_index")

    @rule(data=st.data())
    def finish_sweep(self, data: st.DataObject) -> None:
        self.both("finish_sweep", self.a_seen(data))

    @rule(
        data=st.data(),
        state=st.sampled_from([SweepState.RUNNING] * 3 + list(SweepState)),
        allowed_from=st.just(list(SweepState)) | st.lists(st.sampled_from(SweepState)),
    )
    def set_state(
        self, data: st.DataObject, state: SweepState, allowed_from: list[SweepState]
    ) -> None:
        self.both("set_state", state, allowed_from, self.a_seen(data))

    @rule(data=st.data(), run_cap=limits, limit=limits)
    def set_limit(self, data: st.DataObject, run_cap: int | None, limit: int | None) -> None:
        self.both("set_limit", run_cap, limit, self.a_seen(data))

    @rule(data=st.data(), method=st.sampled_from(["grid", "random"]))
    def add_version(self, data: st.DataObject, method: str) -> None:
        seen = self.a_seen(data)
        limit = data.draw(st.just(seen.limit) | limits, label="limit")
        meta = a_meta(sweep=self.sweep, version=seen.version + 1, document={"method": method})
        assert told(self.store.add_version, meta, limit, seen) == told(
            self.model.add_version, meta, limit, seen
        )

    @invariant()
    def stands(self) -> None:
        counter = self.store.get_counter(self.sweep)
        assert counter == self.model.counter
        self.see(counter)
        for version, document in self.model.documents.items():
            assert self.store.get_meta(self.sweep, version).document == document


class PointMachine(StoreMachine):
    """Claims of points."""

    @rule(
        version=st.integers(1, 2),
        point=keys,
        index=st.integers(0, 2),
        over=st.none() | st.integers(0, 2),
    )
    def claim_point(self, version: int, point: str, index: int, over: int | None) -> None:
        self.both("claim_point", version, point, index, over)

    @invariant()
    def stands(self) -> None:
        for version in (1, 2):
            points = {
                name: index for (of, name), index in self.model.points.items() if of == version
            }
            assert self.store.list_points(self.sweep, version) == points


class LeaseMachine(StoreMachine):
    """Leases."""

    def __init__(self, store: Store, sweep: str) -> None:
        super().__init__(store, sweep)
        self.seen = [a_lease()]

    def an_attempt(self, data: st.DataObject, index: int) -> int:
        """The attempt that holds the lease, or some other."""
        stands = self.model.leases.get(index)
        current = st.nothing() if stands is None else st.just(stands.attempt)
        return data.draw(current | attempts, label="attempt")

    @rule(lease=leases, is_released=st.booleans())
    def open_lease(self, lease: Lease, is_released: bool) -> None:
        released = lease.attempt if is_released else -1
        self.both("open_lease", replace(lease, released_attempt=released))

    @rule(data=st.data(), now=times)
    def suspect_lease(self, data: st.DataObject, now: float) -> None:
        seen = self.a_seen(data)
        lease_end = data.draw(st.just(seen.lease_end) | times, label="lease_end")
        self.both("suspect_lease", replace(seen, lease_end=lease_end), now)

    @rule(data=st.data(), lease=leases, losses=st.integers(0, 3))
    def take_lease(self, data: st.DataObject, lease: Lease, losses: int) -> None:
        seen = self.a_seen(data)
        seen = replace(seen, revision=data.draw(st.just(seen.revision) | revisions))
        taken = replace(lease, index=seen.index, attempt=seen.attempt + 1, losses=losses)
        self.both("take_lease", seen, taken)

    @rule(data=st.data(), index=indices, lease_end=times)
    def beat(self, data: st.DataObject, index: int, lease_end: float) -> None:
        self.both("extend_lease", index, self.an_attempt(data, index), lease_end, None)

    @rule(data=st.data(), index=indices, lease_end=times, live=lives)
    def report(self, data: st.DataObject, index: int, lease_end: float, live: LiveSummary) -> None:
        self.both("extend_lease", index, self.an_attempt(data, index), lease_end, live)

    @rule(data=st.data(), index=indices, lease_end=times)
    def preempt_lease(self, data: st.DataObject, index: int, lease_end: float) -> None:
        self.both("preempt_lease", index, self.an_attempt(data, index), lease_end)

    @rule(data=st.data(), index=indices, failures=st.integers(0, 3))
    def release_lease(self, data: st.DataObject, index: int, failures: int) -> None:
        self.both("release_lease", index, self.an_attempt(data, index), failures)

    @rule(index=indices)
    def stop_run(self, index: int) -> None:
        self.both("stop_run", index)

    @rule(data=st.data(), index=indices, stop=stops)
    def mark_stopped(self, data: st.DataObject, index: int, stop: EarlyStop) -> None:
        self.both("mark_stopped", index, self.an_attempt(data, index), stop)

    @rule(index=indices, attempt=attempts, revision=revisions)
    def drop_lease(self, index: int, attempt: int, revision: int) -> None:
        self.both("drop_lease", index, attempt, revision)

    @invariant()
    def stands(self) -> None:
        leases = self.store.list_leases(self.sweep)
        assert leases == [self.model.leases[index] for index in sorted(self.model.leases)]
        for lease in leases:
            self.see(lease)


class RunMachine(StoreMachine):
    """Runs and what they leave behind."""

    @rule(run=runs)
    def create_run(self, run: Run) -> None:
        self.both("create_run", run)

    @rule(index=indices, attempt=attempts, lease=leases, started_at=times)
    def advance_attempt(self, index: int, attempt: int, lease: Lease, started_at: float) -> None:
        self.both("advance_attempt", index, attempt, lease, started_at)

    @rule(index=indices, attempt=attempts, revision=revisions, outcome=outcomes)
    def end_run(self, index: int, attempt: int, revision: int, outcome: Outcome) -> None:
        self.both("end_run", index, attempt, revision, outcome)

    @rule(index=indices, attempt=attempts, revision=revisions, outcome=st.none() | outcomes)
    def amend_run(self, index: int, attempt: int, revision: int, outcome: Outcome | None) -> None:
        self.both("amend_run", index, attempt, revision, outcome)

    @rule(index=indices, attempt=attempts, band=st.integers(0, 1), value=st.floats(-1, 1))
    def put_band(self, index: int, attempt: int, band: int, value: float) -> None:
        self.both("put_band", band, index, attempt, value)

    @rule(index=indices, attempt=attempts, band=st.integers(0, 1))
    def drop_band(self, index: int, attempt: int, band: int) -> None:
        self.both("drop_band", band, index, attempt)

    @rule(index=indices, written_at=times, value=st.floats(-1, 1), revision=revisions)
    def put_observation(self, index: int, written_at: float, value: float, revision: int) -> None:
        observation = an_observation(index, written_at=written_at, value=value, revision=revision)
        self.both("put_observation", observation)

    @invariant()
    def stands(self) -> None:
        runs = [self.model.runs[index] for index in sorted(self.model.runs)]
        assert self.store.list_runs(self.sweep, 0, 9) == runs
        assert self.store.list_run_heads(self.sweep) == [
            RunHead(run.index, run.outcome and run.outcome.state, run.outcome and run.outcome.best)
            for run in runs
        ]

    @invariant()
    def trail_stands(self) -> None:
        for band in range(2):
            values = {
                index: value for (at, index), (_, value) in self.model.bands.items() if at == band
            }
            assert self.store.list_band(self.sweep, band) == values
        log = [self.model.observations[place] for place in sorted(self.model.observations)]
        assert self.store.list_observations(self.sweep, 0) == log


def told(method: Any, *values: Any) -> Any:
    """What a caller hears: the result, or the kind of error."""
    try:
        return method(*values)
    except ServiceError as error:
        return type(error)


@pytest.mark.parametrize("machine", [CounterMachine, PointMachine, LeaseMachine, RunMachine])
def test_stores_do_what_the_protocol_says(
    kind: StoreKind, store: Store, machine: type[StoreMachine]
) -> None:
    numbers = itertools.count()
    run_state_machine_as_test(
        lambda: machine(store, f"sweep{next(numbers):03}"),
        settings=settings(
            max_examples=kind.n_sequences,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
