"""People beside the agents: operators of a sweep, and programs that ask and tell by themselves."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulation.kernel import Machine, Process
from sweep_sdk._ask import AskedRun, ask_run
from sweep_sdk._exceptions import LeaseLost, NotFound, NotPossible, SweepError
from sweep_sdk._world import clock

if TYPE_CHECKING:
    from simulation.world import World
    from sweep_sdk._backend.client import Client


class People:
    """Acts on a world's sweep, at any moment."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng

    def acts(self) -> list[Callable[[], object]]:
        """All that may be done."""
        return [
            self.pause_for_a_while,
            self.pause_for_a_while,
            self.stop_a_run,
            self.stop_a_run,
            self.finish,
            self.cancel,
            self.delete,
            self.sync,
            self.sync_twice,
            self.ask_and_tell,
            self.ask_and_tell,
        ]

    def pause_for_a_while(self) -> None:
        self._change("paused")
        self.world.kernel.after(self.rng.choice((5.0, 60.0)), self.resume)

    def resume(self) -> None:
        self._change("running")

    def finish(self) -> None:
        self._change("finished")

    def cancel(self) -> None:
        self._change("canceled")

    def delete(self) -> None:
        self.world.is_deleting = True
        self._do("deleted by an operator", lambda client: client.delete_sweep(self.world.sweep))

    def stop_a_run(self) -> None:
        alive = list(self.world.programs.alive)
        if alive:
            run = self.rng.choice(alive)[0]
            self._do("run stopped by an operator", lambda client: client.stop_run(run), run)

    def sync(self) -> None:
        self.world.faults.count("sync")
        self.world.start_sync(self._machine(), "sync")

    def sync_twice(self) -> None:
        machine = self._machine()
        for _ in range(2):
            self.world.faults.count("sync")
            self.world.start_sync(machine, "sync")

    def ask_and_tell(self) -> Process:
        """Somebody's own loop: asks, logs, tells; perhaps slowly, perhaps not to the end."""
        world, rng = self.world, self.rng
        world.faults.count("asked by hand")
        n_rows, pause = rng.choice((0, 2, 5)), rng.choice((0.1, 4.0, 50.0))
        state = rng.choice(("finished", "finished", "failed", "preempted"))

        def main() -> int:
            with world.client() as client:
                handout = ask_run(client, world.sweep, clock.sleep)
                if handout is None:
                    return 0
                run = AskedRun(handout, client)
                world.tell(f"somebody has {run.id}.{run.attempt}")
                try:
                    for number in range(n_rows):
                        clock.sleep(pause)
                        run.log({"loss": 1.0 / (1 + number), "n": number})
                    run.tell({"loss": 0.5, "n": n_rows}, state)
                except LeaseLost:
                    world.tell(f"somebody has lost {run.id}.{run.attempt}")
            return 0

        return world.start_person(self._machine(), "somebody", main)

    def _change(self, state: str) -> None:
        world = self.world
        known = world.peek(f"/v1/sweeps/{world.sweep}")
        if known is not None and (state != "running" or known["state"] == "paused"):
            self._do(f"{state} by an operator", lambda client: client.change_sweep(
                world.sweep, state=state
            ))  # fmt: skip

    def _do(self, what: str, act: Callable[[Client], object], whom: str = "the sweep") -> None:
        def main() -> int:
            with self.world.client() as client:
                try:
                    act(client)
                    self.world.tell(f"operator: {whom} is {what}")
                except (NotPossible, NotFound) as error:
                    self.world.tell(f"operator: {error}")
                except SweepError as error:
                    self.world.tell(f"operator: {error!r}")
            return 0

        self.world.faults.count(what)
        self.world.tell(f"operator: {whom} is to be {what}")
        self.world.start_person(self._machine(), "operator", main)

    def _machine(self) -> Machine:
        return self.rng.choice(self.world.machines)
