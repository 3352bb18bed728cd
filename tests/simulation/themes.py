"""Themes: worlds that provoke coincidences that would rarely happen by chance.

Every fourth world has a theme, which its seed says: it shapes the sweep and adds to the plan.
"""

from __future__ import annotations

import math
import random
import signal
from typing import TYPE_CHECKING, Any

from simulation.kernel import Machine, Process
from simulation.network import Weather
from simulation.seams import fresh_globals
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._exceptions import SweepError
from sweep_sdk._world import clock
from sweep_sdk.cli.commands import tell
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

if TYPE_CHECKING:
    from simulation.mischief import Mischief
    from simulation.scenario import Scenario
    from simulation.world import World
    from sweep_sdk._backend.answers import HandOut
    from sweep_sdk._backend.client import Client

Config = dict[str, Any]
#: Longer than an agent waits for a new credential.
_TOO_LONG = 900.0
_POLL_SECONDS = 0.2


class Theme:
    """What a world aims at; this one aims at nothing in particular.

    Attributes:
        n_machines: On how many agents run.
        horizon: How long things happen, in seconds; None: as in other worlds.
        is_quick: Whether programs end soon.
        has_agents: Whether agents start in the beginning, as in other worlds.
    """

    n_machines = 1
    horizon: float | None = None
    is_quick = False
    has_agents = True

    def shape(self, config: Config, rng: random.Random) -> None:
        """Change the sweep."""

    def plan(self, scenario: Scenario) -> None:
        """What happens: by default, anything."""
        scenario.plan_anything()


class FewPoints(Theme):
    """Many agents ask at once for the points of a small space, while servers die."""

    n_machines = 2
    is_quick = True
    has_agents = False

    def shape(self, config: Config, rng: random.Random) -> None:
        config["method"] = "bayes"
        config["parameters"] = {"a": {"values": list(range(rng.choice((8, 16))))}}
        config["parameters"]["b"] = {"values": [0, 1]}
        _drop(config, "run_cap", "retry_failed", "early_terminate", "run_timeout")
        config["metric"].pop("target", None)

    def plan(self, scenario: Scenario) -> None:
        world = scenario.world
        world.n_points = math.prod(
            len(law["values"]) for law in world.config["parameters"].values()
        )
        world.kernel.yield_share = 0.5
        # while an ask is held up after its choice, runs end: later asks know what it did not
        world.kernel.on_step = _Delaying(world, scenario.rng, "store save", 0.2, 5.0).look
        _start_crowd(scenario, 4)
        for _ in range(scenario.rng.choice((0, 6))):
            world.kernel.after(scenario.rng.random() * 10, scenario.mischief.kill_server)


class FewValues(FewPoints):
    """Many agents ask at once in an endless space of which few values are likely."""

    def shape(self, config: Config, rng: random.Random) -> None:
        super().shape(config, rng)
        config["method"] = rng.choice(("random", "bayes"))
        config["parameters"] = {"a": {"distribution": "q_normal", "mu": 0, "sigma": 3, "q": 1}}
        config["run_cap"] = 20

    def plan(self, scenario: Scenario) -> None:
        scenario.world.is_each_point_once = False
        scenario.world.are_runs_apart = True
        scenario.world.kernel.yield_share = 0.5
        _start_crowd(scenario, 4)


class LateTellers(Theme):
    """People report results of runs that were handed to others, or that are not theirs."""

    def shape(self, config: Config, rng: random.Random) -> None:
        _drop(config, "run_cap", "early_terminate", "run_timeout")
        config["metric"].pop("target", None)
        config["method"], config["lease_seconds"] = "grid", 10
        config["parameters"] = {"a": {"values": list(range(6))}}

    def plan(self, scenario: Scenario) -> None:
        world = scenario.world
        world.lease_seconds = 10
        world.is_slow = True
        for act in (_tell_by_command, _finish_without_values, _tell_after_rows, _speak_as_stranger):
            if scenario.rng.random() < 0.75:
                name = f"teller{act.__name__}"
                person = world.start_person(world.cloud, name, _Teller(world, act).main)
                person.globals = fresh_globals(world.environment())


