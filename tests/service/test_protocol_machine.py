"""The hand-out protocol under faults: handlers die and stall anywhere, replies are lost.

Requests of a few agents and of the user are played call by call in any order. A handler may stop
before any call of the store, for as long as it takes, or die there; a reply of the store may be
lost, then the client library repeats the call when its turn comes; a reply to a client may be
lost, then the client repeats the request; and any earlier request may arrive once more. In the end
all faults stop, every handler at work dies, and one agent must bring the sweep to its end.

``SWEEP_FAULTS=full`` tries thousands of interleavings with fresh chance.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from protocol_handlers import Call
from protocol_requests import Ask, Finish, Report, SetCap, SetState, Settle, StopRun, Update
from protocol_witness import promise
from protocol_world import Clock, Work, World

from sweep_service.errors import LeaseLost, SweepEnded
from sweep_service.model.states import RunState, SweepState
from sweep_service.operations import ask as ask_module
from sweep_service.operations.ask import HandOut
from sweep_service.storage.sqlite import SqliteStore

LEASE_SECONDS = 10
MAX_ATTEMPTS = 2  # losses until a run has crashed; five would rarely be seen
N_AGENTS = 3
N_POINTS = 20  # never all given out; the cap is what ends the sweep

GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "lease_seconds": LEASE_SECONDS,
    "retry_failed": 1,
    "run_cap": 2,
    "parameters": {"a": {"values": list(range(N_POINTS))}},
}
RANDOM = {
    **GRID,
    "method": "random",
    "seed": 3,
    "parameters": {"a": {"min": 0.0, "max": 1.0}},
}
BANDS = {
    **GRID,
    "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2},
    "metric": {"name": "loss", "target": 1.07},
}
BAYES = {**RANDOM, "method": "bayes"}


@dataclass(frozen=True)
class Stop:
    """Where a handler stops: before a write, before any call, or not at all."""

    n_writes: int | None = None
    n_calls: int | None = None

    def is_reached(self, call: Call, n_writes: int, n_calls: int) -> bool:
        return n_calls == self.n_calls or (call.is_write and n_writes == self.n_writes)


small = st.integers(0, 9)
ENDINGS = [RunState.FINISHED, RunState.FAILED, RunState.PREEMPTED]
STATES = [SweepState.RUNNING, SweepState.RUNNING, SweepState.PAUSED, SweepState.FINISHED]
WAITS = [1.0, LEASE_SECONDS / 2, LEASE_SECONDS, LEASE_SECONDS + 0.5]
STOPS = [
    *[Stop()] * 12,
    *(Stop(n_writes=n) for n in (0, 0, 0, 1, 1, 2, 2, 3)),
    *(Stop(n_calls=n) for n in range(1, 6)),
]
FATES = ["stall", "stall", "stall", "lose", "die"]
WEIGHTS = {
    "agent_asks": 5,
    "agent_reports": 2,
    "agent_ends_its_run": 4,
    "agent_is_killed": 1,
    "stalled_handler_goes_on": 3,
    "stalled_handler_comes_to_its_end": 4,
    "request_arrives_again": 2,
    "time_passes": 2,
    "lease_runs_out": 2,
    "user_sets_the_cap": 3,
    "user_updates_the_config": 1,
    "user_sets_the_state": 1,
    "user_stops_a_run": 1,
    "somebody_settles": 1,
}
EVENTS = [what for what, weight in WEIGHTS.items() for _ in range(weight)]


@dataclass
class Agent:
    """A client: one intent at a time, repeated until it is answered.

    Attributes:
        offset: Of the next row.
        row: The row that was sent and not acknowledged, if any.
        ending: How the run ended, once it has.
    """

    key: str
    run: HandOut | None = None
    offset: int = 0
    row: Report | None = None
    ending: Finish | None = None

    def next_report(self, has_row: bool) -> Any:
        """The row that was not acknowledged, else a new one or a beat; the end, once it is said."""
        assert self.run is not None
        report = Report(self.run.index, self.run.attempt, self.offset, has_row)
        if has_row and self.row is None and self.ending is None:
            self.row = report
        return self.row or self.ending or report

    def next_finish(self, how: RunState) -> Any:
        """The end, as it was said first; before it the row that was not acknowledged."""
        assert self.run is not None
        if self.row is None:
            self.ending = self.ending or Finish(self.run.index, self.run.attempt, how)
        return self.row or self.ending

    def hear(self, request: Any, answer: Any, error: Exception | None, new_key: str) -> None:
        """Go on, if the request is still what this agent wants to know."""
        if request == Ask(self.key) and self.run is None:
            if isinstance(answer, HandOut):
                self.run = answer
            elif isinstance(error, SweepEnded):
                self.key = new_key
        elif self.run is not None and request in (self.ending, self.row):
            if isinstance(error, LeaseLost) or request == self.ending:
                self.begin_anew(new_key)
            elif error is None:
                self.offset, self.row = self.offset + 1, None

    def begin_anew(self, key: str) -> None:
        self.key, self.run, self.offset, self.row, self.ending = key, None, 0, None, None


@dataclass(frozen=True)
class Flight:
    """One request on its way, on every store."""

    request: Any
    works: list[Work]

    @property
    def call(self) -> Call | None:
        """What it waits for; None when it is over."""
        return self.works[0].handler.call


class ProtocolMachine(RuleBasedStateMachine):
    """Plays the same on every store, which must do the same each time."""

    def __init__(self, make_worlds: Callable[[Clock], list[World]], document: Any) -> None:
        super().__init__()
        self.clock = Clock()
        self.worlds = make_worlds(self.clock)
        self.document = document
        self.keys = (f"ask-{number}" for number in itertools.count())
        self.agents = [Agent(next(self.keys)) for _ in range(N_AGENTS)]
        self.sent: list[Any] = []
        self.flights: list[Flight] = []

    @property
    def busy(self) -> list[Agent]:
        return [agent for agent in self.agents if agent.run is not None]

    # One rule for all that may happen: of several, Hypothesis leaves out some in each sequence.

    @rule(
        what=st.sampled_from(EVENTS),
        which=st.integers(0, 11),
        stop=st.sampled_from(STOPS),
        fate=st.sampled_from(FATES),
        arrives=st.sampled_from([True, True, True, False]),
    )
    def happens(self, what: str, which: int, stop: Stop, fate: str, arrives: bool) -> None:
        """Something happens.

        Args:
            what: Name of the method.
            which: Of several possibilities.
            stop: Where the handler that works on it stops.
            fate: What becomes of it then.
            arrives: Whether its answer, if it has one, reaches the client.
        """
        getattr(self, what)(which, stop, fate, arrives)

    def agent_asks(self, which: int, *course: Any) -> None:
        idle = [agent for agent in self.agents if agent.run is None]
        if not idle:
            self.agents.append(Agent(next(self.keys)))
            idle = self.agents[-1:]
        self.send(Ask(idle[which % len(idle)].key), *course)

    def agent_reports(self, which: int, *course: Any) -> None:
        for agent in self.one_of(self.busy, which):
            self.send(agent.next_report(has_row=which % 3 > 0), *course)

    def agent_ends_its_run(self, which: int, *course: Any) -> None:
        for agent in self.one_of(self.busy, which):
            self.send(agent.next_finish(ENDINGS[which % len(ENDINGS)]), *course)

    def agent_is_killed(self, which: int, *_: Any) -> None:
        self.agents[which % len(self.agents)].begin_anew(next(self.keys))

    def stalled_handler_goes_on(self, which: int, *course: Any) -> None:
        for flight in self.one_of(self.flights, which):
            self.play(flight, *course)

    def stalled_handler_comes_to_its_end(self, which: int, *_: Any) -> None:
        self.stalled_handler_goes_on(which, Stop(), "stall", True)

    def request_arrives_again(self, which: int, *course: Any) -> None:
        for request in self.one_of(self.sent[::-1], which):
            self.send(request, *course)

    def time_passes(self, which: int, *_: Any) -> None:
        self.clock.now += WAITS[which % len(WAITS)]

    def lease_runs_out(self, which: int, *course: Any) -> None:
        """All that is silent is suspected, the grace passes, and somebody new asks."""
        self.clock.now += LEASE_SECONDS + 0.5
        self.ask_the_store(Ask("suspecting"))
        self.clock.now += LEASE_SECONDS
        self.agent_is_killed(which)
        self.send(Ask(self.agents[which % len(self.agents)].key), *course)

    # Caps are near what has been given out, so that the sweep is always about to end.

    def user_sets_the_cap(self, which: int, *course: Any) -> None:
        self.send(SetCap(self.near_the_end(which)), *course)

    def user_updates_the_config(self, which: int, *course: Any) -> None:
        document = {**self.document, "run_cap": self.near_the_end(which)}
        if document["method"] == "grid":
            document["parameters"] = {"a": {"values": list(range(N_POINTS + which % 3))}}
        self.send(Update(document), *course)

    def user_sets_the_state(self, which: int, *course: Any) -> None:
        self.send(SetState(STATES[which % len(STATES)]), *course)

    def user_stops_a_run(self, which: int, *course: Any) -> None:
        self.send(StopRun(which % max(1, self.given_out)), *course)

    def somebody_settles(self, _: int, *course: Any) -> None:
        self.send(Settle(), *course)

    def near_the_end(self, which: int) -> int:
        return max(1, self.given_out + (-1, 0, 1, 1, 2)[which % 5])

    @property
    def given_out(self) -> int:
        return self.worlds[0].witness.standing.counter.next_index

    @staticmethod
    def one_of(many: list[Any], which: int) -> list[Any]:
        return [many[which % len(many)]] if many else []

    def teardown(self) -> None:
        try:
            self.come_to_an_end()
        finally:
            self.kill_handlers()

    # How it happens

    def send(self, request: Any, stop: Stop, fate: str, arrives: bool) -> None:
        self.sent.append(request)
        works = [world.start(request) for world in self.worlds]
        self.play(Flight(request, works), stop, fate, arrives)

    def play(self, flight: Flight, stop: Stop, fate: str, arrives: bool) -> None:
        """Go on up to a stop; then the handler stalls, or dies, or loses one reply and stalls."""
        if flight not in self.flights:
            self.flights.append(flight)
        n_writes = n_calls = 0
        while (call := flight.call) is not None and not stop.is_reached(call, n_writes, n_calls):
            self.step(flight)
            n_writes, n_calls = n_writes + call.is_write, n_calls + 1
        if flight.call is None:
            self.flights.remove(flight)
            if arrives:
                self.deliver(flight)
        elif fate == "lose":
            self.step(flight, is_lost=True)
        elif fate == "die":
            self.flights.remove(flight)
            self.die(flight)

    def step(self, flight: Flight, *, is_lost: bool = False) -> None:
        for world, work in zip(self.worlds, flight.works, strict=True):
            world.step(work, is_lost=is_lost)
        first, *others = (work.state for work in flight.works)
        assert all(other == first for other in others), "stores differ"

    def deliver(self, flight: Flight) -> None:
        handler = flight.works[0].handler
        for agent in self.agents:
            agent.hear(flight.request, handler.answer, handler.error, next(self.keys))

    def die(self, flight: Flight) -> None:
        for work in flight.works:
            work.handler.die()

    def kill_handlers(self) -> None:
        while self.flights:
            self.die(self.flights.pop())

    # The end

    def come_to_an_end(self) -> None:
        """Promise 6: without faults one agent brings the sweep to its end."""
        self.kill_handlers()
        self.ask_the_store(SetState(SweepState.RUNNING))
        n_waits = 0
        while not isinstance(answer := self.ask_the_store(Ask("the-last-agent")), SweepEnded):
            if isinstance(answer, HandOut):
                ending = Finish(answer.index, answer.attempt, RunState.FINISHED)
                self.ask_the_store(ending)
            else:
                n_waits += 1
                promise(6, n_waits <= 3, f"the sweep does not end: {answer}")
                self.clock.now += LEASE_SECONDS + 1  # the longer of lease and grace
        for world in self.worlds:
            world.witness.judge_end()
            self.judge_configs(world)

    def ask_the_store(self, request: Any) -> Any:
        """Have a request answered; the answer or the error."""
        flight = Flight(request, [world.start(request) for world in self.worlds])
        while flight.call is not None:
            self.step(flight)
        handler = flight.works[0].handler
        return handler.error or handler.answer

    def judge_configs(self, world: World) -> None:
        """Promise 4: each point once, and as many as there should be."""
        standing = world.witness.standing
        configs = [tuple(run.config.values()) for run in standing.runs.values()]
        promise(4, len(set(configs)) == len(configs), f"a configuration twice: {configs}")
        n_due = standing.counter.limit
        promise(4, len(configs) == n_due, f"{len(configs)} runs instead of {n_due}")


SIZES = {"": 30, "hunt": 100, "full": 1000}
SIZE = os.environ.get("SWEEP_FAULTS", "")


@pytest.mark.parametrize("name", ["grid", "random", "bands", "bayes"])
def test_promises_hold(tmp_path, monkeypatch, name):
    monkeypatch.setattr(ask_module, "MAX_ATTEMPTS", MAX_ATTEMPTS)
    document = {"grid": GRID, "random": RANDOM, "bands": BANDS, "bayes": BAYES}[name]
    numbers = itertools.count()
    with SqliteStore(tmp_path / "sweeps.db") as store:

        def machine():
            key = f"sweep-{next(numbers)}"
            return ProtocolMachine(
                lambda clock: [World(store, document, key, clock, MAX_ATTEMPTS)], document
            )

        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=SIZES[SIZE],
                stateful_step_count=50,
                deadline=None,
                derandomize=SIZE != "full",
                report_multiple_bugs=False,
                database=None,
                phases=[Phase.generate] if SIZE == "hunt" else list(Phase),
                suppress_health_check=list(HealthCheck),
            ),
        )
