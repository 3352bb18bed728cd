"""What happens in a world: a seed chooses the sweep, the agents, the faults and their times."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulation.judge import Broken
from simulation.kernel import Hung, Machine, Process
from simulation.network import FOREIGN, TROUBLES, Weather
from simulation.seams import installed
from simulation.world import Unexpected, World
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._exceptions import BackendUnavailable
from sweep_service import gateway

#: All that is injected: the kinds of which a run over many seeds must have had some.
FAULTS = (
    *(name for name in TROUBLES if not name.startswith("foreign") and name != "TLS cut"),
    "foreign 502",
    "foreign 503",
    "silence",
    "unreachable",
    "server killed",
    "agent killed",
    "agent signalled",
    "agent more",
    "sync",
)
#: An agent has to have ended so many seconds after its signal.
ENDING_SECONDS = 25.0
#: After the last fault a sweep ends within this time: what programs still do, and two leases.
CALM_SECONDS = 900.0


@dataclass
class Result:
    """How a world went.

    Attributes:
        broken: What was broken; None where all held.
    """

    seed: int
    broken: str | None
    story: list[tuple[float, str]]
    trace: list[str]
    faults: dict[str, int]
    seconds: float


def play(seed: int, folder: Path) -> Result:
    """Play one world from its seed."""
    scenario = Scenario(seed, folder)
    broken = None
    try:
        with installed(scenario.world):
            try:
                scenario.play()
            finally:
                scenario.world.close()
    except (Broken, Hung) as error:
        broken = f"{type(error).__name__}: {error}"
    world = scenario.world
    return Result(seed, broken, world.story, world.kernel.trace, world.faults.n, world.kernel.now)


class Scenario:
    """One world and what its seed has in store for it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(f"scenario {seed}")
        n_machines = self.rng.choice((1, 1, 2, 3))
        is_local = self.rng.random() < 0.2
        self.world = World(
            seed, folder, is_local=is_local, n_machines=1 if is_local else n_machines
        )
        self.horizon = self.rng.choice((60.0, 150.0, 300.0))
        self._signalled: dict[str, float] = {}
        self._n_agents = 0

    def play(self) -> None:
        """Let it happen.

        Raises:
            Broken: A promise did not hold.
            Hung: It does not come to an end.
        """
        world, kernel = self.world, self.world.kernel
        unexpected = Unexpected()
        gateway._logger.addHandler(unexpected)
        gateway._logger.propagate = False
        gateway.handle = world.handle
        try:
            self._set_up()
            self._plan()
            kernel.run_until(lambda: False, self.horizon)
            self._calm()
            unexpected.check()
            self._judge_exits()
            world.check(is_rest=True)
        finally:
            gateway.handle = world._handle
            gateway._logger.removeHandler(unexpected)

    # The beginning

    def _set_up(self) -> None:
        world, rng = self.world, self.rng
        world.lease_seconds = rng.choice((10, 20, 60))
        if not world.is_local:
            world.start_servers(rng.choice((1, 1, 2, 3)))
        config = self._config()
        world.tell(f"the sweep: {config}")
        created: list[str] = []
        operator = world.start_operator(
            "somebody registers the sweep",
            lambda client: created.append(client.create_sweep(config)["id"]),
        )
        world.kernel.run_until(lambda: operator.is_dead, 60.0)
        if operator.error is not None:
            raise operator.error
        world.sweep = created[0]

    def _config(self) -> dict[str, Any]:
        rng = self.rng
        method = rng.choice(("grid", "grid", "random"))
        parameters = {"a": {"values": list(range(rng.choice((1, 2, 3))))}, "b": {"values": [0, 1]}}
        self.world.is_each_point_once = True
        config: dict[str, Any] = {
            "method": method,
            "metric": {"name": "loss"},
            "parameters": parameters,
            "command": ["/bin/sh", "train", "${args}"],
            "lease_seconds": self.world.lease_seconds,
        }
        if rng.random() < 0.3:
            config["retry_failed"] = 1
        return config

    def _options(self) -> AgentOptions:
        return AgentOptions(
            parallel=self.rng.choice((1, 1, 2)),
            max_failures=0,
            max_initial_failures=0,
            max_runs_without_metric=0,
        )

    def start_agent(self, machine: Machine) -> Process:
        """One more agent."""
        self._n_agents += 1
        return self.world.start_agent(machine, f"agent{self._n_agents}", self._options())

    # The faults

    def _plan(self) -> None:
        world, rng = self.world, self.rng
        for machine in world.machines:
            for _ in range(rng.choice((1, 1, 2))):
                world.kernel.after(rng.random() * 5, lambda m=machine: self.start_agent(m))
        kinds = [kind for kind in self._kinds() if rng.random() < 0.4]
        for kind in kinds:
            for _ in range(rng.choice((1, 1, 2, 4))):
                world.kernel.after(rng.random() * self.horizon, kind)

    def _kinds(self) -> list[Callable[[], None]]:
        found = [self._kill_agent, self._signal_agent, self._new_agent, self._sync]
        if not self.world.is_local:
            found += [
                self._bad_weather,
                self._silence,
                self._unreachable,
                self._foreign,
                self._kill_server,
            ]
        return found

    def _count(self, kind: str) -> None:
        self.world.faults.count(kind)

    def _agent(self) -> Process | None:
        alive = [agent for agent in self.world.agents if not agent.is_dead]
        return self.rng.choice(alive) if alive else None

    def _kill_agent(self) -> None:
        agent = self._agent()
        if agent is not None:
            self._count("agent killed")
            self.world.tell(f"{agent.name} is killed (SIGKILL)")
            self.world.kernel.end(agent, -signal.SIGKILL)

    def _signal_agent(self) -> None:
        agent = self._agent()
        if agent is not None and signal.SIGTERM in agent.handlers:
            self._count("agent signalled")
            self.world.tell(f"{agent.name} gets SIGTERM")
            self._signalled.setdefault(agent.name, self.world.kernel.now)
            self.world.kernel.signal(agent, signal.SIGTERM)

    def _new_agent(self) -> None:
        self._count("agent more")
        self.start_agent(self.rng.choice(self.world.machines))

    def _sync(self) -> None:
        self._count("sync")
        self.world.start_sync(self.rng.choice(self.world.machines), "sync")

    def _weather_for_a_while(self, kind: str, weather: Weather) -> None:
        world = self.world
        machine = self.rng.choice(world.machines)
        seconds = self.rng.choice((3.0, 20.0, 90.0))
        world.network.weather[machine.name] = weather
        world.tell(f"network of {machine.name}: {kind}")

        def end() -> None:
            if world.network.weather.get(machine.name) is weather:
                world.network.weather[machine.name] = Weather()
                world.tell(f"network of {machine.name}: well again")

        world.kernel.after(seconds, end)

    def _bad_weather(self) -> None:
        chosen = [trouble for trouble in TROUBLES if self.rng.random() < 0.4]
        chosen = [name for name in chosen if not name.startswith("foreign") and name != "TLS cut"]
        share = self.rng.choice((0.1, 0.5, 0.9)) / max(len(chosen), 1)
        shares = dict.fromkeys(chosen, share)
        self._weather_for_a_while(f"{', '.join(chosen)} ({share:.2f} each)", Weather(shares))

    def _silence(self) -> None:
        self._weather_for_a_while("silent", Weather(is_silent=True))

    def _unreachable(self) -> None:
        self._weather_for_a_while("unreachable", Weather(is_unreachable=True))

    def _foreign(self) -> None:
        name = self.rng.choice([name for name in FOREIGN if name in ("502", "503")])
        self._weather_for_a_while(f"answers {name}", Weather(foreign=name))

    def _kill_server(self) -> None:
        up = [server for server in self.world.servers if server.is_up]
        if not up:
            return
        server = self.rng.choice(up)
        self._count("server killed")
        self.world.tell(f"{server.name} is killed")
        server.kill()

        def restart() -> None:
            self.world.tell(f"{server.name} starts again")
            server.start()

        self.world.kernel.after(self.rng.choice((0.1, 5.0, 40.0)), restart)

    # The end

    def _calm(self) -> None:
        """No more faults: everything must come to its end within a bound."""
        world, kernel = self.world, self.world.kernel
        world.tell("calm: no more faults")
        world.has_calmed = True
        world.network.weather.clear()
        for server in world.servers:
            if not server.is_up:
                server.start()
        kernel.run_until(lambda: False, 45.0)  # late requests arrive
        for server in world.servers:
            if not server.is_up:
                server.start()
        for machine in world.machines:
            self.start_agent(machine)
        if not kernel.run_until(lambda: all(one.is_dead for one in world.agents), CALM_SECONDS):
            waiting = [agent.name for agent in world.agents if not agent.is_dead]
            state = world.peek(f"/v1/sweeps/{world.sweep}")
            raise Hung(
                f"{', '.join(waiting)} still at work {CALM_SECONDS:,.0f} s after the last fault;"
                f" the sweep is {state and state['state']}\n{kernel.stacks()}"
            )
        syncs = [world.start_sync(machine, "last sync") for machine in world.machines]
        kernel.run_until(lambda: all(one.is_dead for one in syncs), 300.0)
        kernel.run_until(lambda: False, 100.0)
        for one in syncs:
            if one.error is not None or not one.is_dead:
                raise Broken(f"the last sync on {one.machine.name} failed: {one.error!r}")

    def _judge_exits(self) -> None:
        world = self.world
        state = world.peek(f"/v1/sweeps/{world.sweep}")
        for agent in world.agents:
            self._judge_time(agent)
            if agent.error is not None and not self._is_excused(agent):
                raise Broken(f"{agent.name} ended by {agent.error!r}") from agent.error
            if agent.exit_code == 0 and state["state"] != "finished":
                raise Broken(f"{agent.name} ended with 0, but the sweep is {state['state']}")

    def _judge_time(self, agent: Process) -> None:
        at = self._signalled.get(agent.name)
        if at is not None and (agent.ended_at or 0.0) - at > ENDING_SECONDS + 0.5:
            took = (agent.ended_at or 0.0) - at
            raise Broken(f"{agent.name} ended {took:.1f} s after its signal")

    def _is_excused(self, agent: Process) -> bool:
        """Whether it never had a good answer, and said so."""
        is_away = isinstance(agent.error, BackendUnavailable)
        return is_away and agent.name not in self.world.engaged