class NewCredential(Theme):
    """The backend's token is replaced; machines have the new one later, or too late."""

    n_machines = 2

    def __init__(self) -> None:
        self.horizon = 300.0

    def shape(self, config: Config, rng: random.Random) -> None:
        self._delay = rng.choice((40.0, 200.0, 400.0, _TOO_LONG))
        self.horizon = 400.0 + self._delay + (300.0 if self._delay == _TOO_LONG else 0.0)
        _drop(config, "run_cap", "run_timeout")
        config["parameters"] = {"a": {"values": list(range(24))}}

    def plan(self, scenario: Scenario) -> None:
        world = scenario.world
        at = scenario.rng.choice((1.0, 10.0, 60.0))
        world.kernel.after(at, self._replace(world))

    def _replace(self, world: World) -> Any:
        def replace() -> None:
            world.faults.count("credential replaced")
            world.tell("the backend takes another token from now on")
            world.token = "another-token"
            world.refused_since = world.kernel.now
            world.refusal_seconds = self._delay
            world.kernel.after(self._delay, learn)

        def learn() -> None:
            world.check_who_waits()
            world.learn_token()

        return replace


class Beginners(Theme):
    """Agents start while servers restart, or somebody else answers in the backend's place."""

    n_machines = 2
    has_agents = False

    def plan(self, scenario: Scenario) -> None:
        world, rng = scenario.world, scenario.rng
        for number in range(4):
            start = 2.0 + 40.0 * number
            if rng.random() < 0.5:
                world.kernel.after(start, lambda: self._restart(scenario))
            else:
                world.kernel.after(start, lambda: self._mislead(scenario))

    def _restart(self, scenario: Scenario) -> None:
        """All servers are away for a moment in which an agent starts."""
        world = scenario.world
        world.faults.count("started while servers restart")
        for server in world.servers:
            server.kill()
        scenario.start_agent(scenario.rng.choice(world.machines))
        for server in world.servers:
            world.kernel.after(scenario.rng.choice((2.0, 5.0)), _starter(server))

    def _mislead(self, scenario: Scenario) -> None:
        """An agent starts where somebody else answers."""
        world = scenario.world
        machine = scenario.rng.choice(world.machines)
        name = scenario.rng.choice(("ingress 404", "sign-in 302", "sign-in 200", "gateway 401"))
        world.faults.count("started with a wrong address")
        weather = world.network.weather[machine.name] = Weather(foreign=name)
        agent = scenario.start_agent(machine)
        world.misled.add(agent.name)
        world.kernel.after(25.0, lambda: _clear(world, machine, weather))


class OlderBackend(Theme):
    """The gateway does not know the routes any more; or a proxy forbids them for long."""

    n_machines = 2
    is_quick = True

    def shape(self, config: Config, rng: random.Random) -> None:
        self._is_proxy = rng.random() < 0.5
        self.horizon = 900.0 if self._is_proxy else 150.0
        config["parameters"]["c"] = {"values": list(range(8))}
        _drop(config, "run_cap", "run_timeout")

    def plan(self, scenario: Scenario) -> None:
        world = scenario.world
        machine = scenario.rng.choice(world.machines)
        name, seconds = ("proxy 403", 700.0) if self._is_proxy else ("gateway 404", 90.0)

        def begin() -> None:
            world.faults.count(f"for long: {name}")
            world.tell(f"everything on {machine.name} answers {name}")
            weather = world.network.weather[machine.name] = Weather(foreign=name)
            there = [agent for agent in world.agents if agent.machine is machine]
            world.kernel.after(seconds - 1.0, lambda: end(there))
            world.kernel.after(seconds, lambda: _clear(world, machine, weather))

        def end(there: list[Process]) -> None:
            if not self._is_proxy:
                world.judge.check_outdated(there)

        if not self._is_proxy:
            world.has_outdated = True
        world.kernel.after(scenario.rng.choice((4.0, 8.0)), begin)


