"""Contract: any sequence of writes, including stale and repeated ones, agrees with the model."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from model_store import ModelStore, run_heads
from store_kinds import StoreKind
from store_samples import a_counter, a_lease, a_live, a_meta, a_run, an_observation, an_outcome

from sweep_service.errors import ServiceError, Stale
from sweep_service.model.records.entries import BandValue
from sweep_service.model.records.records import (
    Amendment,
    Base,
    EarlyStop,
    Lease,
    Observation,
    Run,
)
from sweep_service.model.records.shown import Final, Labels, SweepInfo
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.storage.store import Store

# Few values, so that what is asked for is often stored already, or was a moment ago.
indices = st.integers(0, 1)
attempts = st.integers(0, 2)
keys = st.sampled_from(["a", "b"])
times = st.sampled_from([1000.0, 1500.5, 2000.0])
limits = st.none() | st.integers(0, 4)
revisions = st.sampled_from([0, 0, 1])
stops = st.builds(EarlyStop, st.integers(1, 2), st.just(0.5), st.just(0.25))
leases = st.builds(
    a_lease,
    indices,
    attempt=attempts,
    key=keys,
    agent=keys,
    lease_end=times,
    suspect_at=st.none() | times,
    released_attempt=st.integers(-1, 1),
    losses=st.integers(0, 2),
    failures=st.integers(0, 2),
    is_stop_requested=st.booleans(),
    is_preempting=st.booleans(),
    early_stop=st.none() | stops,
    live=st.builds(a_live, st.integers(0, 2), n_values=st.integers(0, 9)),
    unit=st.sampled_from([None, (0.25,), (0.75, 0.5)]),
    revision=revisions,
    amendment=st.none() | st.sampled_from(Amendment),
)
outcomes = st.builds(
    an_outcome,
    state=st.sampled_from([RunState.FINISHED, RunState.FAILED]),
    exit_code=st.integers(0, 3),
    best=st.sampled_from([None, 0.5]),
    early_stop=st.none() | stops,
)
runs = st.builds(
    a_run,
    indices,
    attempt=attempts,
    key=keys,
    agent=keys,
    revision=revisions,
    outcome=st.none() | outcomes,
    attributes=st.sampled_from([{}, {"name": "first"}]),
    labels=st.sampled_from([Labels(), Labels("mine", ("good",))]),
)
infos = st.builds(
    SweepInfo,
    labels=st.sampled_from([Labels(), Labels("mine", ("good",)), Labels(notes="a note")]),
    final=st.sampled_from([None, Final(3, {"finished": 2}, 1, 0.5), Final(4, {})]),
)


class StoreMachine(RuleBasedStateMachine):
    """Drives a store and the model side by side, on a sweep of its own."""

    def __init__(self, store: Store, sweep: str) -> None:
        super().__init__()
        self.store, self.sweep = store, sweep
        meta, counter = a_meta(sweep=sweep, create_key=sweep), a_counter(limit=3)
        store.create_sweep(meta, counter)
        self.model = ModelStore(counter)
        self.seen: list[Any] = []

    def both(self, method: str, *values: Any) -> None:
        """Call the method on both; they must answer alike."""
        assert reported(getattr(self.store, method), self.sweep, *values) == reported(
            getattr(self.model, method), *values
        )

    def see(self, records: list[Any]) -> None:
        self.seen += [record for record in records if record not in self.seen[-4:]]

    def a_seen(self, data: st.DataObject, index: int | None = None) -> Any:
        """Something that was read before, more often than not lately; None for nothing."""
        known = [one for one in self.seen if index is None or one.index == index]
        return data.draw(st.sampled_from([*known[-4:][::-1], None]), label="seen")


class CounterMachine(StoreMachine):
    """The counter."""

    @rule()
    def claim_index(self) -> None:
        self.both("claim_index")

    @rule(
        data=st.data(),
        state=st.sampled_from([SweepState.RUNNING] * 3 + list(SweepState)),
        run_cap=limits,
        limit=limits,
        is_newer=st.booleans(),
    )
    def save(
        self,
        data: st.DataObject,
        state: SweepState,
        run_cap: int | None,
        limit: int | None,
        is_newer: bool,
    ) -> None:
        seen = self.a_seen(data) or self.model.counter
        bases = (*seen.bases, Base(seen.version + 1, seen.next_index)) if is_newer else seen.bases
        changes = {"state": state, "run_cap": run_cap, "limit": limit, "bases": bases}
        self.both("save", seen, replace(seen, **changes))

    @invariant()
    def stored(self) -> None:
        counter = self.store.get_status(self.sweep)
        assert counter == self.model.counter
        self.see([counter])


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
    def stored(self) -> None:
        for version in (1, 2):
            points = {
                name: index for (of, name), index in self.model.points.items() if of == version
            }
            assert self.store.list_points(self.sweep, version) == points


class LeaseMachine(StoreMachine):
    """Leases."""

    @rule(data=st.data(), lease=leases)
    def save(self, data: st.DataObject, lease: Lease) -> None:
        self.both("save", self.a_seen(data, lease.index), lease)

    @rule(data=st.data(), key=keys)
    def change_a_little(self, data: st.DataObject, key: str) -> None:
        seen = self.a_seen(data)
        if seen is not None:
            self.both("save", seen, replace(seen, key=key))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        seen = self.a_seen(data)
        if seen is not None:
            self.both("delete", seen)

    @invariant()
    def stored(self) -> None:
        leases = self.store.list_leases(self.sweep)
        assert as_stored(leases) == as_stored(self.model.all_of(Lease))
        self.see(leases)


class InfoMachine(StoreMachine):
    """What is shown of the sweep."""

    @rule(data=st.data(), info=infos)
    def save(self, data: st.DataObject, info: SweepInfo) -> None:
        self.both("save", self.a_seen(data), info)

    @invariant()
    def stored(self) -> None:
        info = self.store.get_info(self.sweep)
        known = [] if info is None else [info]
        assert as_stored(known) == as_stored(self.model.all_of(SweepInfo))
        self.see(known)


class RunMachine(StoreMachine):
    """Runs and what they leave behind."""

    @rule(data=st.data(), run=runs)
    def save(self, data: st.DataObject, run: Run) -> None:
        self.both("save", self.a_seen(data, run.index), run)

    @rule(index=indices, attempt=attempts, band=st.integers(0, 1), value=st.floats(-1, 1))
    def append_band(self, index: int, attempt: int, band: int, value: float) -> None:
        self.both("append", index, BandValue(band, attempt, value))

    @rule(index=indices, attempt=attempts, band=st.integers(0, 1))
    def drop_band(self, index: int, attempt: int, band: int) -> None:
        self.both("drop_band", band, index, attempt)

    @rule(index=indices, written_at=times, value=st.floats(-1, 1), revision=revisions)
    def append_observation(
        self, index: int, written_at: float, value: float, revision: int
    ) -> None:
        entry: Observation = an_observation(
            index, written_at=written_at, value=value, revision=revision
        )
        self.both("append", index, entry)

    @invariant()
    def stored(self) -> None:
        runs = self.store.list_runs(self.sweep, 0, 9)
        assert as_stored(runs) == as_stored(self.model.all_of(Run))
        heads = self.store.list_run_heads(self.sweep)
        assert [(one.index, one.state, one.best) for one in heads] == run_heads(runs)
        self.see(runs)

    @invariant()
    def entries_are_kept(self) -> None:
        for band in range(2):
            values = {
                index: entry.value for (at, index), entry in self.model.bands.items() if at == band
            }
            assert self.store.list_band(self.sweep, band) == values
        log = [self.model.observations[place] for place in sorted(self.model.observations)]
        assert self.store.list_observations(self.sweep, 0) == log


def as_stored(records: list[Any]) -> list[tuple[Any, int]]:
    """The records, and how often each was written."""
    return [(record, record.change) for record in records]


def reported(method: Any, *values: Any) -> Any:
    """What a caller hears: the result, or the kind of error and what is stored."""
    try:
        result = method(*values)
    except Stale as error:
        return Stale, error.stored, getattr(error.stored, "change", None)
    except ServiceError as error:
        return type(error)
    return result, getattr(result, "change", None)


@pytest.mark.parametrize(
    "machine", [CounterMachine, PointMachine, LeaseMachine, InfoMachine, RunMachine]
)
def test_stores_do_what_the_model_does(
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
