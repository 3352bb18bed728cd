"""Reads from a backend, in the shapes that the page uses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from sweep_service.model.records.identifiers import run_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sweep_sdk._backend.client import Client

    Json = dict[str, Any]

_MOST_SWEEPS = 1000
_AT_ONCE = 4
_CURVES_A_REQUEST = 100
_INDICES_A_REQUEST = 100


class Reader(Protocol):
    """Reads from a backend; every method raises ``SweepError``."""

    def sweeps(self) -> list[Json]:
        """All sweeps, newest first."""

    def sweep(self, sweep: str) -> Json:
        """One sweep with its config."""

    def glance(self, sweep: str) -> Json:
        """``state``, ``counts`` by state, ``best`` (a run or None)."""

    def runs(self, sweep: str, since: int, indices: Sequence[int]) -> Iterable[Json]:
        """The runs with index >= ``since``, and those at ``indices``."""

    def run(self, sweep: str, index: int) -> Json:
        """A run in full."""

    def events(self, sweep: str) -> list[Json]:
        """The changes to the sweep: who, when and what."""

    def curves(self, sweep: str, metric: str, indices: Sequence[int], points: int) -> list[Json]:
        """Curves of runs: ``index``, ``attempt``, and the columns ``step``, ``at``, ``value``."""

    def model(self, sweep: str, x: str | None, y: str | None) -> Json:
        """Importance, slices, contour, suggested configuration, forecasts and their coverage."""

    def bands(self, sweep: str) -> Json:
        """The audit of early termination."""


class BackendReader:
    """Reads through a client."""

    def __init__(self, client: Client, runs_dir: Path | None = None) -> None:
        """Set up.

        Args:
            client: Client of the backend.
            runs_dir: Folder in which agents of this machine store the output of runs.
        """
        self._client = client
        self._runs_dir = runs_dir

    def sweeps(self) -> list[Json]:
        """See ``Reader``."""
        return list(islice(self._client.list_sweeps(), _MOST_SWEEPS))

    def sweep(self, sweep: str) -> Json:
        """See ``Reader``."""
        return self._client.get_sweep(sweep, survey=False)

    def glance(self, sweep: str) -> Json:
        """See ``Reader``."""
        found = self._client.get_sweep(sweep)
        return {name: found[name] for name in ("state", "counts", "best")}

    def runs(self, sweep: str, since: int, indices: Sequence[int]) -> Iterable[Json]:
        """See ``Reader``."""
        if len(indices) > _INDICES_A_REQUEST:
            return self._client.list_runs(sweep, min([since, *indices]))
        return self._client.list_runs(sweep, since, indices)

    def run(self, sweep: str, index: int) -> Json:
        """See ``Reader``; adds ``log``, the file with the run's output if it is on this machine."""
        found = self._client.get_run(run_id(sweep, index))
        return {**found, "log": self._log(sweep, found["id"])}

    def events(self, sweep: str) -> list[Json]:
        """See ``Reader``."""
        return self._client.list_events(sweep)

    def curves(self, sweep: str, metric: str, indices: Sequence[int], points: int) -> list[Json]:
        """See ``Reader``."""

        def some(first: int) -> list[Json]:
            part = indices[first : first + _CURVES_A_REQUEST]
            found = self._client.curves(sweep, part, metric, points=points)
            return [curve.to_json() for curve in found.runs]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            parts = pool.map(some, range(0, len(indices), _CURVES_A_REQUEST))
            return [curve for part in parts for curve in part]

    def model(self, sweep: str, x: str | None, y: str | None) -> Json:
        """See ``Reader``."""
        pair = None if x is None or y is None else (x, y)
        return self._client.model(sweep, pair).to_json()

    def bands(self, sweep: str) -> Json:
        """See ``Reader``."""
        return self._client.bands(sweep).to_json()

    def _log(self, sweep: str, run: str) -> str | None:
        if self._runs_dir is None:
            return None
        from sweep_sdk._agent.process.launcher import run_files

        path = run_files(self._runs_dir, sweep, run, 1).log
        return str(path) if path.exists() else None