class FastClock(Theme):
    """A backend's clock was ahead for a while when a machine is lost for good."""

    n_machines = 2

    def shape(self, config: Config, rng: random.Random) -> None:
        config["method"] = "grid"
        config["parameters"] = {"a": {"values": list(range(4))}}
        _drop(config, "run_cap", "run_timeout")

    def plan(self, scenario: Scenario) -> None:
        world, rng = scenario.world, scenario.rng
        world.is_slow = True
        world.are_backend_clocks_true = False
        lost = rng.choice(world.machines)
        is_suspected = rng.random() < 0.5  # the clock is ahead when the run is looked at
        begin = 12.0 if is_suspected else 0.5
        for machine in world.machines:
            scenario.start_agent(machine)
        world.kernel.after(begin, lambda: self._turn(world, rng.choice((1200.0, 10_800.0))))
        world.kernel.after(begin + 15.0, lambda: self._turn(world, 0.0))
        world.kernel.after(8.0, lambda: _lose(world, lost))

    def _turn(self, world: World, offset: float) -> None:
        if offset:
            world.faults.count("all backend clocks ahead")
        world.tell(f"the clocks of all servers: {offset:+,.0f} s")
        for server in world.servers:
            server.machine.wall_offset = offset


class BlindServer(FastClock):
    """A backend's clock was ahead for a while when runs of a model-based search ended."""

    is_quick = True

    def shape(self, config: Config, rng: random.Random) -> None:
        config["method"] = "bayes"
        config["parameters"] = {"a": {"min": 0.0, "max": 1.0}}
        config["run_cap"] = 25
        _drop(config, "early_terminate", "run_timeout")
        config["metric"].pop("target", None)

    def plan(self, scenario: Scenario) -> None:
        world = scenario.world
        world.are_backend_clocks_true = False
        world.is_each_point_once = False
        world.kernel.after(3.0, lambda: self._turn(world, 10_800.0))
        world.kernel.after(6.0, lambda: self._turn(world, 0.0))


class CutDeletion(Theme):
    """A sweep is deleted under agents, and the server dies of it."""

    n_machines = 2
    is_quick = True

    def plan(self, scenario: Scenario) -> None:
        kernel, people = scenario.world.kernel, scenario.people
        kernel.yield_share = 0.5
        kernel.on_step = _Delaying(scenario.world, scenario.rng, "store append", 0.5, 20.0).look
        _start_crowd(scenario, 3)
        kernel.after(scenario.rng.choice((1.0, 3.0, 6.0)), lambda: people.delete(share_killed=0.4))


class OneHome(Theme):
    """Many agents share a home; some end while others look who has died."""

    is_quick = True
    has_agents = False

    def shape(self, config: Config, rng: random.Random) -> None:
        config["method"] = "random"
        config["parameters"] = {"a": {"values": list(range(8))}, "b": {"values": [0, 1, 2]}}
        _drop(config, "run_cap", "run_timeout")

    def plan(self, scenario: Scenario) -> None:
        world, rng = scenario.world, scenario.rng
        world.kernel.yield_share = 0.5
        world.kernel.on_step = _Holding(world, rng).look
        for _ in range(8):
            scenario.start_agent(world.machines[0], AgentOptions(count=rng.choice((1, 1, 2, None))))
        for _ in range(3):
            world.kernel.after(rng.random() * 10, scenario.mischief.kill_agent)
        for _ in range(6):
            options = AgentOptions(count=rng.choice((1, None)))
            world.kernel.after(
                rng.random() * 15,
                lambda given=options: scenario.start_agent(world.machines[0], given),
            )


