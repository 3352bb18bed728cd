"""The events of a world: a seed chooses the sweep, agents, operators and faults."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simulation.judge import Broken
from simulation.kernel import Hung, Machine, Process
from simulation.mischief import Mischief, calm
from simulation.people import People
from simulation.seams import installed
from simulation.themes import Theme, theme_of
from simulation.world import Unexpected, World
from sweep_sdk._agent.options import AgentOptions
from sweep_service import gateway

Act = Callable[[], object]
#: After the last fault everything is at its end within this time: what programs still do, the
#: leases of the dead with their grace, and requests that are still under way.
CALM_SECONDS = 300.0
CALM_LEASES = 4
_ANY = AgentOptions()
_LATE_REQUEST_SECONDS = 95.0


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


def play(seed: int, folder: Path) -> Result:
    """Play one world from its seed."""
    scenario = Scenario(seed, folder)
    world, broken = scenario.world, None
    try:
        silence = io.StringIO()
        streams = contextlib.redirect_stderr(silence), contextlib.redirect_stdout(silence)
        with installed(world), streams[0], streams[1]:
            try:
                scenario.play()
            finally:
                world.close()
    except (Broken, Hung) as error:
        broken = f"{type(error).__name__}: {error}"
    return Result(seed, broken, world.story, world.kernel.trace, dict(world.faults.n))


class Scenario:
    """One world and what its seed has in store for it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(f"scenario {seed}")
        theme = theme_of(seed)
        is_local = self.rng.random() < 0.2 and theme is None
        n_machines = 1 if is_local else self.rng.choice((1, 1, 2, 3))
        self.theme = theme or Theme()
        if theme is not None:
            n_machines = theme.n_machines
        self.world = World(seed, folder, is_local=is_local, n_machines=n_machines)
        self.mischief = Mischief(self.world, random.Random(f"mischief {seed}"))
        self.people = People(self.world, random.Random(f"people {seed}"))
        self.horizon = self.rng.choice((60.0, 150.0, 300.0))
        self.is_crowded = self.rng.random() < 0.15 and theme is None
        self.world.is_quick = self.theme.is_quick
        self._n_agents = 0

    def play(self) -> None:
        """Let it happen.

        Raises:
            Broken: A promise did not hold.
            Hung: It does not come to an end.
        """
        world = self.world
        unexpected = Unexpected()
        gateway._logger.addHandler(unexpected)
        gateway._logger.propagate = False
        gateway.handle = world.handle
        try:
            self._set_up(unexpected)
            self._plan()
            for _ in range(3):
                world.kernel.run_until(lambda: False, self.horizon / 3)
                world.check()
            self._come_to_rest()
            unexpected.check()
            world.judge.check_exits()
            world.check_rest()
        finally:
            gateway.handle = world._handle
            gateway._logger.removeHandler(unexpected)

    def _set_up(self, unexpected: Unexpected) -> None:
        world, rng = self.world, self.rng
        world.lease_seconds = rng.choice((10, 20, 60))
        if not world.is_local:
            world.start_servers(rng.choice((1, 1, 2, 3)))
        config = self._config()
        self.theme.shape(config, rng)
        self.horizon = self.theme.horizon or self.horizon
        world.config, world.lease_seconds = config, config["lease_seconds"]
        world.tell(f"the sweep: {config}")
        created: list[str] = []
        is_text = rng.random() < 0.5

        def register() -> int:
            with world.client() as client:
                client.create_sweep(config, dry_run=True)
                given = {"yaml": yaml.safe_dump(config)} if is_text else {"config": config}
                created.append(client.create_sweep(**given)["id"])
            return 0

        operator = world.start_person(world.cloud, "operator", register)
        world.kernel.run_until(lambda: operator.is_dead, 60.0)
        if operator.error is not None:
            unexpected.check()
            raise operator.error
        world.sweep = created[0]

    def _config(self) -> dict[str, Any]:
        rng, world = self.rng, self.world
        usual = ("grid", "grid", "random", "random", "bayes")
        method = rng.choice(("random", "bayes") if self.is_crowded else usual)
        values = list(range(rng.choice((1, 2, 3))))
        config: dict[str, Any] = {
            "method": method,
            "metric": {"name": "loss"},
            "parameters": {"a": {"values": values}, "b": {"values": [0, 1]}},
            "command": rng.choice(
                (
                    ["/bin/sh", "train", "${args}"],
                    ["${env}", "${interpreter}", "${program}", "${args}"],
                    ["env", "A=1", "python3", "train.py", "${args_json_file}"],
                )
            ),
            "program": "train.py",
            "lease_seconds": world.lease_seconds,
        }
        world.is_each_point_once = True
        if method != "grid" and rng.random() < 0.3:
            config["parameters"]["c"] = {"min": 0.0, "max": 1.0}
            config["run_cap"] = rng.choice((3, 6))
        elif rng.random() < 0.2:
            config["run_cap"] = 3
        if rng.random() < 0.3:
            config["retry_failed"] = 1
        if rng.random() < 0.15:
            config["run_timeout"] = 20
        if rng.random() < 0.2:
            config["early_terminate"] = {"type": "hyperband", "min_iter": 2}
        if rng.random() < 0.1:
            config["metric"]["target"] = 0.12
        return config

    def _plan(self) -> None:
        world, rng = self.world, self.rng
        for machine in world.machines:
            if self.is_crowded:  # all ask at the same moment
                for _ in range(6):
                    self.start_agent(machine)
            elif self.theme.has_agents:
                for _ in range(rng.choice((1, 1, 2))):
                    world.kernel.after(rng.random() * 5, lambda m=machine: self.start_agent(m))
        self.theme.plan(self)

    def plan_anything(self) -> None:
        """Whatever may go wrong and whatever people may do, at any moment."""
        world, rng = self.world, self.rng
        for harm in self._chosen(self.mischief.kinds(), rng.choice((0.0, 0.1, 0.3, 0.6))):
            world.kernel.after(rng.random() * self.horizon, harm)
        for act in self._chosen(self.people.acts(), 0.15):
            world.kernel.after(rng.random() * self.horizon, act)
        for _ in range(rng.choice((0, 1, 3))):
            at = rng.random() * self.horizon
            world.kernel.after(at, lambda: self.start_agent(rng.choice(world.machines)))

    def _chosen(self, kinds: list[Act], share: float) -> list[Act]:
        """Either a little of many kinds, or much of a few."""
        rng = self.rng
        if rng.random() < 0.4:
            return [kind for kind in rng.sample(kinds, 2) for _ in range(rng.choice((2, 5)))]
        chosen = [kind for kind in kinds if rng.random() < share]
        return [kind for kind in chosen for _ in range(rng.choice((1, 1, 2, 4)))]

    def start_agent(self, machine: Machine, given: AgentOptions = _ANY) -> Process:
        """Start an agent of any kind, or with these options as far as they say something."""
        self._n_agents += 1
        name = f"agent{self._n_agents}"
        counts = (None, 1, 2) if self.is_crowded and not self.world.has_calmed else (None,)
        options = AgentOptions(
            count=given.count or self.rng.choice(counts),
            parallel=given.parallel or self.rng.choice((1, 2, 3) if self.is_crowded else (1, 1, 2)),
            max_failures=0,
            max_initial_failures=0,
            max_runs_without_metric=0,
            gpus=self.rng.choice(((), (), ("0",), ("0-1",))),
        )
        if self.rng.random() < 0.2:
            return self.world.start_function_agent(machine, name, options)
        return self.world.start_agent(machine, name, options)

    def _come_to_rest(self) -> None:
        """No more faults: everything must come to its end within a bound."""
        world, kernel = self.world, self.world.kernel
        calm(world)
        kernel.run_until(lambda: False, _LATE_REQUEST_SECONDS)
        calm(world)
        world.tell("calm: no more faults")
        world.has_calmed = True
        self._resume_or_delete()
        for machine in world.machines:
            self.start_agent(machine)
        bound = CALM_SECONDS + CALM_LEASES * world.lease_seconds
        everybody = [*world.agents, *world.people]
        if not kernel.run_until(lambda: all(one.is_dead for one in everybody), bound):
            self._report_who_hangs(bound)
        syncs = [world.start_sync(machine, "last sync") for machine in world.machines]
        kernel.run_until(lambda: all(one.is_dead for one in syncs), 300.0)
        kernel.run_until(lambda: False, _LATE_REQUEST_SECONDS)
        for one in syncs:
            if one.error is not None or not one.is_dead:
                raise Broken(f"the last sync on {one.machine.name} failed: {one.error!r}")

    def _resume_or_delete(self) -> None:
        """What an operator does who wants to see an end."""
        if not self.world.is_deleting:
            self.people.resume()
        elif not self.world.is_deletion_acknowledged:
            self.people.delete_again()

    def _report_who_hangs(self, bound: float) -> None:
        world = self.world
        waiting = [one.name for one in (*world.agents, *world.people) if not one.is_dead]
        state = world.peek(f"/v1/sweeps/{world.sweep}")
        raise Hung(
            f"{', '.join(waiting)} still at work {bound:,.0f} s after the last fault;"
            f" the sweep is {state and state['state']}\n{world.kernel.stacks()}"
        )
