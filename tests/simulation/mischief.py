"""The faults of a world, one method per kind; a seed chooses kinds and times."""

from __future__ import annotations

import errno
import random
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulation.kernel import Machine, Process
from simulation.network import FOREIGN, TROUBLES, Weather

if TYPE_CHECKING:
    from simulation.world import World

_LONG = (3.0, 20.0, 90.0)


class Mischief:
    """Does harm to a world, for a while or for good."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.kernel = world.kernel

    def kinds(self) -> list[Callable[[], object]]:
        """All that can go wrong in this world."""
        found: list[Callable[[], object]] = [
            self.kill_agent,
            self.signal_agent,
            self.signal_agent_twice,
            self.warn_agent,
            self.stop_agent,
            self.suspend_agent,
            self.kill_program,
            self.freeze_machine,
            self.cut_power,
            self.fill_disk,
            self.break_disk,
            self.tidy_runs,
            self.turn_clock,
            self.no_launches,
            self.take_database_away,
        ]
        if self.world.is_local:
            return found
        return [
            *found,
            *[self.bad_weather] * 3,
            self.silence,
            self.silence_and_signal,
            self.unreachable,
            self.foreign,
            self.kill_server,
            self.turn_backend_clock,
            self.store_trouble,
        ]

    # Agents and programs

    def kill_agent(self) -> None:
        agent = self._agent()
        if agent is not None:
            self._happens("agent killed", f"{agent.name} is killed (SIGKILL)")
            self._kill_somewhere(agent)

    def signal_agent(self, number: int = signal.SIGTERM) -> None:
        agent = self._agent()
        if agent is not None and number in agent.handlers:
            self.signal(agent, number)

    def signal(self, agent: Process, number: int = signal.SIGTERM) -> None:
        """Send an agent a signal; the time that it has to end counts from the first one."""
        self._happens("agent signalled", f"{agent.name} gets {signal.Signals(number).name}")
        self.world.signalled.setdefault(agent.name, self.kernel.now)
        self.kernel.signal(agent, number)

    def signal_agent_twice(self) -> None:
        agent = self._agent()
        if agent is not None and signal.SIGTERM in agent.handlers:
            self.world.signalled.setdefault(agent.name, self.kernel.now)
            for delay in (0.0, self.rng.choice((0.5, 4.0))):
                self.kernel.after(delay, lambda: self._terminate(agent))

    def _terminate(self, agent: Process) -> None:
        if not agent.is_dead:
            self._happens("agent signalled twice", f"{agent.name} gets SIGTERM")
            self.kernel.signal(agent, signal.SIGTERM)

    def warn_agent(self) -> None:
        agent = self._agent()
        if agent is not None and signal.SIGUSR1 in agent.handlers:
            self._happens("agent warned", f"{agent.name} gets SIGUSR1")
            self.kernel.signal(agent, signal.SIGUSR1)

    def stop_agent(self) -> None:
        agent = self._agent()
        if agent is not None:
            self._happens("agent stopped", f"{agent.name} is stopped (SIGSTOP)")
            self._pause(agent)

    def suspend_agent(self) -> None:
        agent = self._agent()
        if agent is not None and signal.SIGTSTP in agent.handlers:
            self._happens("agent suspended", f"{agent.name} is suspended (Ctrl-Z)")
            self.world.paused.add(agent.name)
            self.kernel.signal(agent, signal.SIGTSTP)
            self.kernel.after(self.rng.choice(_LONG), lambda: self.kernel.go_on(agent))

    def kill_program(self) -> None:
        alive = list(self.world.programs.alive.items())
        if alive:
            own, program = self.rng.choice(alive)
            self._happens("program killed", f"the program of {own[0]}.{own[1]} is killed")
            self.kernel.end(program, -signal.SIGKILL)

    def no_launches(self) -> None:
        programs = self.world.programs
        self._happens("no launches", "no program can be started")
        programs.is_launching = False
        self.kernel.after(self.rng.choice(_LONG), lambda: setattr(programs, "is_launching", True))

    # Machines

    def freeze_machine(self) -> None:
        machine = self._machine()
        self._happens("machine frozen", f"{machine.name} is frozen")
        for process in list(machine.processes):
            self._pause(process)

    def cut_power(self) -> None:
        machine = self._machine()
        self._happens("power cut", f"{machine.name} loses its power")
        self.world.excuse(machine)
        # programs first: no keeper is left to do anything about them
        for process in sorted(machine.processes, key=lambda one: "program" not in one.name):
            self.kernel.end(process, None)
        self.world.faults.n.update(machine.disk.lose_power(self.rng))

    def fill_disk(self) -> None:
        self.fill(self._machine(), self.rng.choice((0, 0, 300)), self.rng.choice(_LONG))

    def fill(self, machine: Machine, room: int, seconds: float) -> None:
        """Leave a disk only a number of free bytes, for some time."""
        machine.disk.room = room
        self._happens("disk full", f"the disk of {machine.name} is full")

        def free() -> None:
            machine.disk.room = None
            self.world.tell(f"the disk of {machine.name} has room again")

        self.kernel.after(seconds, free)

    def break_disk(self) -> None:
        machine = self._machine()
        machine.disk.refuses = errno.EIO
        self._happens("disk broken", f"the disk of {machine.name} fails (EIO)")
        self.world.broken_disks.add(machine.name)
        self.kernel.after(self.rng.choice((0.5, 10.0)), lambda: _heal(machine))

    def tidy_runs(self) -> None:
        machine = self._machine()
        folder = self.rng.choice(("/home/sweeps/runs", "/home/sweeps"))
        self._happens("folder removed", f"{folder} of {machine.name} is removed")
        self.world.excuse_all_but_open(machine)
        machine.disk.remove_tree(folder)

    def turn_clock(self) -> None:
        machine = self._machine()
        machine.wall_offset = self.rng.choice((-86400.0, -3600.0, 3600.0, 86400.0))
        machine.rate = self.rng.choice((0.999, 1.001))
        if self.world.is_local:  # the backend is inside the agents
            self.world.are_backend_clocks_true = False
        direction = "ahead" if machine.wall_offset > 0 else "back"
        self.world.faults.count("clock drifting")
        self._happens(
            f"clock {direction}", f"the clock of {machine.name}: {machine.wall_offset:+,.0f} s"
        )

    # The backend

    def take_database_away(self) -> None:
        """Remove the database's files, or replace them by an older copy, for a while."""
        if self.world.is_database_away:
            return
        is_replaced = self.rng.random() < 0.5
        what = "replaced by an older copy" if is_replaced else "removed"
        self._happens(f"database {what}", f"the database is {what}")
        self.world.take_database_away(is_replaced=is_replaced)

        def put_back() -> None:
            self.world.put_database_back()
            self.world.tell("the database is back")

        self.kernel.after(self.rng.choice(_LONG), put_back)

    def turn_backend_clock(self) -> None:
        server = self.rng.choice(self.world.servers)
        offset = self.rng.choice((-600.0, 600.0, 10_800.0))
        self.world.are_backend_clocks_true = False
        server.machine.wall_offset = offset
        direction = "ahead" if offset > 0 else "back"
        self._happens(f"backend clock {direction}", f"the clock of {server.name}: {offset:+,.0f} s")
        self.kernel.after(self.rng.choice(_LONG), lambda: _right(server.machine))

    def kill_server(self) -> None:
        up = [server for server in self.world.servers if server.is_up]
        if not up:
            return
        server = self.rng.choice(up)
        self._happens("server killed", f"{server.name} is killed")
        assert server.process is not None
        self._kill_somewhere(server.process)
        self.kernel.after(self.rng.choice((0.1, 5.0, 40.0)), lambda: self._restart(server.name))

    def _restart(self, name: str) -> None:
        for server in self.world.servers:
            if server.name == name and not server.is_up:
                self.world.tell(f"{name} starts again")
                server.start()

    def store_trouble(self) -> None:
        share = self.rng.choice((0.02, 0.2))
        self._happens("store in trouble", f"the store fails ({share:.0%} of its calls)")
        self.world.store_failures = share
        self.kernel.after(self.rng.choice(_LONG), lambda: setattr(self.world, "store_failures", 0))

    # The network

    def bad_weather(self) -> None:
        chosen = [trouble for trouble in TROUBLES if self.rng.random() < 0.4]
        share = self.rng.choice((0.1, 0.5, 0.9)) / max(len(chosen), 1)
        self._weather(f"{', '.join(chosen)} ({share:.2f} each)", dict.fromkeys(chosen, share))

    def silence(self) -> None:
        self._weather("silent", is_silent=True)

    def silence_and_signal(self) -> None:
        self._weather("silent", is_silent=True)
        self.kernel.after(self.rng.choice((0.5, 8.0, 15.0)), self.signal_agent)

    def unreachable(self) -> None:
        self._weather("unreachable", is_unreachable=True)

    def foreign(self) -> None:
        name = self.rng.choice(list(FOREIGN))
        self._weather(f"everything answers {name}", foreign=name)

    def _weather(
        self,
        what: str,
        shares: dict[str, float] | None = None,
        *,
        is_silent: bool = False,
        is_unreachable: bool = False,
        foreign: str | None = None,
    ) -> None:
        world = self.world
        machine = self._machine()
        weather = Weather(shares or {}, is_silent, is_unreachable, foreign)
        world.network.weather[machine.name] = weather
        world.tell(f"network of {machine.name}: {what}")

        def end() -> None:
            if world.network.weather.get(machine.name) is weather:
                world.network.weather[machine.name] = Weather()
                world.tell(f"network of {machine.name}: well again")

        self.kernel.after(self.rng.choice(_LONG), end)

    # Whom and how long

    def _happens(self, kind: str, line: str) -> None:
        self.world.faults.count(kind)
        self.world.tell(line)

    def _agent(self) -> Process | None:
        alive = [agent for agent in self.world.agents if not agent.is_dead]
        return self.rng.choice(alive) if alive else None

    def _machine(self) -> Machine:
        return self.rng.choice(self.world.machines)

    def _kill_somewhere(self, process: Process) -> None:
        """Kill it now, or at one of its next steps."""
        if self.rng.random() < 0.3:
            self.kernel.end(process, -signal.SIGKILL)
        else:
            process.steps_left = self.rng.randint(1, 40)

    def _pause(self, process: Process) -> None:
        self.world.paused.add(process.name)
        self.kernel.stop(process)
        self.kernel.after(self.rng.choice(_LONG), lambda: self.kernel.go_on(process))


def calm(world: World) -> None:
    """Set right all that can be set right."""
    world.network.weather.clear()
    world.learn_token()
    world.store_failures = 0
    world.programs.is_launching = True
    world.put_database_back()
    for machine in world.kernel.machines:
        _heal(machine)
        _right(machine)
        machine.disk.room = None
        for process in list(machine.processes):
            process.steps_left = None
            world.kernel.go_on(process)
    for server in world.servers:
        if not server.is_up:
            server.start()


def _heal(machine: Machine) -> None:
    machine.disk.refuses = None


def _right(machine: Machine) -> None:
    machine.wall_offset = 0.0
