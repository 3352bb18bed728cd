"""Plays interleavings of requests call by call, in the same way on every store.

A handler may stop before any call of the store, for as long as it takes, or die there; a reply of
the store may be lost, then the client library repeats the call when its turn comes; a reply to a
client may be lost, then the client repeats the request; any earlier request may arrive once more.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from protocol_clients import Agent
from protocol_handlers import Call
from protocol_requests import (
    AddPoint,
    Ask,
    Delete,
    Finish,
    Preempt,
    Reconcile,
    Retry,
    RetryFailed,
    SetCap,
    SetState,
    StopRun,
    Update,
)
from protocol_witness import promise
from protocol_world import Clock, Work, World

from sweep_service.errors import SweepEnded
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.ask import HandOut
from sweep_service.storage.store import Store

LEASE_SECONDS = 10
PREEMPTING_SECONDS = 4  # lease of an agent that has to end
MAX_ATTEMPTS = 2  # losses until a run has crashed; five would rarely be seen
N_AGENTS = 2
N_CLAIMED = 3  # few points, so that the last ones are fought for
N_POINTS = 20  # never all given out; the cap is what ends the sweep
MOST_ASKS = 3 * N_POINTS  # of the last agent, until the sweep has ended

ENDINGS = [RunState.FINISHED, RunState.FAILED, RunState.PREEMPTED]
STATES = [SweepState.RUNNING, SweepState.RUNNING, SweepState.PAUSED, SweepState.FINISHED]
WAITS = [1.0, LEASE_SECONDS / 2, LEASE_SECONDS, LEASE_SECONDS + 0.5]

_GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "lease_seconds": LEASE_SECONDS,
    "retry_failed": 1,
    "parameters": {"a": {"values": list(range(N_POINTS))}},
}
_RANDOM = {
    **_GRID,
    "method": "random",
    "seed": 3,
    "parameters": {"a": {"min": 0.0, "max": 1.0}},
}
_BANDS = {
    **_GRID,
    "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2},
    "metric": {"name": "loss", "target": 1.07},
}
_POINTS = {**_RANDOM, "method": "bayes", "parameters": {"a": {"values": list(range(N_CLAIMED))}}}
_MULTIPLES = {"distribution": "q_normal", "mu": 0, "sigma": 2, "q": 1}
CONFIGS: dict[str, dict[str, Any]] = {
    "grid": _GRID,
    "random": _RANDOM,
    "bands": _BANDS,
    "bayes": {**_RANDOM, "method": "bayes"},
    "points": _POINTS,
    "multiples": {**_RANDOM, "parameters": {"a": _MULTIPLES}},
}


@dataclass(frozen=True)
class Stop:
    """Where a handler stops: before a write, before any call, or not at all."""

    n_writes: int | None = None
    n_calls: int | None = None

    def is_reached(self, call: Call, n_writes: int, n_calls: int) -> bool:
        return n_calls == self.n_calls or (call.is_write and n_writes == self.n_writes)


@dataclass(frozen=True)
class Flight:
    """One request on its way, on every store."""

    request: Any
    works: list[Work]

    @property
    def call(self) -> Call | None:
        """What it waits for; None when it is over."""
        return self.works[0].handler.call


@dataclass(frozen=True)
class Course:
    """How a request fares.

    Attributes:
        stop: Where the handler that works on it stops.
        fate: What becomes of it there: it stalls, dies, or loses one reply and stalls.
        arrives: Whether its answer, if it has one, reaches the client.
    """

    stop: Stop = Stop()
    fate: str = "stall"
    arrives: bool = True


STRAIGHT = Course()


class Play:
    """A sweep, its agents and its user.

    What may happen is a method that takes a number, which chooses among the possibilities, and a
    course.

    Attributes:
        flights: Requests whose handlers have stopped.
        sent: All requests so far.
    """

    def __init__(
        self, stores: list[Store], config: str, key: str, run_cap: int, max_attempts: int
    ) -> None:
        self.clock = Clock()
        self.document = {**CONFIGS[config], "run_cap": run_cap}
        self.worlds = [
            World(store, self.document, key, self.clock, max_attempts) for store in stores
        ]
        self.keys = (f"ask-{number}" for number in itertools.count())
        self.agents = [Agent(next(self.keys)) for _ in range(N_AGENTS)]
        self.sent: list[Any] = []
        self.flights: list[Flight] = []

    @property
    def busy(self) -> list[Agent]:
        return [agent for agent in self.agents if agent.run is not None]

    @property
    def given_out(self) -> int:
        return self.worlds[0].witness.snapshot.counter.next_index

    # What may happen

    def agent_asks(self, which: int, course: Course = STRAIGHT) -> None:
        idle = [agent for agent in self.agents if agent.run is None]
        if not idle:
            self.agents.append(Agent(next(self.keys)))
            idle = self.agents[-1:]
        self.send(Ask(idle[which % len(idle)].key), course)

    def agent_reports(self, which: int, course: Course = STRAIGHT) -> None:
        for agent in self.one_of(self.busy, which):
            self.send(agent.next_report(has_row=which % 3 > 0), course)

    def agent_has_to_end(self, which: int, course: Course = STRAIGHT) -> None:
        for agent in self.one_of(self.busy, which):
            self.send(Preempt(agent.run.index, agent.run.attempt), course)

    def agent_ends_its_run(self, which: int, course: Course = STRAIGHT) -> None:
        for agent in self.one_of(self.busy, which):
            self.send(agent.next_finish(ENDINGS[which % len(ENDINGS)]), course)

    def agent_is_killed(self, which: int, _course: Course = STRAIGHT) -> None:
        self.agents[which % len(self.agents)].restart(next(self.keys))

    def stalled_handler_goes_on(self, which: int, course: Course = STRAIGHT) -> None:
        for flight in self.one_of(self.flights, which):
            self.play(flight, course)

    def stalled_handler_comes_to_its_end(self, which: int, _course: Course = STRAIGHT) -> None:
        self.stalled_handler_goes_on(which)

    def request_arrives_again(self, which: int, course: Course = STRAIGHT) -> None:
        for request in self.one_of(self.sent[::-1], which):
            self.send(request, course)

    def time_passes(self, which: int, _course: Course = STRAIGHT) -> None:
        self.clock.now += WAITS[which % len(WAITS)]

    def lease_runs_out(self, which: int, course: Course = STRAIGHT) -> None:
        """All that is silent is suspected, the grace passes, and somebody new asks."""
        self.clock.now += LEASE_SECONDS + 0.5
        self.ask_the_store(Ask("suspecting"))
        self.clock.now += LEASE_SECONDS
        self.agent_is_killed(which)
        self.send(Ask(self.agents[which % len(self.agents)].key), course)

    # Caps are near what has been given out, so that the sweep is always about to end.

    def user_sets_the_cap(self, which: int, course: Course = STRAIGHT) -> None:
        self.send(SetCap(self.near_the_end(which)), course)

    def user_updates_the_config(self, which: int, course: Course = STRAIGHT) -> None:
        document = {**self.document, "run_cap": self.near_the_end(which)}
        n_values = len(self.document["parameters"]["a"].get("values", ()))
        if n_values:
            document["parameters"] = {"a": {"values": list(range(n_values + which % 3))}}
        self.send(Update(document), course)

    def user_adds_a_point(self, which: int, course: Course = STRAIGHT) -> None:
        self.send(AddPoint(self.a_point(which), which % 3 == 0), course)

    def a_point(self, which: int) -> float:
        """A value that the parameter can take."""
        parameter = self.document["parameters"]["a"]
        if "values" in parameter:
            return parameter["values"][which % len(parameter["values"])]
        return which % 7 - 3 if "q" in parameter else which % 64 / 64

    def user_sets_the_state(self, which: int, course: Course = STRAIGHT) -> None:
        self.send(SetState(STATES[which % len(STATES)]), course)

    def user_stops_a_run(self, which: int, course: Course = STRAIGHT) -> None:
        self.send(StopRun(which % max(1, self.given_out)), course)

    def user_retries_a_run(self, which: int, course: Course = STRAIGHT) -> None:
        self.send(Retry(*self.a_run(which)), course)

    def user_retries_all_that_failed(self, _which: int, course: Course = STRAIGHT) -> None:
        self.send(RetryFailed(), course)

    def user_deletes_a_run(self, which: int, course: Course = STRAIGHT) -> None:
        index, attempt = self.a_run(which)
        self.send(Delete(index, which % 2 > 0, attempt), course)

    def a_run(self, which: int) -> tuple[int, int]:
        """An index, and the attempt that its user sees."""
        index = which // 2 % max(1, self.given_out)
        return index, self.worlds[0].witness.snapshot.attempt_of(index)

    def somebody_reconciles(self, _which: int, course: Course = STRAIGHT) -> None:
        self.send(Reconcile(), course)

    def near_the_end(self, which: int) -> int:
        return max(1, self.given_out + (-1, 0, 1, 1, 2)[which % 5])

    @staticmethod
    def one_of(many: list[Any], which: int) -> list[Any]:
        return [many[which % len(many)]] if many else []

    # How it happens

    def send(self, request: Any, course: Course = STRAIGHT) -> None:
        self.sent.append(request)
        self.play(self.start(request), course)

    def start(self, request: Any) -> Flight:
        return Flight(request, [world.start(request) for world in self.worlds])

    def play(self, flight: Flight, course: Course) -> None:
        """Go on with a request up to where its course ends."""
        if flight not in self.flights:
            self.flights.append(flight)
        n_writes = n_calls = 0
        while (call := flight.call) is not None:
            if course.stop.is_reached(call, n_writes, n_calls):
                break
            self.step(flight)
            n_writes, n_calls = n_writes + call.is_write, n_calls + 1
        if flight.call is None:
            self.flights.remove(flight)
            if course.arrives:
                self.deliver(flight)
        elif course.fate == "lose":
            self.step(flight, is_lost=True)
        elif course.fate == "die":
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

    def end(self) -> None:
        """Have the sweep come to its end, and leave no handler behind."""
        try:
            self.come_to_an_end()
        finally:
            self.kill_handlers()

    def come_to_an_end(self) -> None:
        """Promise 6: without faults one agent brings the sweep to its end."""
        self.kill_handlers()
        self.ask_the_store(SetState(SweepState.RUNNING))
        n_asks = n_waits = 0
        while not isinstance(answer := self.ask_the_store(Ask("the-last-agent")), SweepEnded):
            n_asks += 1
            promise(6, n_asks <= MOST_ASKS, f"the sweep does not end: {answer}")
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
        """Have a request answered at once; the answer or the error."""
        flight = self.start(request)
        self.play(flight, STRAIGHT)
        handler = flight.works[0].handler
        return handler.error or handler.answer

    def judge_configs(self, world: World) -> None:
        """Promise 4: as many runs as there should be; the witness sees to it that they differ."""
        snapshot = world.witness.snapshot
        configs = [tuple(run.config.values()) for run in snapshot.runs.values()]
        n_due = snapshot.counter.limit
        promise(4, len(configs) == n_due, f"{len(configs)} runs instead of {n_due}")
