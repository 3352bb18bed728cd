"""Requests that read sweeps and runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.analysis import AnalysisCaller
from sweep_sdk._backend.answers import (
    history_row,
    listed_sweep,
    run_in_full,
    run_of,
    sweep_of,
    thinned,
)
from sweep_sdk._backend.requests import run_path, sweep_path
from sweep_sdk._exceptions import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sweep_sdk._backend.answers import Thinned

    Json = dict[str, Any]

_RUNS_A_PAGE = "2000"  #: Maximum; an older backend returns fewer.


class ReadingCaller(AnalysisCaller):
    """The methods of a client that read sweeps and runs."""

    def get_sweep(self, sweep: str, *, survey: bool = True) -> Json:
        """One sweep with its config.

        Args:
            sweep: A reference to the sweep.
            survey: Whether to add ``counts`` by run state and the ``best`` run, for which the
                backend reads all runs.
        """
        return self._get(sweep_path(sweep), sweep_of, {} if survey else {"survey": "false"})

    def list_sweeps(self, project: str | None = None, state: str | None = None) -> Iterator[Json]:
        """Sweeps, newest first; pages are read lazily."""
        return self._pages("/v1/sweeps", {"project": project, "state": state}, listed_sweep)

    def list_runs(self, sweep: str, since: int = 0, indices: Sequence[int] = ()) -> Iterator[Json]:
        """Runs with index >= ``since`` in order of index; pages are read lazily.

        Args:
            sweep: A reference to the sweep.
            since: The lowest index.
            indices: Indices of at most 100 runs below ``since`` to return first.
        """
        query = {"count": _RUNS_A_PAGE, "since": str(since) if since else None}
        query |= {"index": ",".join(map(str, indices))} if indices else {}
        return self._pages(f"{sweep_path(sweep)}/runs", query, run_of)

    def get_run(self, run: str) -> Json:
        """A run with its earlier attempts and its error tail."""
        return self._get(run_path(run), run_in_full)

    def best_run(self, sweep: str) -> Json | None:
        """The run with the best value of the sweep's metric, or None."""
        path = sweep_path(sweep)
        try:
            return self._get(f"{path}/best", run_of)
        except NotFound:
            self._get(path, sweep_of)  # raises NotFound if it is the sweep that does not exist
            return None

    def history(self, run: str, keys: Sequence[str] = ()) -> Iterator[Json]:
        """The logged rows of all attempts in order; pages are read lazily.

        Args:
            run: A reference to the run.
            keys: Only return rows that have one of these metrics, reduced to these; empty for all.
        """
        query = {"keys": json.dumps(list(keys)) if keys else None}
        return self._pages(f"{run_path(run)}/history", query, history_row)

    def thinned_history(self, run: str, rows: int, keys: Sequence[str] = ()) -> Thinned:
        """About ``rows`` of the rows of ``history``, including the first and the last.

        Rows with the smallest and largest values of ``keys``, or else of the sweep's metric, are
        included too.

        Args:
            run: A reference to the run.
            rows: Number of rows, from 1 to 10,000; up to twice as many are returned.
            keys: As for ``history``.
        """
        query = {"rows": str(rows)} | ({"keys": json.dumps(list(keys))} if keys else {})
        return self._get(f"{run_path(run)}/history", thinned, query)
