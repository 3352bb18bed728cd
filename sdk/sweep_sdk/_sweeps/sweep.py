"""A sweep as an object: its state, its results and its actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.answers import warnings_of
from sweep_sdk._backend.changes import amended_text, held_back_text, no_effect_text
from sweep_sdk._backend.client import open_client
from sweep_sdk._backend.references import is_run, sweep_of
from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.notices import notify
from sweep_sdk._sweeps import reading
from sweep_sdk._sweeps.importing import import_results

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    Run = dict[str, Any]


class Sweep:
    """A sweep, as it was when it was last read.

    ``get_sweep()`` and ``sweeps()`` return sweeps. The properties are updated by ``refresh()`` and
    by every method that changes the sweep; ``runs()``, ``best()`` and ``history()`` always ask the
    backend.

    Every method raises ``BackendUnavailable`` if the backend does not answer and ``NotFound`` once
    the sweep is deleted. Methods that change it raise ``NotPossible`` if its state does not allow
    it.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Build a sweep from the backend's answer: a full document or an entry of a listing."""
        self._fields = dict(fields)

    @property
    def id(self) -> str:
        """The id, such as ``k3v9x2ab``."""
        return str(self._fields["id"])

    @property
    def name(self) -> str | None:
        """The name; None without one."""
        name: str | None = self._fields["name"]
        return name

    @property
    def project(self) -> str:
        """The project in which it is listed."""
        return str(self._fields["project"])

    @property
    def state(self) -> str:
        """``pending``, ``running``, ``paused``, ``finished`` or ``canceled``."""
        return str(self._fields["state"])

    @property
    def method(self) -> str:
        """``grid``, ``random`` or ``bayes``."""
        return str(self._fields["method"])

    @property
    def metric(self) -> dict[str, Any] | None:
        """``{"name": ..., "goal": ...}`` and more; None without a metric."""
        metric = self._fields["metric"]
        return None if metric is None else dict(metric)

    @property
    def run_cap(self) -> int | None:
        """Maximum number of runs; None without a cap."""
        cap: int | None = self._fields["run_cap"]
        return cap

    @property
    def n_points(self) -> int | None:
        """Number of configurations in the space; None if it is infinite."""
        points: int | None = self._fields["grid_points"]
        return points

    @property
    def created_at(self) -> float:
        """Time of registration in seconds since the epoch."""
        return float(self._fields["created_at"])

    @property
    def config(self) -> dict[str, Any]:
        """The complete config, with every default filled in."""
        return dict(self._field("config"))

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs in each state."""
        return dict(self._field("counts"))

    def refresh(self) -> Sweep:
        """Read the sweep again; returns the sweep itself."""
        with open_client() as client:
            self._fields = client.get_sweep(self.id)
        return self

    def runs(
        self,
        *,
        where: str | Iterable[str] = (),
        sort: str | Iterable[str] = (),
        top: int | None = None,
        state: str | Iterable[str] = (),
    ) -> list[Run]:
        """The runs, as from ``sweep_sdk.runs()``."""
        return reading.runs(self.id, where=where, sort=sort, top=top, state=state)

    def best(self, metric: str | None = None, goal: str | None = None) -> Run | None:
        """The best run, as from ``sweep_sdk.best()``."""
        return reading.best(self.id, metric, goal)

    def importance(self) -> list[dict[str, Any]]:
        """The share of the metric's variation that each parameter explains alone, largest first.

        Computed from ended runs, for every search method. Each searched parameter has ``name``;
        ``share``, from 0 to 1, corrected for chance, or None if too few runs differ in the
        parameter; and ``clear``, whether the share is significant at the 95% level.

        Raises:
            NotPossible: The sweep has no metric.
        """
        with open_client() as client:
            parameters: list[dict[str, Any]] = client.importance(self.id)["parameters"]
        return parameters

    def history(
        self,
        keys: str | Iterable[str] = (),
        samples: int | None = None,
        *,
        joined: bool = False,
    ) -> list[dict[str, Any]]:
        """The rows of all runs, as from ``sweep_sdk.history()``."""
        return reading.history(self.id, keys, samples, joined=joined)

    def frame(self) -> pd.DataFrame:
        """The runs as a pandas data frame, as from ``sweep_sdk.frame()``."""
        return reading.frame(self.id)

    def import_results(
        self,
        results: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
        *,
        metrics: Mapping[str, str] | None = None,
        ignore: Sequence[str] = (),
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Import results obtained elsewhere, as with ``sweep_sdk.import_results()``."""
        return import_results(self.id, results, metrics=metrics, ignore=ignore, dry_run=dry_run)

    def pause(self) -> None:
        """Hand out no runs until ``resume()``; runs in progress continue."""
        self._change(state="paused")

    def resume(self) -> None:
        """Continue after ``pause()`` or ``stop()``."""
        self._change(state="running")

    def stop(self) -> None:
        """End the sweep: no new runs; runs in progress continue."""
        self._change(state="finished")

    def cancel(self) -> None:
        """End the sweep and stop its runs."""
        self._change(state="canceled")

    def update(self, config: Mapping[str, Any]) -> None:
        """Replace the config for all runs that have not been handed out yet.

        Warnings about it are printed on stderr.

        Raises:
            InvalidConfig: The config has problems; the error lists all of them.
        """
        self._change(config=config)

    def set_run_cap(self, run_cap: int | None) -> None:
        """Limit the number of runs; None for no limit."""
        self._change(run_cap=run_cap)

    def delete(self) -> None:
        """Delete the sweep with its runs and everything that they logged."""
        with open_client() as client:
            client.delete_sweep(self.id)

    def stop_run(self, run: str | int) -> Run:
        """Ask the agent of a run to stop it at its next report; returns the run as it is now.

        Args:
            run: Its id or its index.

        Raises:
            NotPossible: No agent works on it.
            UsageError: It is a run of another sweep.
        """
        with open_client() as client:
            return client.stop_run(self._run_id(run))

    def retry_run(self, run: str | int) -> Run:
        """Hand out a failed, crashed or killed run again; returns the run as it is now.

        It keeps its configuration; the next attempt begins again. A sweep that had ended because
        nothing was left runs again.

        Args:
            run: Its id or its index.

        Raises:
            NotPossible: The run has finished or was deleted, or the sweep is canceled.
            UsageError: It is a run of another sweep.
        """
        with open_client() as client:
            seen = client.get_run(self._run_id(run))
            answer = client.retry_run(seen["id"], seen["attempt"])
        return self._run_of(answer, seen, is_deletion=False)

    def retry_failed(self) -> list[str]:
        """Hand out all failed, crashed and killed runs again; returns their ids.

        Raises:
            NotPossible: The sweep is canceled.
        """
        retried: list[str] = []
        with open_client() as client:
            for answer in client.retry_failed(self.id):
                retried += answer["runs"]
                state = answer["sweep_state"]
        if not retried:
            notify(f"no run of sweep {self.id} failed, crashed or was killed")
        elif text := held_back_text(self.id, state):
            notify(text)
        return retried

    def delete_run(self, run: str | int, *, again: bool = False) -> Run:
        """Delete an ended run with everything that it logged; returns what remains of it.

        Args:
            run: Its id or its index.
            again: Whether to hand out its configuration again. Otherwise it still counts as taken,
                and for ``run_cap``.

        Raises:
            NotPossible: The run has not ended, or ``again`` is set and the sweep is canceled.
            UsageError: It is a run of another sweep.
        """
        with open_client() as client:
            seen = client.get_run(self._run_id(run))
            answer = client.delete_run(seen["id"], seen["attempt"], again=again)
        return self._run_of(answer, seen, is_deletion=True)

    def _run_of(self, answer: Mapping[str, Any], seen: Run, *, is_deletion: bool) -> Run:
        """The run of an answer; warnings about it are printed on stderr."""
        run: Run = answer["run"]
        if (text := amended_text(answer, seen, is_deletion=is_deletion)) or (
            run["state"] != "deleted" and (text := held_back_text(self.id, answer["sweep_state"]))
        ):
            notify(text)
        return run

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        handed_out = self._fields["n_handed_out"]
        return (
            f"<sweep {self.id}{name} in project {self.project!r}: {self.state}, {self.method},"
            f" {handed_out} {'run' if handed_out == 1 else 'runs'}>"
        )

    def _field(self, name: str) -> Any:
        """A field; the sweep is read first if it is an entry of a listing and lacks the field."""
        if name not in self._fields:
            self.refresh()
        return self._fields[name]

    def _change(self, **changes: Any) -> None:
        with open_client() as client:
            answer = client.change_sweep(self.id, **changes)
            for warning in warnings_of(answer):
                notify(warning)
            if text := no_effect_text(answer, changes, changes.get("state")):
                notify(text)
            self._fields = client.get_sweep(self.id)

    def _run_id(self, run: str | int) -> str:
        if isinstance(run, int):
            return f"{self.id}-{run}"
        if is_run(run) and sweep_of(run) != self.id:
            raise UsageError(f"'{run}' is no run of sweep {self.id}")
        return run


def get_sweep(sweep_id: str) -> Sweep:
    """Get a sweep, to read and change it.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.

    Raises:
        NotFound: There is no such sweep.
        UsageError: It is the id of a run, or not an id.
        BackendUnavailable: The backend is away.
    """
    if is_run(sweep_id):
        raise UsageError(f"'{sweep_id}' is a run; its sweep is {sweep_of(sweep_id)}")
    with open_client() as client:
        return Sweep(client.get_sweep(sweep_id))


def sweeps(project: str | None = None, state: str | None = None) -> list[Sweep]:
    """All sweeps, newest first.

    Args:
        project: Only return sweeps of this project.
        state: Only return sweeps in this state: ``pending``, ``running``, ``paused``, ``finished``
            or
            ``canceled``.
    """
    with open_client() as client:
        return [Sweep(fields) for fields in client.list_sweeps(project, state)]
