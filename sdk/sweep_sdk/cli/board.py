"""Several sweeps with their runs, kept up to date, and what somebody wants to see of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._results.names import Names
from sweep_sdk._results.queries import metrics_of
from sweep_sdk.cli.backend import similar_named
from sweep_sdk.cli.run_columns import Picked, run_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_sdk._backend.client import Client
    from sweep_sdk._results.names import Metrics
    from sweep_sdk._results.selection import Selection
    from sweep_sdk.cli.tables import Column

    Json = dict[str, Any]

_ENDED = ("finished", "canceled")


class Listing:
    """A sweep and its runs, kept up to date: runs that have ended are not read again."""

    def __init__(self, client: Client, sweep: str) -> None:
        self._client = client
        self._reference = sweep
        self._runs: dict[int, Json] = {}
        self.sweep: Json = {}

    @property
    def runs(self) -> list[Json]:
        """All runs, by index."""
        return [self._runs[index] for index in sorted(self._runs)]

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more, unless somebody resumes the sweep."""
        is_ended = self.sweep.get("state") in _ENDED
        return is_ended and all(run["ended_at"] is not None for run in self.runs)

    def refresh(self) -> None:
        """Read what may have changed."""
        with similar_named(self._client, self._reference):
            self.sweep = self._client.get_sweep(self._reference)
        for run in self._client.list_runs(self._reference, self._first_open()):
            self._runs[run["index"]] = run

    def _first_open(self) -> int:
        ended = (index for index, run in self._runs.items() if run["ended_at"] is not None)
        first = 0
        for index in sorted(ended):
            if index != first:
                break
            first = index + 1
        return first


class Board:
    """Listings of several sweeps, in the order in which they were named, each once."""

    def __init__(self, client: Client, sweeps: Sequence[str]) -> None:
        self._listings = [Listing(client, sweep) for sweep in dict.fromkeys(sweeps)]

    @property
    def sweeps(self) -> list[Json]:
        """Those that have been read."""
        by_id = {sweep["id"]: sweep for listing in self._listings if (sweep := listing.sweep)}
        return list(by_id.values())

    @property
    def runs(self) -> list[Json]:
        """All runs, by sweep and index."""
        by_id = {run["id"]: run for listing in self._listings for run in listing.runs}
        return list(by_id.values())

    @property
    def metrics(self) -> Metrics:
        """The metric of each sweep, by its id."""
        return metrics_of(*self.sweeps)

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return all(listing.is_over for listing in self._listings)

    def refresh(self) -> None:
        """Read what may have changed."""
        for listing in self._listings:
            listing.refresh()


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to see of runs.

    Attributes:
        columns: Names of values; empty for a choice of what tells most.
    """

    selection: Selection
    columns: tuple[str, ...] = ()

    def runs(self, board: Board) -> list[Json]:
        """The runs that are wanted, in the order that is wanted.

        Raises:
            UsageError: No run has a name that is asked for.
        """
        return [dict(run) for run in self.selection.of(board.runs, board.metrics)]

    def picked(self, board: Board) -> Picked | None:
        """The values that are wanted; None for a choice of what tells most.

        Raises:
            UsageError: No run has such a name.
        """
        if not self.columns:
            return None
        return Picked(self.columns, Names(board.runs, board.metrics))

    def table(self, board: Board, runs: Sequence[Json], now: float) -> list[Column]:
        """Some of the board's runs as columns; ``now`` is in seconds since the epoch."""
        picked = self.picked(board)
        return run_columns(runs, board.sweeps, now) if picked is None else picked.columns(runs)
