"""Other actors in a world: operators of a sweep, and programs that ask and tell by themselves."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulation.kernel import Machine, Process
from simulation.seams import fresh_globals
from sweep_sdk._exceptions import LeaseLost, NotFound, NotPossible, SweepError
from sweep_sdk._home.cleaning import remove, survey, tidy
from sweep_sdk._sweeps.asked_run import AskedRun, ask_run
from sweep_sdk._world import clock
from sweep_sdk.cli.commands import tell

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
            self.tell_late,
            self.tell_late,
            self.look,
            self.look,
            self.change_cap,
            self.update,
            self.retry_a_run,
            self.retry_failed,
            self.delete_a_run,
            self.delete_a_run,
            self.clean,
            self.clean,
        ]

    def look(self) -> None:
        """Look at all that there is to see."""
        sweep = self.world.sweep

        def act(client: Client) -> None:
            client.health()
            list(client.list_sweeps())
            client.best_run(sweep)
            for run in list(client.list_runs(sweep)):
                client.get_run(run["id"])
                rows = list(client.history(run["id"]))
                if len(rows) != len(list(client.history(run["id"], ["n"]))) and run["ended_at"]:
                    self.world.tell(f"operator: {run['id']} grows while it is looked at")
                client.thinned_history(run["id"], 3)

        self._do("looked at by an operator", act)

    def change_cap(self) -> None:
        cap = self.rng.choice((1, 2, 5))
        sweep = self.world.sweep
        self._do("capped by an operator", lambda client: client.change_sweep(sweep, run_cap=cap))

    def update(self) -> None:
        """Give the sweep another space: more of a finite one, which stays the same points."""
        world = self.world
        values = list(range(self.rng.choice((2, 4))))

        def act(client: Client) -> None:
            config = dict(client.get_sweep(world.sweep)["config"])
            config["parameters"] = {**config["parameters"], "a": {"values": values}}
            client.change_sweep(world.sweep, config=config)

        self._do("updated by an operator", act)

    def retry_a_run(self) -> None:
        run = self._run_of(("failed", "crashed", "killed"))
        if run is not None:
            self._do("run retried by an operator", lambda client: client.retry_run(run), run)

    def retry_failed(self) -> None:
        sweep = self.world.sweep
        self._do(
            "failed runs retried by an operator", lambda client: list(client.retry_failed(sweep))
        )

    def delete_a_run(self) -> None:
        run = self._run_of(("finished", "failed", "crashed", "killed"))
        again = self.rng.random() < 0.5
        if run is not None:
            self._do(
                "run deleted by an operator",
                lambda client: client.delete_run(run, again=again),
                run,
            )

    def _run_of(self, states: tuple[str, ...]) -> str | None:
        """A run of one of these states; now and then any."""
        known = self.world.runs()
        found = [run["id"] for run in known if run["state"] in states]
        if self.rng.random() < 0.2:
            found = [run["id"] for run in known]
        return self.rng.choice(found) if found else None

    def clean(self) -> None:
        """Remove old run folders of a machine: what is owed must stay."""
        world = self.world
        world.faults.count("cleaned")
        older_than = self.rng.choice((0.0, 90.0))

        def main() -> int:
            settings = world.settings()
            tidy(settings.home, settings.runs_dir)
            for folder in survey(settings.home, settings.runs_dir, older_than):
                if folder.kept is None and remove(settings.home, folder):
                    world.faults.count("folder cleaned")
                    world.tell(f"the folder of {folder.run} is cleaned away")
            return 0

        machine = self._machine()
        world.tell(f"{machine.name} is cleaned")
        world.start_person(machine, "cleaner", main)

    def pause_for_a_while(self) -> None:
        self._change("paused")
        self.world.kernel.after(self.rng.choice((5.0, 60.0)), self.resume)

    def resume(self) -> None:
        self._change("running")

    def finish(self) -> None:
        self._change("finished")

    def cancel(self) -> None:
        self._change("canceled")

    def delete(self, share_killed: float = 0.5) -> None:
        """Delete the sweep; perhaps the server dies of it."""
        world = self.world
        world.is_deleting = True

        def act(client: Client) -> None:
            client.delete_sweep(world.sweep)
            world.is_deletion_acknowledged = True

        self._do("deleted by an operator", act)
        server = self.rng.choice(world.servers).process if world.servers else None
        if server is not None and self.rng.random() < share_killed:
            server.steps_left = self.rng.randint(1, 12)

    def delete_again(self) -> None:
        """Repeat a deletion that was cut short."""
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

    def tell_late(self) -> Process:
        """Somebody takes a run, and tells its result by the command, perhaps when it is lost."""
        world = self.world
        lost_after = 2.0 * world.lease_seconds  # the lease and the grace after it
        seconds = self.rng.choice((1.0, lost_after + 5.0, lost_after + 20.0))

        def main() -> int:
            with world.client() as client:
                handout = ask_run(client, world.sweep, clock.sleep)
            if handout is not None:
                world.tell(f"a person has {handout.id}.{handout.attempt}")
                clock.sleep(seconds)
                values = ("loss=0.5", "n=0")
                try:
                    tell.command.callback(handout.id, values, handout.attempt, "finished")
                    world.faults.count("reported by command")
                    world.tell(f"a person has told {handout.id}.{handout.attempt}")
                except SweepError as error:
                    world.tell(f"a person: {error}")
            return 0

        person = world.start_person(self._machine(), "person", main)
        person.globals = fresh_globals(world.environment())
        return person

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
