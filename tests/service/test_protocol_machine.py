"""The hand-out protocol under random faults.

In the end of each play all faults stop, every handler at work dies, and one agent must bring the
sweep to its end. ``SWEEP_FAULTS=full`` tries thousands of plays with fresh chance.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from protocol_play import CONFIGS, MAX_ATTEMPTS, PREEMPTING_SECONDS, Course, Play, Stop
from protocol_stores import other_kinds

from sweep_service.protocol import leases
from sweep_service.storage.sqlite.store import SqliteStore
from sweep_service.storage.store import Store

STOPS = [
    *[Stop()] * 12,
    *(Stop(n_writes=n) for n in (0, 0, 0, 1, 1, 2, 2, 3)),
    *(Stop(n_calls=n) for n in range(1, 6)),
]
FATES = ["stall", "stall", "stall", "lose", "die"]
WEIGHTS = {
    "agent_asks": 5,
    "agent_reports": 2,
    "agent_has_to_end": 2,
    "agent_ends_its_run": 4,
    "agent_is_killed": 1,
    "stalled_handler_goes_on": 3,
    "stalled_handler_comes_to_its_end": 4,
    "request_arrives_again": 2,
    "time_passes": 2,
    "lease_runs_out": 2,
    "user_sets_the_cap": 3,
    "user_updates_the_config": 1,
    "user_adds_a_point": 2,
    "user_sets_the_state": 1,
    "user_stops_a_run": 1,
    "user_retries_a_run": 2,
    "user_retries_all_that_failed": 1,
    "user_deletes_a_run": 2,
    "somebody_reconciles": 1,
}
EVENTS = [what for what, weight in WEIGHTS.items() for _ in range(weight)]


class ProtocolMachine(RuleBasedStateMachine):
    """Anything may happen at any time."""

    def __init__(self, make_play: Callable[[int], Play]) -> None:
        super().__init__()
        self.make_play = make_play
        self.play: Play | None = None

    @initialize(run_cap=st.integers(1, 2))
    def begin(self, run_cap: int) -> None:
        self.play = self.make_play(run_cap)

    @rule(
        what=st.sampled_from(EVENTS),
        which=st.integers(0, 11),
        stop=st.sampled_from(STOPS),
        fate=st.sampled_from(FATES),
        arrives=st.sampled_from([True, True, True, False]),
    )
    def happens(self, what: str, which: int, stop: Stop, fate: str, arrives: bool) -> None:
        """One rule for all: of several, Hypothesis leaves out some in each sequence."""
        getattr(self.play, what)(which, Course(stop, fate, arrives))

    def teardown(self) -> None:
        if self.play is not None:
            self.play.end()


SIZE = os.environ.get("SWEEP_FAULTS", "")
N_PLAYS = {"": 40, "hunt": 150, "full": 2000}[SIZE]
N_TWIN_PLAYS = {
    "moto": {"": 3, "hunt": 1, "full": 50}[SIZE],
    "wire": {"": 5, "hunt": 1, "full": 1000}[SIZE],
}


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "MAX_ATTEMPTS", MAX_ATTEMPTS)
    monkeypatch.setattr(leases, "PREEMPTING_GRACE_SECONDS", PREEMPTING_SECONDS)
    monkeypatch.setattr(leases, "PREEMPTING_LEASE_SECONDS", PREEMPTING_SECONDS)
    with SqliteStore(tmp_path / "sweeps.db") as store:
        yield store


def play_by_chance(stores: list[Store], config: str, n_plays: int) -> None:
    numbers = itertools.count()

    def make_play(run_cap: int) -> Play:
        return Play(stores, config, f"play-{next(numbers)}", run_cap, MAX_ATTEMPTS)

    run_state_machine_as_test(
        lambda: ProtocolMachine(make_play),
        settings=settings(
            max_examples=n_plays,
            stateful_step_count=25,
            deadline=None,
            derandomize=SIZE != "full",
            report_multiple_bugs=False,
            database=None,
            phases=[Phase.generate] if SIZE == "hunt" else list(Phase),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"\n{config}: {next(numbers)} interleavings, every promise kept")


@pytest.mark.parametrize("config", CONFIGS)
def test_promises_hold(sqlite, config):
    play_by_chance([sqlite], config, N_PLAYS)


@pytest.mark.parametrize("config", ["bands", "points"])
@pytest.mark.parametrize("kind", other_kinds(), ids=lambda kind: kind.name)
def test_dynamodb_does_what_sqlite_does(sqlite, tmp_path, kind, config):
    """Call by call, the same answers and errors, and every promise kept on both."""
    with kind.place(tmp_path) as address, kind.open(address) as store:
        play_by_chance([sqlite, store], config, N_TWIN_PLAYS[kind.name])
