"""What the figures show: the runs of a sweep with values, their curves and attempts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.client import open_client
from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.curves import find_curves
from sweep_sdk._results.order import NEVER_BEST, best_value, read_goal
from sweep_sdk._results.spaces import space_of
from sweep_sdk._sweeps.reading import frame, runs
from sweep_sdk.plots._axes import ParameterAxis, ValueAxis, parameter_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from sweep_service.wire.model import Contour


@dataclass(frozen=True)
class Data:
    """A sweep as figures show it.

    Attributes:
        frame: A line for each run, as ``sweep_sdk.frame`` gives them, and ``kind``: the run's state
            or "stopped early".
        sweep: Its ``id``, ``name``, ``metric`` and ``config``.
    """

    frame: pd.DataFrame
    sweep: Mapping[str, Any]

    @classmethod
    def of(cls, source: str | pd.DataFrame) -> Data:
        """Read a sweep, or take the runs of ``sweep_sdk.frame(ID)`` or some of them.

        Raises:
            UsageError: It is another data frame.
        """
        found = frame(source) if isinstance(source, str) else source
        sweep = getattr(found, "attrs", {}).get("sweep")
        if sweep is None:
            raise UsageError(
                "this data frame does not say of which sweep it is: give the sweep's id, or runs"
                " chosen from sweep_sdk.frame(ID)"
            )
        is_early = found["stopped_early"].astype(bool)
        return cls(found.assign(kind=found["state"].where(~is_early, "stopped early")), sweep)

    @property
    def label(self) -> str:
        """The name of the sweep, or its id."""
        return str(self.sweep["name"] or self.sweep["id"])

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The runs with a finite value, by index.

        With the columns ``value``, the best of the sweep's metric, and ``rank`` among these runs,
        from 0 for the best to 1.

        Raises:
            UsageError: The sweep has no metric.
        """
        if self.sweep["metric"] is None:
            raise UsageError(f"sweep {self.sweep['id']} has no metric, which this figure shows")
        found = self.frame.assign(value=self.frame["best"].astype(float))
        found = found[found["value"].abs() < math.inf].sort_values("index")
        rank = (self.sign * found["value"]).rank(method="first") - 1
        return found.assign(rank=rank / max(len(found) - 1, 1))

    @property
    def sign(self) -> int:
        """1 if small values of the sweep's metric are better, else -1."""
        return 1 if self.sweep["metric"]["goal"] == "minimize" else -1

    @cached_property
    def value(self) -> ValueAxis:
        """The axis of the sweep's metric over all runs with a value."""
        values = self.runs["value"]
        return ValueAxis(self.sweep["metric"]["name"], values, self.sign)

    @property
    def best_so_far(self) -> pd.DataFrame:
        """The runs that can be the best, by index; ``value`` is the best up to each."""
        found = self.runs[~self.runs["state"].isin(NEVER_BEST)]
        return found.assign(value=self.sign * (self.sign * found["value"]).cummin())

    @cached_property
    def axes(self) -> dict[str, ParameterAxis]:
        """An axis for each parameter that is searched, by name."""
        searched = space_of(self.sweep).searched_leaves
        return {p.name: parameter_axis(p).fit(self.frame) for p in searched}

    def axis(self, name: str) -> ParameterAxis:
        """The axis of a parameter.

        Raises:
            UsageError: No such parameter is searched.
        """
        if name not in self.axes:
            raise UsageError(f"'{name}' is not searched; the parameters are {', '.join(self.axes)}")
        return self.axes[name]

    @property
    def notes(self) -> list[str]:
        """What a figure of values does not show."""
        return [*self.missing(len(self.runs)), *self.value.notes]

    def missing(self, n_shown: int) -> list[str]:
        """How many runs a figure of ``n_shown`` does not show, if any."""
        n_missing = len(self.frame) - n_shown
        return [f"{n_missing:,} of {len(self.frame):,} runs have no value"] if n_missing else []

    def importance(self) -> list[dict[str, Any]]:
        """``name``, ``share`` and ``clear`` of each parameter, the most important first."""
        with open_client() as client:
            return list(client.importance(self.sweep["id"])["parameters"])

    def expected(self, x: str, y: str) -> Contour | None:
        """What a model of the runs expects over two parameters; None with too few runs."""
        with open_client() as client:
            return client.model(self.sweep["id"], (x, y)).contour

    def rows(self, metric: str, points: int) -> pd.DataFrame:
        """The curves of all runs, with the columns ``run``, ``step`` and ``value``.

        Values are finite.
        """
        import pandas as pd

        with open_client() as client:
            found = [
                (curve.run_id, step, value)
                for curve in find_curves(
                    client, self.sweep["id"], self.frame["index"].tolist(), metric, points
                )
                for step, value in zip(curve.step, curve.value, strict=True)
                if math.isfinite(value)
            ]
        return pd.DataFrame(found, columns=["run", "step", "value"])

    def attempts(self) -> pd.DataFrame:
        """Every attempt that has begun, with ``run``, ``attempt``, ``agent``, ``kind`` and times.

        ``started_at`` and ``ended_at`` are in milliseconds since the epoch; an attempt that has not
        ended goes on to the last word of its agent.
        """
        import pandas as pd

        kinds = dict(zip(self.frame["id"], self.frame["kind"], strict=True))
        found = [
            (run["id"], each["attempt"], each["agent"], kind, 1e3 * start, 1e3 * (end or start))
            for run in runs(self.sweep["id"])
            if run["id"] in kinds
            for each, kind, start, end in (
                *((a, a["state"], a["started_at"], a["ended_at"]) for a in run["attempts"]),
                (run, kinds[run["id"]], run["started_at"], run["ended_at"] or run["heard_at"]),
            )
            if start is not None and (each is not run or run["attempt"] not in _numbers(run))
        ]
        return pd.DataFrame(
            found, columns=["run", "attempt", "agent", "kind", "started_at", "ended_at"]
        )

    def objectives(self, metrics: Mapping[str, str]) -> tuple[pd.DataFrame, ValueAxis, ValueAxis]:
        """The runs with a value of each of two metrics, the best that their summaries show.

        Args:
            metrics: The goal of each metric.

        Returns:
            The runs with ``x``, ``y``, and ``is_front``: whether no other run is as good in both
            and better in one; and the axes.

        Raises:
            UsageError: They are not two, or a goal is neither minimize nor maximize.
        """
        if len(metrics) != 2:
            raise UsageError(f"metrics has {len(metrics)} names; needs two, each with its goal")
        signs = [1 if read_goal(goal) == "minimize" else -1 for goal in metrics.values()]
        import pandas as pd

        summaries = [
            {str(n).removeprefix("summary."): v for n, v in row.items() if n.startswith("summary.")}
            for row in self.frame.to_dict("records")
        ]
        values = {
            place: pd.Series(
                [best_value({"summary": each}, metric, read_goal(goal)) for each in summaries],
                index=self.frame.index,
                dtype=float,
            )
            for place, (metric, goal) in zip("xy", metrics.items(), strict=True)
        }
        found = self.frame.assign(**values).dropna(subset=["x", "y"])
        costs = list(zip(signs[0] * found["x"], signs[1] * found["y"], strict=True))
        is_front = pd.Series(non_dominated(costs), index=found.index, dtype=bool)
        x, y = (
            ValueAxis(name, found[place], sign)
            for place, name, sign in zip("xy", metrics, signs, strict=True)
        )
        return found.assign(is_front=is_front), x, y


def _numbers(run: Mapping[str, Any]) -> set[int]:
    """The numbers of earlier attempts; the latest of a run that waits is among them."""
    return {attempt["attempt"] for attempt in run["attempts"]}


def non_dominated(costs: list[tuple[float, float]]) -> list[bool]:
    """For each pair whether no other is at most as large in both and smaller in one."""
    lowest: float | None = None
    front = set()
    for pair in sorted(set(costs)):
        if lowest is None or pair[1] < lowest:
            lowest = pair[1]
            front.add(pair)
    return [pair in front for pair in costs]