class SilentEnd(Theme):
    """Agents get their signal while the network says nothing."""

    n_machines = 2

    def plan(self, scenario: Scenario) -> None:
        world = scenario.world
        world.is_slow = world.is_stubborn = True
        for machine in world.machines:
            at = scenario.rng.uniform(8.0, 40.0)
            world.kernel.after(at, self._end_in_silence(scenario.mischief, machine))
        for _ in range(3):
            after = scenario.rng.random() * 40
            world.kernel.after(after, scenario.mischief.silence_and_signal)

    def _end_in_silence(self, mischief: Mischief, machine: Machine) -> Any:
        """Every agent of a machine gets its signal as its network falls silent."""

        def happen() -> None:
            world = mischief.world
            world.network.weather[machine.name] = Weather(is_silent=True)
            world.tell(f"network of {machine.name}: silent, for good")
            for agent in world.agents:
                if agent.machine is machine and signal.SIGTERM in agent.handlers:
                    mischief.signal(agent)

        return happen


class BadDisk(Theme):
    """Disks are full, or folders are tidied away, when runs begin and while they log."""

    n_machines = 2

    def plan(self, scenario: Scenario) -> None:
        world, rng, mischief = scenario.world, scenario.rng, scenario.mischief
        world.is_quick = rng.random() < 0.7
        world.kernel.on_step = _BadForPrograms(scenario).look
        for _ in range(rng.choice((2, 5))):
            after = rng.random() * 60
            world.kernel.after(after, rng.choice((mischief.fill_disk, mischief.tidy_runs)))


class LostDatabase(Theme):
    """The database's file is removed, or replaced by an older copy, under agents at work."""

    n_machines = 2

    def plan(self, scenario: Scenario) -> None:
        for _ in range(2):
            after = 2.0 + scenario.rng.random() * 60
            scenario.world.kernel.after(after, scenario.mischief.take_database_away)


#: By the last digits of the seed.
THEMES: tuple[type[Theme], ...] = (
    FewPoints,
    FewValues,
    LateTellers,
    NewCredential,
    Beginners,
    OlderBackend,
    FastClock,
    BlindServer,
    CutDeletion,
    OneHome,
    SilentEnd,
    BadDisk,
    LostDatabase,
)


