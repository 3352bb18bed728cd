"""Several agents that take turns at random in one thread, each with a real client."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sweep_sdk._backend.client import Client, new_key
from sweep_sdk._exceptions import SweepEnded, SweepError
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, HandOut


class Clock:
    """Moves when somebody sleeps."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def config(method: str, n_runs: int) -> dict[str, Any]:
    """A sweep with a number of runs."""
    axis = {"min": 0, "max": n_runs - 1} if method == "grid" else {"min": 0.0, "max": 1.0}
    return {
        "method": method,
        "metric": {"name": "loss"},
        "run_cap": n_runs,
        "seed": 5,
        "parameters": {"x": axis},
    }


@dataclass
class Fleet:
    """What became of a sweep that agents have worked on.

    Attributes:
        handed_out: How often each (run, attempt) was handed to somebody.
        reported: (attempt, value) of every row that was acknowledged, by run.
        errors: Of any kind but the sweep's end.
    """

    client: Client
    sweep: str
    handed_out: Counter[tuple[str, int]] = field(default_factory=Counter)
    reported: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    errors: list[SweepError] = field(default_factory=list)

    def __add__(self, other: Fleet) -> Fleet:
        """Both, which have worked on the same sweep."""
        reported = {run: list(rows) for run, rows in self.reported.items()}
        for run, rows in other.reported.items():
            reported.setdefault(run, []).extend(rows)
        return replace(
            self,
            handed_out=self.handed_out + other.handed_out,
            reported=reported,
            errors=self.errors + other.errors,
        )

    def work(
        self, rng: random.Random, n_agents: int, is_over: threading.Event | None = None
    ) -> None:
        """Let agents ask, report twice and finish until the sweep has ended, or ``is_over``."""
        agents = [self._agent(number, is_over) for number in range(n_agents)]
        while agents:
            agent = rng.choice(agents)
            try:
                next(agent)
            except StopIteration:
                agents.remove(agent)
            except SweepError as error:
                self.errors.append(error)
                agents.remove(agent)

    def _agent(self, number: int, is_over: threading.Event | None) -> Iterator[None]:
        key = new_key()
        while is_over is None or not is_over.is_set():
            try:
                answer = self.client.ask(self.sweep, key, f"agent-{number}")
            except SweepEnded:
                return
            yield
            if isinstance(answer, HandOut):
                key = new_key()
                yield from self._work_on(answer)

    def _work_on(self, run: HandOut) -> Iterator[None]:
        self.handed_out[run.id, run.attempt] += 1
        for offset in range(2):
            value = run.index + offset / 4
            row = {"step": offset, "at": 1.0, "metrics": {"loss": value}}
            self.client.report(run.id, run.attempt, offset, [row])
            self.reported.setdefault(run.id, []).append((run.attempt, value))
            yield
        ending = Ending(run.attempt, RunState.FINISHED, summary={"loss": run.index})
        self.client.finish(run.id, ending)
        yield

    def check(self, n_runs: int) -> None:
        """Every index once, each configuration once, every acknowledged row there, no errors.

        Raises:
            AssertionError: Says what is lost, double or false.
        """
        runs = list(self.client.list_runs(self.sweep))
        holes = set(range(n_runs)) - {run["index"] for run in runs}
        assert not holes, f"holes: {holes}"
        assert len(runs) == n_runs
        unfinished = [run["id"] for run in runs if run["state"] != "finished"]
        assert not unfinished, f"not finished: {unfinished}"
        configs = Counter(_text(run["config"]) for run in runs)
        assert max(configs.values()) == 1, f"double: {configs.most_common(3)}"
        assert max(self.handed_out.values()) == 1, self.handed_out.most_common(3)
        assert not self.errors, f"false errors: {self.errors[:3]}"
        for run, rows in self.reported.items():
            kept = [(row["attempt"], row["metrics"]["loss"]) for row in self.client.history(run)]
            assert kept == rows, run


def _text(config: Any) -> str:
    return repr(sorted(config.items()))
