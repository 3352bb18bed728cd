"""Several sweeps with their runs, kept up to date, and a query for some of the runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._results.names import Names
from sweep_sdk._results.order import NEVER_BEST, best_first
from sweep_sdk._results.progress import AT_WORK
from sweep_sdk._results.queries import metrics_of
from sweep_sdk.cli.backend import suggested_ids
from sweep_sdk.cli.run_columns import ChosenColumns, run_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_sdk._backend.client import Client
    from sweep_sdk._results.names import Metrics
    from sweep_sdk._results.selection import Selection
    from sweep_sdk.cli.tables import Column

    Json = dict[str, Any]

_ENDED = ("finished", "canceled")
#: How many runs one request can name.
_MOST_INDICES = 100


class Listing:
    """A sweep and its runs, kept up to date. Runs that have ended are not read again."""

    def __init__(self, client: Client, sweep: str) -> None:
        self._client = client
        self._reference = sweep
        self._runs: dict[int, Json] = {}
        self.sweep: Json = {}

    @property
    def runs(self) -> list[Json]:
        """All runs, in the order of their index."""
        return [self._runs[index] for index in sorted(self._runs)]

    @property
    def is_over(self) -> bool:
        """Whether the sweep has ended and no run is at work: no other will be handed out."""
        is_ended = self.sweep.get("state") in _ENDED
        return is_ended and all(run["state"] not in AT_WORK for run in self.runs)

    def refresh(self) -> None:
        """Read everything that may have changed; counts and the best run follow from the runs."""
        with suggested_ids(self._client, self._reference):
            head = self._client.get_sweep(self._reference, survey=False)
        for run in self._client.list_runs(self._reference, *self._open()):
            self._runs[run["index"]] = run
        counts = Counter(run["state"] for run in self.runs)
        self.sweep = {**head, "counts": dict(sorted(counts.items())), "best": self._best(head)}

    def _open(self) -> tuple[int, list[int]]:
        """The first index that is not known, and the ones below it that may have changed."""
        following = max(self._runs, default=-1) + 1
        is_ended = {index: run["ended_at"] is not None for index, run in self._runs.items()}
        changing = [index for index in range(following) if not is_ended.get(index, False)]
        if len(changing) > _MOST_INDICES:
            return changing[0], []
        return following, changing

    def _best(self, head: Json) -> Json | None:
        if head["metric"] is None:
            return None
        for run in best_first(self.runs, {head["id"]: head["metric"]["goal"]})[:1]:
            if run["best"] is not None and run["state"] not in NEVER_BEST:
                return dict(run)
        return None


class Board:
    """Listings of several sweeps, in the given order and without duplicates."""

    def __init__(self, client: Client, sweeps: Sequence[str]) -> None:
        self._listings = [Listing(client, sweep) for sweep in dict.fromkeys(sweeps)]

    @property
    def sweeps(self) -> list[Json]:
        """The sweeps that have been read so far."""
        by_id = {sweep["id"]: sweep for listing in self._listings if (sweep := listing.sweep)}
        return list(by_id.values())

    @property
    def runs(self) -> list[Json]:
        """All runs, in the order of sweep and index."""
        by_id = {run["id"]: run for listing in self._listings for run in listing.runs}
        return list(by_id.values())

    @property
    def metrics(self) -> Metrics:
        """The metric of each sweep, by the id of the sweep."""
        return metrics_of(*self.sweeps)

    @property
    def is_over(self) -> bool:
        """Whether all sweeps and runs have ended."""
        return all(listing.is_over for listing in self._listings)

    def refresh(self) -> None:
        """Read everything that may have changed."""
        for listing in self._listings:
            listing.refresh()


@dataclass(frozen=True)
class RunQuery:
    """Which runs to show, and which of their values.

    Attributes:
        selection: Filter, order and limit of the runs.
        column_names: Names of the values to show; empty for the default columns.
    """

    selection: Selection
    column_names: tuple[str, ...] = ()

    def runs(self, board: Board) -> list[Json]:
        """The selected runs, in the requested order.

        Raises:
            UsageError: A name in the query is unknown.
        """
        return [dict(run) for run in self.selection.of(board.runs, board.metrics)]

    def columns(self, board: Board) -> ChosenColumns | None:
        """The requested columns; None for the default columns.

        Raises:
            UsageError: A name is unknown.
        """
        if not self.column_names:
            return None
        return ChosenColumns(self.column_names, Names(board.runs, board.metrics))

    def table(self, board: Board, runs: Sequence[Json], now: float) -> list[Column]:
        """A table of ``runs``; ``now`` is in seconds since the epoch."""
        chosen = self.columns(board)
        return run_columns(runs, board.sweeps, now) if chosen is None else chosen.table(runs)