def theme_of(seed: int) -> Theme | None:
    """The theme of a world, if it has one."""
    return THEMES[seed // 4 % len(THEMES)]() if seed % 4 == 1 else None


def seeds_of(theme: str, first: int, n_worlds: int) -> list[int]:
    """The seeds of those of some worlds that have a theme; of all of them where none is named."""
    worlds = range(first, first + n_worlds)
    if not theme:
        return list(worlds)
    return [seed for seed in worlds if type(theme_of(seed)).__name__ == theme]


class _Teller:
    """Somebody who takes a run when agents have not begun, and then does something with it."""

    def __init__(self, world: World, act: Any) -> None:
        self._world, self._act = world, act

    def main(self) -> int:
        """What the process does."""
        world = self._world
        with world.client() as client:
            handout = client.ask(world.sweep, f"key of {self._act.__name__}", "teller", "", "")
            if getattr(handout, "attempt", None) is None:
                return 0
            world.tell(f"somebody has {handout.id}.{handout.attempt}")
            try:
                self._act(world, client, handout)
            except SweepError as error:
                world.tell(f"somebody: {error}")
        return 0


class _Delaying:
    """Holds up threads of the backend before a call of the store, now and then."""

    def __init__(
        self, world: World, rng: random.Random, call: str, share: float, seconds: float
    ) -> None:
        self._world, self._rng = world, rng
        self._call, self._share, self._seconds = call, share, seconds

    def look(self, _: Process, what: str) -> None:
        """Called at every step of every process."""
        if what == self._call and not self._world.has_calmed and self._rng.random() < self._share:
            self._world.kernel.sleep(self._rng.random() * self._seconds)


class _BadForPrograms:
    """Fills the disk when a program starts, or removes its folder soon after."""

    def __init__(self, scenario: Scenario) -> None:
        self._world, self._rng = scenario.world, scenario.rng
        self._mischief = scenario.mischief

    def look(self, process: Process, what: str) -> None:
        """Called at every step of every process."""
        world = self._world
        if what != "start program" or world.has_calmed or self._rng.random() < 0.4:
            return
        if self._rng.random() < 0.5:
            world.kernel.after(self._rng.uniform(0.5, 8.0), self._mischief.tidy_runs)
            return
        room = self._rng.choice((0, 40, 300))
        self._mischief.fill(process.machine, room, self._rng.uniform(2.0, 30.0))


class _Holding:
    """Stops agents for a moment when they look whether others are alive."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng = world, rng

    def look(self, process: Process, what: str) -> None:
        """Called at every step of every process."""
        is_looking = what.startswith("open /home/sweeps/agents/") and what.endswith(".lock")
        world = self._world
        if is_looking and process.name in world.engaged and self._rng.random() < 0.2:
            world.faults.count("agent stopped")
            world.paused.add(process.name)
            world.kernel.stop(process)
            world.kernel.after(2.0, lambda: world.kernel.go_on(process))
            world.kernel.pass_turn()


def _tell_by_command(world: World, _: Client, handout: HandOut) -> None:
    """Report the result when another has the run."""
    if _is_handed_on(world, handout):
        _tell(world, handout, "n=0")


def _finish_without_values(world: World, client: Client, handout: HandOut) -> None:
    """Say that the run has failed when another has it."""
    if _is_handed_on(world, handout):
        client.finish(handout.id, Ending(handout.attempt, RunState.KILLED))


def _tell_after_rows(world: World, client: Client, handout: HandOut) -> None:
    """Report rows, and then the result by the command."""
    row = {"step": 0, "at": clock.time(), "metrics": {"loss": 1.0, "n": 0}}
    client.report(handout.id, handout.attempt, 0, [row], key=handout.key)
    _tell(world, handout, "n=1")


def _speak_as_stranger(world: World, client: Client, handout: HandOut) -> None:
    """Speak for an attempt of the right number that was handed to somebody else."""
    if not _is_handed_on(world, handout):
        return
    attempt, key = handout.attempt + 1, "a stranger"
    row = {"step": 0, "at": clock.time(), "metrics": {"loss": 1.0, "n": 0}}
    try:
        client.report(handout.id, attempt, 0, [row], key=key)
    except SweepError as error:
        world.tell(f"somebody: {error}")
    ending = Ending(attempt, RunState.KILLED, key=key)
    client.finish(handout.id, ending)


def _tell(world: World, handout: HandOut, values: str) -> None:
    tell.command.callback(handout.id, ("loss=0.5", values), handout.attempt, "finished")


def _is_handed_on(world: World, handout: HandOut) -> bool:
    """Wait until somebody else works on a run; whether that came to be."""
    for _ in range(int(10 * world.lease_seconds / _POLL_SECONDS)):
        clock.sleep(_POLL_SECONDS)
        if (handout.id, handout.attempt + 1) in world.judge.holders:
            clock.sleep(0.5)
            return True
    return False


def _start_crowd(scenario: Scenario, n_agents: int) -> None:
    for machine in scenario.world.machines:
        for _ in range(n_agents):
            scenario.start_agent(machine, AgentOptions(parallel=scenario.rng.choice((1, 2))))


def _lose(world: World, machine: Machine) -> None:
    """A machine is gone with all that it had, but for its name."""
    world.faults.count("machine lost")
    world.tell(f"{machine.name} is lost with all that it had")
    world.excuse(machine)
    for process in sorted(machine.processes, key=lambda one: "program" not in one.name):
        world.kernel.end(process, None)
    machine.disk.remove_tree("/home/sweeps")


def _starter(server: Any) -> Any:
    return lambda: None if server.is_up else server.start()


def _clear(world: World, machine: Machine, weather: Weather) -> None:
    if world.network.weather.get(machine.name) is weather:
        world.network.weather[machine.name] = Weather()


def _drop(config: Config, *names: str) -> None:
    for name in names:
        config.pop(name, None)
